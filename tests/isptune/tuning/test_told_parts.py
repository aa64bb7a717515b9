"""What an optimizer is told beside losses: what labels add to them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import isptune
from isptune.optimizers.bo import ModelSearch
from isptune.tuning.evaluation import Evaluator
from isptune.tuning.scoring import Scoring

TERMS = {"contrast": 2.0, "exposure": 1.0}


def tune(out, **settings):
    pipeline = isptune.create_pipeline(
        "synthetic", scenes=["chart:64x48"], stages=["brighten", "desaturate"], compile=False
    )
    objective = isptune.create_objective("weighted", terms=TERMS)
    given = {"optimizer": "bo", "budget": 12, "population": 3, "progress": False, **settings}
    return isptune.tune(pipeline, objective, out=out, **given)


def lines(folder):
    return [json.loads(line) for line in Path(folder, "evaluations.jsonl").read_text().splitlines()]


def cut(folder, left, without=None):
    """Leave so many lines of a log, without a key."""
    kept = lines(folder)[:left]
    for line in kept:
        line.pop(without, None)
    Path(folder, "evaluations.jsonl").write_text("".join(json.dumps(line) + "\n" for line in kept))


@pytest.fixture
def told(monkeypatch):
    """What each search was told of labels, batch by batch."""
    found = []
    plain = ModelSearch.learn_labels

    def learn_labels(self, parts):
        found.append(parts)
        plain(self, parts)

    monkeypatch.setattr(ModelSearch, "learn_labels", learn_labels)
    return found


def test_labels_are_logged_told_and_go_on_in_a_resumed_run(told):
    result = tune("run")
    log = lines("run")
    weights = isptune.create_objective("weighted", terms=TERMS).label_weights
    for line, parts in zip(log, told, strict=True):
        scores = np.array(line["scores"])[:, 0]
        assert np.array(line["label_scores"]) @ weights == pytest.approx(scores, abs=1e-6)
        # Higher is better: losses are what is lost.
        assert -parts.sum(axis=1) == pytest.approx(scores, abs=1e-6)
    assert result.best_score == max(max(line["scores"])[0] for line in log)
    cut("run", 2)
    tune("run", resume=True)
    assert [{**line, "seconds": 0} for line in lines("run")] == [{**line, "seconds": 0} for line in log]


def test_a_log_without_labels_goes_on_without(told):
    tune("run")
    cut("run", 2, without="label_scores")
    told.clear()
    tune("run", resume=True)
    assert told == []
    assert all("label_scores" not in line for line in lines("run"))


def test_labels_are_told_to_who_learns_from_them_alone(told):
    tune("run", optimizer="random", budget=3)
    assert (told, "label_scores" in lines("run")[0]) == ([], False)


def test_a_score_is_the_same_to_the_last_bit_with_its_labels():
    pipeline = isptune.create_pipeline(
        "synthetic", scenes=["chart:64x48"], stages=["brighten", "desaturate"], compile=False
    )
    guard = isptune.create_objective("sharpness")
    scoring = Scoring([isptune.create_objective("weighted", terms=TERMS)], guards=[guard])
    candidates = np.random.default_rng(0).random((5, 2))
    with Evaluator(pipeline, scoring) as evaluator:
        found = evaluator.evaluate(candidates, by_label=True)
        plain = evaluator.evaluate(candidates)
    assert np.array_equal(found.scores, plain.scores)
    assert np.array_equal(found.guards, plain.guards)
    assert found.label_scores.shape == (5, 2)
    assert plain.label_scores is None

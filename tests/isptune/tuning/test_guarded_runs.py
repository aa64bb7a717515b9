"""Runs with guards: what is chosen, what the log, the result and the report say of it, and resuming."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import isptune
from isptune import Float
from isptune.errors import ConfigurationError, IsptuneError, RunDirectoryError
from isptune.report import report_of_runs
from isptune.tuning.settings import parse_config


class Grey(isptune.Pipeline):
    """A grey picture of a level from 0 to 1, of 0.5 in the factory."""

    has_reference = False

    def __init__(self, default: float | None = 0.5) -> None:
        self.space = isptune.ParameterSpace({"level": Float(0.0, 1.0, default=default)})
        self.scenes = [isptune.Scene("grey", (16, 16))]

    def render(self, values: torch.Tensor, scene: isptune.Scene | int) -> torch.Tensor:
        return values.float().reshape(-1, 1, 1, 1).expand(-1, 3, 16, 16)


class Greedy(isptune.Objective):
    """The brighter, the better: it can be gamed."""

    higher_is_better = True

    def score(self, images: torch.Tensor, reference: torch.Tensor | None = None) -> torch.Tensor:
        return images.mean(dim=(1, 2, 3))


class Sober(isptune.Objective):
    """The distance of the brightness from 0.6; NaN below ``blind``."""

    higher_is_better = False

    def __init__(self, blind: float = 0.0) -> None:
        super().__init__()
        self.blind = blind

    def score(self, images: torch.Tensor, reference: torch.Tensor | None = None) -> torch.Tensor:
        level = images.mean(dim=(1, 2, 3))
        return torch.where(level < self.blind, torch.nan, (level - 0.6).abs())


SETTINGS: dict[str, Any] = {"optimizer": "random", "population": 20, "budget": 60, "seed": 3}


def lines(folder: Path) -> list[dict[str, Any]]:
    """The log without its times."""
    found = [json.loads(line) for line in (folder / "evaluations.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in found]


def test_a_guard_keeps_the_search_from_gaming_the_objective(tmp_path: Path) -> None:
    free = isptune.tune(Grey(), Greedy(), **SETTINGS)
    assert free.best_parameters["level"] > 0.95
    out = tmp_path / "run"
    found = isptune.tune(Grey(), Greedy(), guard=Sober(), guard_tolerance=0.0, out=out, **SETTINGS)
    # Up to 0.7 the guard calls nothing worse than the start; beyond it a gain counts against a candidate.
    level = found.best_parameters["level"]
    assert 0.6 < level < 0.75
    # The score is the objective's own, and so are the logged ones.
    assert found.best_score == pytest.approx(level)
    assert found.history.score.max() == pytest.approx(free.best_score)
    assert found.guarded is not None
    assert found.guarded.of == 60
    assert 0 < found.guarded.doubted == int(found.history.doubted.sum()) < 60
    assert found.guarded.best_doubted_by == []
    assert found.guarded.start == {"Sober": pytest.approx(0.1)}
    assert found.guarded.unguarded is not None
    assert found.guarded.unguarded["score"] == pytest.approx(free.best_score)
    assert found.guarded.unguarded["doubted_by"] == ["Sober"]
    data = json.loads((out / "result.json").read_text())
    assert data["guard"] == found.guarded.to_dict()
    assert data["best_penalties"] == {"Greedy": 0.0}
    first = lines(out)[0]
    assert np.shape(first["guards"]) == np.shape(first["doubts"]) == np.shape(first["penalties"]) == (20, 1)
    assert first["reference"][0] == pytest.approx([0.5, 0.1])
    run = isptune.Run.read(out)
    assert run.result.best_parameters == found.best_parameters
    assert run.result.guarded == found.guarded
    assert run.description.guards == ("Sober",)


def test_losses_are_the_scores_with_what_was_added() -> None:
    history = isptune.tune(Grey(), Greedy(), guard=Sober(), **SETTINGS).history
    assert history.penalties is not None
    np.testing.assert_array_equal(history.losses, -history.scores + history.penalties)
    best = history.best_so_far
    assert best[-1] == np.argmin(history.losses[:, 0])
    assert history.column(0).losses.tolist() == history.losses.tolist()


def test_a_guarded_run_resumes_bit_for_bit(tmp_path: Path) -> None:
    settings = SETTINGS | {"optimizer": "es", "guard": Sober(), "stay_near": 0.2}
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for folder in (whole, cut):
        isptune.tune(Grey(), Greedy(), out=folder, **settings)
    log = cut / "evaluations.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:1]))
    again = isptune.tune(Grey(), Greedy(), out=cut, resume=True, **settings)
    assert lines(cut) == lines(whole)
    assert again.best_parameters == isptune.Run.read(whole).best_parameters


def test_another_guard_is_another_run(tmp_path: Path) -> None:
    isptune.tune(Grey(), Greedy(), guard="contrast", out=tmp_path / "run", **SETTINGS)
    with pytest.raises(RunDirectoryError, match="guard was 'contrast' and is now 'exposure'"):
        isptune.tune(Grey(), Greedy(), guard="exposure", out=tmp_path / "run", resume=True, **SETTINGS)


def test_what_a_guard_cannot_score_has_failed_with_a_reason() -> None:
    found = isptune.tune(Grey(), Greedy(), guard=Sober(blind=0.2), **SETTINGS)
    assert 0 < found.history.failed < 60
    assert "it scored guard Sober nan on scene 'grey'" in found.problems[0]
    assert np.isnan(found.history.guards).sum() == found.history.failed


def test_several_objectives_are_guarded_column_by_column() -> None:
    class Dark(Greedy):
        higher_is_better = False

    settings = SETTINGS | {"optimizer": "nsga2"}
    found = isptune.tune(Grey(), [Greedy(), Dark()], guard=Sober(), guard_tolerance=0.0, **settings)
    assert found.history.penalties is not None
    assert found.history.penalties.shape == (60, 2)
    # Whoever leaves the start by more than the guard allows is doubted in the column that gains by it.
    levels = found.history.candidates[:, 0]
    assert (found.history.penalties[levels > 0.75, 0] > 0).all()
    assert not found.history.penalties[levels > 0.75, 1].any()
    assert (found.history.penalties[levels < 0.45, 1] > 0).all()
    assert all(0.4 < row["parameters"]["level"] < 0.8 for row in found.front)


def test_staying_near_keeps_the_default_unless_the_gain_is_worth_it() -> None:
    kept = isptune.tune(Grey(), Sober(), stay_near=10.0, **SETTINGS)
    assert kept.best_parameters["level"] == 0.5
    moved = isptune.tune(Grey(), Sober(), stay_near=0.1, **SETTINGS)
    assert moved.best_parameters["level"] == pytest.approx(0.6, abs=0.05)
    assert moved.best_penalties["Sober"] > 0
    assert moved.notes == [
        f"added to the losses of the best candidate: {moved.best_penalties['Sober']:.4g} to Sober"
    ]


def test_gradients_feel_the_way_from_the_defaults() -> None:
    class Smooth(Grey):
        is_differentiable = True

    class Pull(Greedy):
        is_differentiable = True

    settings: dict[str, Any] = {"optimizer": "adam", "population": 4, "budget": 80, "seed": 1}
    free = isptune.tune(Smooth(), Pull(), **settings)
    near = isptune.tune(Smooth(), Pull(), stay_near=30.0, **settings)
    # Brightness pulls one way, the prior the other.
    ends = [np.abs(one.history.candidates[-4:, 0] - 0.5).mean() for one in (near, free)]
    assert ends[0] < 0.1 < ends[1]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"guard": "psnr"}, "the guard 'psnr' compares with a reference, which the pipeline 'Grey' does not"),
        ({"guard": "simulated-observer"}, "the guard 'simulated-observer' is a judge, which compares the"),
        ({"guard": "contrats"}, "there is no objective named 'contrats'; did you mean 'contrast'"),
        (
            {"guard": "contrast", "guard_weight": -1},
            "guard_weight is -1; allowed: greater than or equal to 0",
        ),
        ({"guard": ["contrast", "contrast"]}, "the guard 'contrast' is given twice, with the same options"),
        ({"guard": 3}, "the guard of isptune.tune is 3; allowed: an objective, the name of a registered one"),
        ({"stay_near": -0.5}, "stay_near is -0.5; allowed: greater than or equal to 0"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_be_is_one_sentence(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(IsptuneError) as error:
        isptune.tune(Grey(), Greedy(), **{**SETTINGS, **settings})
    assert sentence in str(error.value)


def test_a_guard_is_another_judge_than_the_objective() -> None:
    itself = "the guard 'contrast' is the objective itself with the same options, which never contradicts it"
    with pytest.raises(ConfigurationError, match=itself):
        isptune.tune(Grey(), "contrast", guard="contrast", **SETTINGS)
    objective = Greedy()
    with pytest.raises(ConfigurationError, match="the guard 'Greedy' is the objective itself"):
        isptune.tune(Grey(), objective, guard=[Sober(), objective], **SETTINGS)
    # Two objects of one class may differ: nobody knows their options.
    assert isptune.tune(Grey(), Sober(), guard=Sober(0.01), **SETTINGS).guarded is not None


def test_staying_near_needs_defaults_and_a_guard_no_gradients() -> None:
    with pytest.raises(ConfigurationError) as error:
        isptune.tune(Grey(default=None), Greedy(), stay_near=1.0, **SETTINGS)
    assert str(error.value) == (
        "stay_near is 1, and the pipeline 'Grey' declares no defaults of what is searched that a search could "
        "stay near to; leave it out"
    )
    with pytest.raises(ConfigurationError, match="'adam' follows gradients, and the penalty of a guard"):
        isptune.tune("raw", "psnr", guard="contrast", optimizer="adam")


def test_settings_without_guards_are_written_as_before() -> None:
    plain = parse_config({})
    assert not {"guard", "guard_weight", "guard_tolerance", "stay_near"} & plain.model_dump().keys()
    given = parse_config({"guard": "contrast, exposure", "stay_near": 0.5})
    assert [one.name for one in given.guard] == ["contrast", "exposure"]
    assert given.fingerprint() != plain.fingerprint()
    assert parse_config(given.model_dump()).fingerprint() == given.fingerprint()
    options = parse_config({"guard": {"name": "weighted", "options": {"terms": {"contrast": 1}}}})
    assert options.guard[0].options == {"terms": {"contrast": 1}}


def test_reports_and_trackers_tell_of_guards(tmp_path: Path) -> None:
    told: list[int | None] = []
    folders = [tmp_path / "guarded", tmp_path / "free"]
    isptune.tune(
        Grey(),
        Greedy(),
        guard=Sober(),
        out=folders[0],
        callbacks=[lambda progress: told.append(progress.doubted)],
        **SETTINGS,
    )
    isptune.tune(Grey(), Greedy(), out=folders[1], **SETTINGS)
    doubted = isptune.Run.read(folders[0]).result.guarded.doubted
    assert told[-1] == doubted
    assert told == sorted(told)
    page = report_of_runs(folders[:1])
    assert f"The guard Sober doubted {doubted} of 60 candidates, not the best one." in page
    assert "doubted by guards" in page
    both = report_of_runs(folders)
    assert "<th" in both
    assert ">guard</th>" in both.replace("\n", "")
    assert ">Sober</td>" in both.replace("\n", "")

"""The simulated observer: what it answers, and what it refuses."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from syrupy.assertion import SnapshotAssertion
from torch import Tensor

import isptune
from isptune.contracts.round import Contender, JudgedScene, Leader, Note, Round, identity_of
from isptune.errors import ConfigurationError, UnknownNameError
from isptune.plugins.registry import objectives

GREY = torch.full((3, 8, 8), 0.5)


def contender(error: float, name: str = "error") -> Contender:
    """A grey picture that is off by so much."""
    values = {name: error}
    return Contender(identity_of(values), values, (GREY + error,))


def a_round(errors: list[float], **facts: Any) -> Round:
    scenes = (JudgedScene(0, "grey", (8, 8), GREY),)
    return Round(0, tuple(map(contender, errors)), scenes, **facts)


def judged(round: Round, **options: Any) -> tuple[list[float], list[Note]]:
    notes: list[Note] = []
    observer = isptune.create_objective("simulated-observer", **options)
    return observer.judge(replace(round, write=notes.append)), notes


def test_without_noise_the_ranking_is_that_of_the_objective() -> None:
    errors = [0.2, 0.05, 0.1, 0.4, 0.3]
    scores, notes = judged(a_round(errors), noise=0.0, comparisons=4)
    assert sorted(errors, key=lambda error: -scores[errors.index(error)]) == sorted(errors)
    assert len(notes) == 10
    first = identity_of({"error": 0.05})
    assert all(note["share"] == float(note["first"] == first) for note in notes if first in note.values())
    assert {note["scene"] for note in notes} == {"grey"}


def test_pictures_of_equal_quality_are_a_tie_without_noise() -> None:
    scores, notes = judged(a_round([0.125, -0.125]), objective="psnr", noise=0.0)
    assert [note["share"] for note in notes] == [0.5]
    assert scores == [0.0, 0.0]


def test_noise_is_of_the_size_that_was_asked_for() -> None:
    """One dB apart and noise of 0.5 dB: the better one wins with Phi(1 / (0.5 sqrt 2)) = 0.921."""
    wins = []
    for seed in range(300):
        _, notes = judged(a_round([0.1, 0.1 * 10**0.05]), noise=0.5, seed=seed)
        wins.append(notes[0]["share"] == float(notes[0]["first"] == identity_of({"error": 0.1})))
    assert sum(wins) / len(wins) == pytest.approx(0.921, abs=0.04)


def test_answers_do_not_depend_on_who_else_is_there() -> None:
    _, few = judged(a_round([0.1, 0.11]), noise=2.0)
    _, many = judged(a_round([0.1, 0.11, 0.12, 0.13]), noise=2.0, comparisons=3)
    assert few[0] in many


def test_scores_count_from_the_leader() -> None:
    held = contender(0.1, "leads")
    leader = Leader(held.identity, held.values, held.pictures, score=3.0)
    scores, notes = judged(a_round([0.01, 0.4], leader=leader), noise=0.0, comparisons=1)
    assert len(notes) == 2
    assert scores[0] > 3.0 > scores[1]
    assert scores[0] + scores[1] == pytest.approx(6.0)


class Picky(isptune.Objective):
    """The mean, and nothing for dark pictures."""

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        mean = images.mean(dim=(1, 2, 3))
        return torch.where(mean < 0.45, torch.nan, mean)


def test_what_its_objective_cannot_score_cannot_be_judged() -> None:
    objectives.register("picky-for-tests")(Picky)
    try:
        plain = a_round([0.1, -0.2, 0.3])
        scores, notes = judged(plain, objective="picky-for-tests", noise=0.0)
        assert [math.isnan(score) for score in scores] == [False, True, False]
        assert len(notes) == 1
        assert scores[2] > scores[0]
        again, _ = judged(replace(plain, notes=tuple(notes)), objective="picky-for-tests", noise=0.0)
        assert math.isnan(again[1])
        assert again[::2] == scores[::2]
    finally:
        objectives._records.pop("picky-for-tests")


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"objective": "simulated-observer"}, ConfigurationError),
        ({"objective": "psrn"}, UnknownNameError),
        ({"noise": -1}, ConfigurationError),
        ({"comparisons": 0}, ConfigurationError),
        ({"objective_options": {"window": 3}}, ConfigurationError),
    ],
)
def test_bad_options_are_refused(
    options: dict[str, Any], kind: type[Exception], snapshot: SnapshotAssertion
) -> None:
    with pytest.raises(kind) as refusal:
        isptune.create_objective("simulated-observer", **options)
    assert str(refusal.value) == snapshot


def test_facts_follow_from_its_objective() -> None:
    assert isptune.create_objective("simulated-observer").needs_reference
    without = isptune.create_objective("simulated-observer", objective="severity")
    assert not without.needs_reference
    assert without.coverage == objectives.get("severity").coverage
    kind = objectives.get("simulated-observer")
    assert kind.coverage_with({"objective": "severity"}) == objectives.get("severity").coverage
    assert kind.coverage_with({"objective": "psrn"}) is None

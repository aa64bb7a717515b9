"""Runs over whole numbers and choices: nothing is evaluated or counted on the front twice."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import isptune
from isptune import Choice, Float, Int, ParameterSpace
from isptune.parameters.identity import counts, free_space, identities, most_candidates
from isptune.tuning.fronts import pareto_front
from isptune.tuning.proposing import Proposer

Maker = Callable[..., Any]
SMALL = {"a": Int(0, 4), "b": Choice((0.0, 0.25, 0.5, 0.75))}
MIXED = {"a": Float(0, 1), "b": Int(0, 3)}


@pytest.fixture
def stepped(flat: Maker) -> Maker:
    """The flat pipeline whose colours come in steps."""

    class Stepped(flat):  # type: ignore[misc]
        def __init__(self, parameters: dict[str, Any], **options: Any) -> None:
            super().__init__(**options)
            self.space = ParameterSpace(parameters)
            self.rendered: list[tuple[float, ...]] = []

        def render(self, values: Tensor, scene: Any) -> Tensor:
            if self.scene(scene).index == 0:
                self.rendered += [tuple(row) for row in values.tolist()]
            return super().render(values / 4, scene)

        def truth(self, values: Tensor) -> Tensor:
            return super().truth(values / 4)

    return Stepped


OPTIMIZERS = ["nsga2", "es", "cma", "random", "nevergrad:OnePlusOne"]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_candidate_of_a_small_space_is_evaluated_once(
    stepped: Maker, target: Maker, nsga2: str, optimizer: str, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = stepped(SMALL)
    with caplog.at_level(logging.WARNING, logger="isptune"):
        result = isptune.tune(pipeline, target(), optimizer=optimizer, budget=60, population=10)
    assert result.evaluations == 60
    assert len(pipeline.rendered) == len(set(pipeline.rendered))
    if "nevergrad" not in optimizer:
        assert len(pipeline.rendered) == 20
        assert result.best_parameters == {"a": 1, "b": 0.75}
    assert caplog.messages == [
        "the parameters have 20 different values together and the budget is 60: what comes again is not "
        "evaluated again"
    ]
    # What comes again has the score of the first time.
    again: dict[tuple[float, ...], float] = {}
    for row, score in zip(result.history.values.tolist(), result.history.score, strict=True):
        assert again.setdefault(tuple(row), score) == score


def test_nsga2_asks_for_no_values_twice_and_the_front_holds_each_once(
    stepped: Maker, target: Maker, red: Maker, nsga2: str
) -> None:
    for parameters, most in ((SMALL, 20), (MIXED, 60)):
        fronts: list[int | None] = []
        result = isptune.tune(
            stepped(parameters),
            [target(), red()],
            optimizer=nsga2,
            budget=60,
            population=10,
            callbacks=[lambda progress, fronts=fronts: fronts.append(progress.front)],
        )
        values = [tuple(row) for row in result.history.values.tolist()]
        assert len(set(values)) == most
        found = [tuple(row["parameters"].values()) for row in result.front]
        assert len(set(found)) == len(found) == fronts[-1]


def test_cma_of_several_objectives_goes_on_after_a_candidate_was_moved(
    stepped: Maker, target: Maker, red: Maker
) -> None:
    pipeline = stepped(SMALL)
    result = isptune.tune(pipeline, [target(), red()], optimizer="cma", budget=60, population=10)
    assert len(pipeline.rendered) == len(set(pipeline.rendered)) >= 10
    # The first batch, before Nevergrad takes over, is of ten different candidates.
    assert len({tuple(row) for row in result.history.values[:10].tolist()}) == 10


def test_a_run_of_steps_goes_on_as_if_it_had_not_stopped(
    stepped: Maker, target: Maker, tmp_path: Path
) -> None:
    def tuned(folder: str, **more: Any) -> list[str]:
        pipeline = stepped(SMALL)
        isptune.tune(pipeline, target(), budget=40, population=10, out=tmp_path / folder, **more)
        return [line.partition('"seconds"')[0] for line in log(folder).read_text().splitlines()]

    def log(folder: str) -> Path:
        return tmp_path / folder / "evaluations.jsonl"

    whole = tuned("run")
    log("run").write_text("".join(log("run").read_text().splitlines(keepends=True)[:2]))
    assert tuned("run", resume=True) == whole


def test_what_failed_is_not_tried_again_and_said_once(stepped: Maker, target: Maker) -> None:
    class Hole(type(stepped(SMALL))):  # type: ignore[misc]
        def render(self, values: Tensor, scene: Any) -> Tensor:
            return (
                super().render(values, scene).masked_fill((values[:, 0] == 2)[:, None, None, None], torch.nan)
            )

    result = isptune.tune(Hole(SMALL, sizes=((8, 8),)), target(), budget=60, population=10)
    assert len(result.problems) == 4
    for problem in result.problems:
        number, row = (int(problem.split()[place].strip(":")) for place in (1, 3))
        assert np.isnan(result.history.scores[10 * (number - 1) + row])


def test_spaces_of_real_numbers_are_not_touched(flat: Maker, target: Maker) -> None:
    optimizer = isptune.create_optimizer("es", space=2, population=10, seed=0, budget=20)
    result = isptune.tune(flat(), target(), budget=20, population=10)
    for start in (0, 10):
        candidates = optimizer.propose()
        assert np.array_equal(candidates, result.history.candidates[start : start + 10])
        optimizer.learn(candidates, result.history.scores[start : start + 10])


def test_what_does_not_matter_makes_no_other_candidate() -> None:
    space = ParameterSpace(
        {"denoise.on": Choice(("no", "yes")), "denoise.steps": Int(1, 3, active_if={"on": "yes"})}
    )
    assert counts(space) == (2, 3)
    assert most_candidates(space) == 6
    keys = identities(space, [[0.1, 0.1], [0.4, 0.9], [0.9, 0.1], [0.9, 0.2], [0.9, 0.9]])
    assert [keys.index(key) for key in keys] == [0, 0, 2, 2, 4]
    for name in ("es", "nsga2"):
        optimizer = isptune.create_optimizer(name, space=free_space(space), population=6, seed=0)
        # One without denoising and three with it.
        assert len(set(identities(space, Proposer(optimizer).ask()))) == 4


def test_a_front_tells_candidates_by_their_values() -> None:
    points, scores = [[0.1], [0.2], [0.9]], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    labels, higher = ("p", "q"), (True, True)
    assert len(pareto_front(points, scores, labels, higher)) == 3
    assert pareto_front(points, scores, labels, higher, [[0], [0], [1]]).indices.tolist() == [0, 2]

"""The evaluator: means over scenes, orientation, micro-batches, gradients, and what goes wrong."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from syrupy.assertion import SnapshotAssertion
from torch import Tensor

from isptune import Choice, Float, ParameterSpace, Pipeline, Scene
from isptune.contracts.development import Development
from isptune.errors import ConfigurationError, EvaluationError, StageError
from isptune.tuning.evaluation import Evaluator
from isptune.tuning.scoring import Scoring

Maker = Callable[..., Any]
CANDIDATES = np.array([[0.25, 0.75], [0.0, 0.0], [1.0, 0.5], [0.1, 0.9], [0.7, 0.2]])


def expected(candidates: np.ndarray) -> np.ndarray:
    a, b = candidates.T
    return (2 * (a - 0.25) ** 2 + (b - 0.75) ** 2) / 3


def test_scores_are_means_over_scenes_in_the_objectives_orientation(flat: Maker, target: Maker) -> None:
    evaluation = Evaluator(flat(), target()).evaluate(CANDIDATES)
    assert evaluation.scores.shape == (5, 1)
    np.testing.assert_allclose(evaluation.scores[:, 0], expected(CANDIDATES), rtol=1e-12)
    np.testing.assert_array_equal(evaluation.losses, evaluation.scores)
    assert evaluation.statuses == ["done"] * 5
    assert evaluation.reasons == [""] * 5

    class Higher(type(target())):  # type: ignore[misc]
        higher_is_better = True

    higher = Evaluator(flat(), Higher()).evaluate(CANDIDATES)
    np.testing.assert_array_equal(higher.losses, -higher.scores)


def test_gradients_are_those_of_the_losses_in_the_unit_cube(flat: Maker, target: Maker) -> None:
    evaluator = Evaluator(flat(), target())
    found = evaluator.evaluate(CANDIDATES, gradients=True).gradients
    a, b = CANDIDATES.T
    np.testing.assert_allclose(found, np.stack([4 * (a - 0.25) / 3, 2 * (b - 0.75) / 3], axis=1), atol=1e-12)


def test_the_memory_budget_sets_the_micro_batch_and_changes_no_score(flat: Maker, target: Maker) -> None:
    whole, parts = flat(), flat()
    everything = Evaluator(whole, target()).evaluate(CANDIDATES)
    # Two temporaries of 3 x 8 x 8 float32 a candidate: room for two candidates at once.
    small = Evaluator(parts, target(), memory_gb=2 * 2 * 3 * 64 * 4 / 1e9 * 1.01).evaluate(CANDIDATES)
    assert whole.batches == [5, 5]
    assert parts.batches[:3] == [2, 2, 1]
    np.testing.assert_array_equal(everything.scores, small.scores)


def test_out_of_memory_halves_the_micro_batch_and_goes_on(
    flat: Maker, target: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    class Greedy(type(flat())):  # type: ignore[misc]
        def render(self, values: Tensor, scene: Any) -> Tensor:
            if len(values) > 2:
                self.batches.append(len(values))
                raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ...")
            return super().render(values, scene)

    greedy = Greedy()
    with caplog.at_level(logging.WARNING, "isptune"):
        evaluation = Evaluator(greedy, target()).evaluate(CANDIDATES)
    np.testing.assert_allclose(evaluation.scores[:, 0], expected(CANDIDATES), rtol=1e-12)
    assert greedy.batches == [5, 2, 2, 1, 5, 2, 2, 1]
    assert "out of memory with 5 candidates of 8x8 at once; going on with 2" in caplog.text


def test_too_little_memory_for_one_candidate_is_said(
    flat: Maker, target: Maker, snapshot: SnapshotAssertion
) -> None:
    class Full(type(flat())):  # type: ignore[misc]
        def render(self, values: Tensor, scene: Any) -> Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(EvaluationError) as caught:
        Evaluator(Full(), target()).evaluate(CANDIDATES)
    assert str(caught.value) == snapshot


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_score_that_is_not_finite_is_the_worst_and_is_reported(
    flat: Maker, target: Maker, bad: float
) -> None:
    class Broken(type(target())):  # type: ignore[misc]
        def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
            scores = super().score(images)
            return torch.where(images[:, 0, 0, 0] == 1.0, torch.full_like(scores, bad), scores)

    evaluation = Evaluator(flat(), Broken()).evaluate(CANDIDATES)
    assert np.isnan(evaluation.scores[2])
    assert evaluation.losses[2] == np.inf
    assert np.isfinite(np.delete(evaluation.losses, 2)).all()
    assert evaluation.statuses == ["done", "done", "failed", "done", "done"]
    assert evaluation.reasons[2] == f"it scored target {bad} on scene 'scene0'"


@pytest.mark.parametrize("gradients", [False, True])
def test_a_candidate_that_cannot_be_rendered_fails_alone(flat: Maker, target: Maker, gradients: bool) -> None:
    class Failing(type(flat())):  # type: ignore[misc]
        def render(self, values: Tensor, scene: Any) -> Tensor:
            if bool((values[:, 0] == 0.1).any()):
                self.batches.append(len(values))
                raise StageError("vignette", ZeroDivisionError("division by zero"))
            return super().render(values, scene)

    pipeline = Failing()
    evaluation = Evaluator(pipeline, target()).evaluate(CANDIDATES, gradients=gradients)
    assert evaluation.statuses == ["done", "done", "done", "failed", "done"]
    assert evaluation.reasons[3] == (
        "the pipeline 'flat' failed: stage 'vignette': ZeroDivisionError: division by zero on scene 'scene0'"
    )
    np.testing.assert_array_equal(evaluation.losses[3], [np.inf])
    others = np.delete(np.arange(5), 3)
    np.testing.assert_allclose(evaluation.scores[others, 0], expected(CANDIDATES)[others], rtol=1e-12)
    # The batch once, then each alone; on the second scene the others together.
    assert pipeline.batches == [5, 1, 1, 1, 1, 1, 4]
    if gradients:
        assert evaluation.gradients is not None
        a, b = CANDIDATES[others].T
        slopes = np.stack([4 * (a - 0.25) / 3, 2 * (b - 0.75) / 3], axis=1)
        np.testing.assert_allclose(evaluation.gradients[others], slopes, atol=1e-12)


def test_a_picture_that_cannot_be_scored_fails_alone_and_is_not_rendered_again(
    flat: Maker, target: Maker
) -> None:
    class Failing(type(target())):  # type: ignore[misc]
        def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
            if bool((images[:, 0, 0, 0] == 1.0).any()):
                raise KeyError("weights")
            return super().score(images)

    pipeline = flat()
    evaluation = Evaluator(pipeline, Failing()).evaluate(CANDIDATES)
    assert evaluation.statuses == ["done", "done", "failed", "done", "done"]
    assert evaluation.reasons[2] == "the objective 'target' failed: KeyError: 'weights' on scene 'scene0'"
    assert pipeline.batches == [5, 4]


def test_a_mistake_in_the_settings_is_no_failure_of_a_candidate(flat: Maker, target: Maker) -> None:
    class Refusing(type(flat())):  # type: ignore[misc]
        def render(self, values: Tensor, scene: Any) -> Tensor:
            raise ConfigurationError("the table 'gamma.csv' has two columns; allowed: three")

    with pytest.raises(ConfigurationError, match="^the table 'gamma.csv' has two columns; allowed: three$"):
        Evaluator(Refusing(), target()).evaluate(CANDIDATES)


@pytest.mark.parametrize("part", ["pipeline", "objective"])
def test_wrong_shapes_are_refused(flat: Maker, target: Maker, part: str) -> None:
    class Slim(type(flat())):  # type: ignore[misc]
        def render(self, values: Tensor, scene: Any) -> Tensor:
            return super().render(values, scene)[:, :1]

    class Scalar(type(target())):  # type: ignore[misc]
        def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
            return super().score(images).mean()

    evaluator = Evaluator(Slim(), target()) if part == "pipeline" else Evaluator(flat(), Scalar())
    message = {
        "pipeline": r"render must give .* \(1, 3, 8, 8\), .* for one candidate, got the shape \(1, 1, 8, 8\)",
        "objective": r"score gave the shape \(\) for 1 images instead of \(1,\)",
    }[part]
    evaluation = evaluator.evaluate(CANDIDATES)
    assert evaluation.statuses == ["failed"] * 5
    assert re.search(message, evaluation.reasons[0])


def test_what_cannot_work_is_refused_before_anything_runs(
    flat: Maker, target: Maker, snapshot: SnapshotAssertion
) -> None:
    class Blind(type(flat())):  # type: ignore[misc]
        has_reference = False

    class Comparing(type(target())):  # type: ignore[misc]
        needs_reference = True

    with pytest.raises(ConfigurationError) as caught:
        Evaluator(Blind(), Comparing())
    assert str(caught.value) == snapshot
    with pytest.raises(ConfigurationError, match="^autocast is 'half'; allowed: bfloat16, float16, none$"):
        Evaluator(flat(), target(), autocast="half")
    with pytest.raises(ConfigurationError, match="^memory_gb is 0; allowed: above 0$"):
        Evaluator(flat(), target(), memory_gb=0)
    with pytest.raises(ConfigurationError, match="^there is no device 'cuba' on this machine"):
        Evaluator(flat(), target(), device="cuba")


def test_gradients_are_refused_where_they_cannot_be(flat: Maker, target: Maker) -> None:
    class Rigid(type(target())):  # type: ignore[misc]
        is_differentiable = False

    with pytest.raises(ConfigurationError, match="the objective 'target' is not differentiable"):
        Evaluator(flat(), Rigid()).evaluate(CANDIDATES, gradients=True)
    pipeline = flat()
    pipeline.space = ParameterSpace({"a": Choice((0, 1)), "b": Choice((0, 1))})
    with pytest.raises(ConfigurationError, match="the pipeline 'flat' has int or choice parameters"):
        Evaluator(pipeline, target()).evaluate(CANDIDATES, gradients=True)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_the_gpu_gives_the_same_scores(flat: Maker, target: Maker) -> None:
    here = Evaluator(flat(), target(), device="cpu").evaluate(CANDIDATES)
    there = Evaluator(flat(), target(), device="cuda").evaluate(CANDIDATES)
    np.testing.assert_allclose(here.scores, there.scores, rtol=1e-6)


class Painter(Pipeline):
    """Paints one scene after the other in the colour (a, b, a), one candidate at a time."""

    development = Development(isolated=False, workers=3)

    def __init__(self, late: float = 0.0) -> None:
        self.name = "painter"
        self.space = ParameterSpace({"a": Float(0, 1), "b": Float(0, 1)})
        self.scenes = [Scene(f"scene{i}", (8, 8), index=i) for i in range(2)]
        self.made: list[tuple[float, int]] = []
        self.late = late

    def develop(self, values: dict[str, float], scene: Scene) -> np.ndarray:
        self.made.append((values["a"], scene.index))
        # The first candidates come last.
        time.sleep(self.late * (1 - values["a"]))
        if values["a"] == 0.1 and scene.index == 1:
            raise RuntimeError("lens not found")
        return np.full((8, 8, 3), (values["a"], values["b"], values["a"]), np.float32)


def test_developed_candidates_are_scored_whatever_the_order_they_come_in(target: Maker) -> None:
    pipeline = Painter(late=0.05)
    with Evaluator(pipeline, target()) as evaluator:
        evaluation = evaluator.evaluate(CANDIDATES)
    others = np.delete(np.arange(5), 3)
    np.testing.assert_allclose(evaluation.scores[others, 0], expected(CANDIDATES)[others], rtol=1e-6)
    assert evaluation.statuses == ["done", "done", "done", "failed", "done"]
    assert evaluation.reasons[3] == (
        "the pipeline 'painter' failed: RuntimeError: lens not found on scene 'scene1'"
    )
    assert sorted(pipeline.made) == sorted((a, scene) for a in CANDIDATES[:, 0] for scene in (0, 1))


def test_a_pipeline_that_writes_neither_render_nor_develop_is_refused(
    target: Maker, snapshot: SnapshotAssertion
) -> None:
    class Nothing(Painter):
        develop = Pipeline.develop

    with pytest.raises(ConfigurationError) as caught:
        Evaluator(Nothing(), target())
    assert str(caught.value) == snapshot


def test_several_objectives_are_columns(flat: Maker, target: Maker) -> None:
    class Other(type(target())):  # type: ignore[misc]
        higher_is_better = True

        def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
            return images[:, 1, 0, 0]

    evaluation = Evaluator(flat(), Scoring([target(), Other()])).evaluate(CANDIDATES)
    assert evaluation.scores.shape == (5, 2)
    np.testing.assert_allclose(evaluation.scores[:, 1], CANDIDATES[:, 1], rtol=1e-6)
    np.testing.assert_array_equal(evaluation.losses, evaluation.scores * [1, -1])

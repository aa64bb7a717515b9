"""What a pipeline gives is checked where it arrives, and its mistakes are its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from syrupy.assertion import SnapshotAssertion
from torch import Tensor

from isptune import Evaluator
from isptune.errors import EvaluationError
from isptune.tuning import renderings
from isptune.tuning.fates import Evaluation
from isptune.tuning.scoring import Scoring

Maker = Callable[..., Any]
CANDIDATES = np.array([[0.25, 0.75], [0.0, 0.0], [1.0, 0.5]])
WANTED = r"a torch tensor of the shape \({}, 3, 8, 8\), floating point in \[0, 1\], on cpu"
PIPELINE = "the pipeline 'flat' failed: "


def evaluate(pipeline: Any, objective: Any, gradients: bool = False) -> Evaluation:
    """Evaluate the candidates; the first that failed is raised."""
    found = Evaluator(pipeline, objective).evaluate(CANDIDATES, gradients=gradients)
    for index, reason in enumerate(found.reasons):
        if reason:
            raise EvaluationError(f"{reason}; with candidate {index}")
    return found


def painting(flat: Maker, change: Callable[[Tensor], Any], method: str = "render") -> Any:
    """The pipeline with one of its methods spoilt."""

    def spoilt(self: Any, *arguments: Any) -> Any:
        return change(getattr(flat, method)(self, *arguments))

    return type("Spoilt", (flat,), {method: spoilt})()


@pytest.mark.parametrize(
    ("change", "got"),
    [
        (Tensor.numpy, r"an object of the type numpy.ndarray; torch.from_numpy makes a tensor of it"),
        (lambda images: None, "an object of the type NoneType"),
        (Tensor.tolist, "an object of the type list"),
        (lambda images: images[:, :1], r"the shape \(1, 1, 8, 8\)"),
        (lambda images: images[0], r"the shape \(3, 8, 8\)"),
        (lambda images: images[..., :7], r"the shape \(1, 3, 8, 7\)"),
        (
            lambda images: images.permute(0, 2, 3, 1),
            r"the shape \(1, 8, 8, 3\); images.permute\(0, 3, 1, 2\) puts the channels second",
        ),
        (
            lambda images: (images * 255).to(torch.uint8),
            r"numbers of the type uint8; images.float\(\) / 255 makes them what is wanted",
        ),
        (lambda images: images.long(), "numbers of the type int64"),
        (lambda images: images.to("meta"), "a tensor on meta"),
    ],
)
@pytest.mark.parametrize("gradients", [False, True])
def test_what_is_no_batch_of_pictures_is_the_pipelines_mistake(
    flat: Maker, target: Maker, change: Callable[[Tensor], Any], got: str, gradients: bool
) -> None:
    pipeline = painting(flat, lambda images: change(images.detach()))
    wanted = WANTED.format(1)
    with pytest.raises(
        EvaluationError, match=f"^{PIPELINE}render must give {wanted} for one candidate, got "
    ) as error:
        evaluate(pipeline, target(), gradients)
    told = str(error.value).partition(", got ")[2].partition(" on scene 'scene0'; with candidate 0")[0]
    assert re.fullmatch(got, told)


@pytest.mark.parametrize(
    "change",
    [
        lambda images: images * 255,
        lambda images: images - 0.5,
        lambda images: images + 0.01,
    ],
)
@pytest.mark.parametrize("gradients", [False, True])
def test_numbers_out_of_range_are_the_pipelines_mistake(
    flat: Maker,
    target: Maker,
    change: Callable[[Tensor], Tensor],
    snapshot: SnapshotAssertion,
    gradients: bool,
) -> None:
    with pytest.raises(EvaluationError) as caught:
        evaluate(painting(flat, change), target(), gradients)
    assert str(caught.value) == snapshot


def test_an_objective_that_stumbles_over_them_is_not_blamed(flat: Maker, target: Maker) -> None:
    class Strict(type(target())):  # type: ignore[misc]
        def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
            assert float(images.max()) <= 1
            return super().score(images)

    with pytest.raises(EvaluationError, match=f"^{PIPELINE}render gave numbers from 63.75 to 191.2"):
        evaluate(painting(flat, lambda images: images * 255), Strict())


def test_an_objective_that_stumbles_over_sound_pictures_is_blamed(flat: Maker, target: Maker) -> None:
    class Broken(type(target())):  # type: ignore[misc]
        def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
            raise LookupError("no weights")

    with pytest.raises(EvaluationError, match="^the objective 'target' failed: LookupError: no weights"):
        evaluate(flat(), Broken())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_rounding_is_no_mistake(flat: Maker, target: Maker, dtype: torch.dtype) -> None:
    spare = max(renderings.TOLERANCE, torch.finfo(dtype).eps)
    pipeline = painting(flat, lambda images: (images + 0.9 * spare).to(dtype))
    scores = evaluate(pipeline, target()).scores
    np.testing.assert_allclose(scores, evaluate(flat(), target()).scores, atol=0.02)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("gradients", [False, True])
@pytest.mark.parametrize("several", [False, True])
def test_a_rendering_that_is_not_finite_costs_its_candidate_alone(
    flat: Maker, target: Maker, red: Maker, bad: float, gradients: bool, several: bool
) -> None:
    if gradients and several:
        pytest.skip("there are no gradients of several objectives")

    class Hole(flat):  # type: ignore[misc]
        def render(self, values: Tensor, scene: Any) -> Tensor:
            images = super().render(values, scene).clone()
            images[values[:, 0] == 1, 1, 0, 0] = bad
            return images

    class Strict(target):  # type: ignore[misc]
        def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
            assert bool(images.isfinite().all())
            return super().score(images)

    objective = Scoring([Strict(), red()]) if several else Strict()
    clean = Scoring([target(), red()]) if several else target()
    found = Evaluator(Hole(), objective).evaluate(CANDIDATES, gradients=gradients)
    expected = evaluate(flat(), clean, gradients)
    np.testing.assert_array_equal(found.scores[:2], expected.scores[:2])
    assert np.isnan(found.scores[2]).all()
    assert np.isposinf(found.losses[2]).all()
    assert found.statuses == ["done", "done", "failed"]
    assert found.reasons[2] == (
        "the pipeline 'flat' failed: render gave numbers that are not finite on scene 'scene0'"
    )
    if gradients:
        np.testing.assert_array_equal(found.gradients[:2], expected.gradients[:2])


def test_every_rendering_may_be_lost(flat: Maker, target: Maker) -> None:
    pipeline = painting(flat, lambda images: images * torch.nan)
    found = Evaluator(pipeline, target()).evaluate(CANDIDATES)
    assert np.isnan(found.scores).all()
    assert found.statuses == ["failed"] * 3


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image * 255 + 255,
        lambda image: image / 0,
        lambda image: image[0],
        Tensor.numpy,
    ],
)
def test_a_reference_is_a_picture_too(
    flat: Maker, target: Maker, change: Callable[[Tensor], Any], snapshot: SnapshotAssertion
) -> None:
    with pytest.raises(EvaluationError) as caught:
        evaluate(painting(flat, change, "reference"), target())
    assert str(caught.value) == snapshot


@pytest.mark.parametrize(
    "change",
    [
        lambda levels: levels[:, :1],
        Tensor.numpy,
    ],
)
def test_a_truth_has_a_level_for_each_label(
    flat: Maker, target: Maker, change: Callable[[Tensor], Any], snapshot: SnapshotAssertion
) -> None:
    with pytest.raises(EvaluationError) as caught:
        Evaluator(painting(flat, change, "truth"), target())
    assert str(caught.value) == snapshot


def test_labels_have_maxima_and_units(flat: Maker, target: Maker) -> None:
    pipeline = flat()
    pipeline.truth_maxima = (1.0,)
    with pytest.raises(EvaluationError, match="2 truth_labels, 1 truth_maxima and 2 truth_units"):
        Evaluator(pipeline, target())


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((3, 8, 8)),
        torch.zeros(8, 8),
        torch.zeros(3, 8, 8, dtype=torch.uint8),
        torch.full((3, 8, 8), 200.0),
    ],
)
def test_scenes_are_pictures_too(flat: Maker, target: Maker, image: Any, snapshot: SnapshotAssertion) -> None:
    pipeline = flat()
    pipeline.scenes[0].reference = image
    with pytest.raises(EvaluationError) as caught:
        Evaluator(pipeline, target())
    assert str(caught.value) == snapshot


def test_an_objective_that_gives_no_tensor_is_told(flat: Maker, target: Maker) -> None:
    class Plain(target):  # type: ignore[misc]
        def score(self, images: Tensor, reference: Tensor | None = None) -> Any:
            return super().score(images).numpy()

    with pytest.raises(
        EvaluationError, match=r"score gave a ndarray for 1 images instead of a torch tensor of the"
    ):
        evaluate(flat(), Plain())


def test_pictures_are_checked_wherever_they_are_rendered(flat: Maker) -> None:
    pipeline = painting(flat, lambda images: images * 300)
    with pytest.raises(EvaluationError, match=f"^{PIPELINE}render gave numbers from 0 to 300"):
        renderings.render_soundly(pipeline, torch.tensor([[0.0, 1.0]]), pipeline.scenes[0])
    pipeline = painting(flat, lambda images: images / 0)
    with pytest.raises(EvaluationError, match=f"^{PIPELINE}render gave numbers that are not finite"):
        renderings.render_soundly(pipeline, torch.tensor([[0.0, 1.0]]), pipeline.scenes[0])

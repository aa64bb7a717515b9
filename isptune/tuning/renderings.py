"""What a pipeline gives, checked where it arrives, so that its mistakes are not the objective's."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from isptune.contracts.pipeline import Pipeline, Scene
from isptune.contracts.truthful import Truthful
from isptune.errors import EvaluationError
from isptune.tuning.blame import blame, called
from isptune.tuning.notices import Stages

# How far outside [0, 1] rounding may leave a picture; where a number type is coarser, its own step.
TOLERANCE = 1e-3


def render(pipeline: Pipeline, values: Tensor, scene: Scene) -> Tensor:
    """Render candidates, and look at everything of the result that costs nothing to see.

    Args:
        pipeline: renders.
        values: (P, n).
        scene: one of the pipeline's, or the whole picture of one.

    Returns:
        (P, 3, H, W) of the scene's size, floating point, on the values' device.

    Raises:
        EvaluationError: the pipeline raised, or gave something else; the message names it.
    """
    with blame(f"the pipeline '{called(pipeline)}'"):
        images = pipeline.render(values, scene)
        what = "one candidate" if len(values) == 1 else f"{len(values)} candidates"
        _require(images, "render", (len(values), 3, scene.height, scene.width), what, values)
    return images


def render_soundly(pipeline: Pipeline, values: Tensor, scene: Scene) -> Tensor:
    """``render``, refused with an EvaluationError as well where a number is not finite or outside [0, 1]."""
    images = render(pipeline, values, scene)
    with blame(f"the pipeline '{called(pipeline)}'"):
        if unsound(images, extremes(images)) is not None:
            raise EvaluationError("render gave numbers that are not finite")
    return images


def reference(pipeline: Pipeline, scene: Scene, images: Tensor, whole: bool = True) -> Tensor | None:
    """The pristine picture of a scene, checked like a rendering of it; None where there is none.

    Args:
        pipeline: gives it.
        scene: one of the pipeline's.
        images: renderings of that scene.
        whole: look at its numbers as well.
    """
    with blame(f"the pipeline '{called(pipeline)}'"):
        found = pipeline.reference(scene)
        if found is not None:
            where = f"the scene '{scene.name}'"
            _require(found, "reference", (1, *images.shape[1:]), where, images)
            if whole:
                _require_numbers(found, "reference", where)
    return found


def check_facts(pipeline: Pipeline) -> None:
    """Look once at what a pipeline states of itself: its scenes, its stages and its truth.

    Raises:
        EvaluationError: a scene is no picture, or the truth has another form than its labels say.
    """
    with blame(f"the pipeline '{called(pipeline)}'"):
        for scene in pipeline.scenes:
            found: Any = scene.reference
            where = f"the scene '{scene.name}'"
            if found is None:
                continue
            if not isinstance(found, Tensor) or found.ndim != 3:
                got = f"the shape {tuple(found.shape)}" if isinstance(found, Tensor) else _type_of(found)
                raise EvaluationError(
                    f"the reference of {where} must be a torch tensor of the shape (3, H, W), got {got}"
                )
            _require(found, "scenes", (3, *scene.size), where, found)
            _require_numbers(found.unsqueeze(0), "scenes", where)
        Stages.of(pipeline)
        if not isinstance(pipeline, Truthful):
            return
        levels: Any = pipeline.truth(pipeline.space.start())
        count = len(pipeline.truth_labels)
        if not isinstance(levels, Tensor) or tuple(levels.shape) != (1, count):
            got = f"the shape {tuple(levels.shape)}" if isinstance(levels, Tensor) else _type_of(levels)
            raise EvaluationError(
                f"truth must give a torch tensor of the shape (1, {count}) for one candidate and "
                f"{count} truth_labels, got {got}"
            )
        if not len(pipeline.truth_maxima) == len(pipeline.truth_units) == count:
            raise EvaluationError(
                f"it states {count} truth_labels, {len(pipeline.truth_maxima)} truth_maxima and "
                f"{len(pipeline.truth_units)} truth_units, and each label needs one of both"
            )


def _require_numbers(images: Tensor, method: str, where: str) -> None:
    if unsound(images, extremes(images), method) is not None:
        raise EvaluationError(f"{method} gave numbers that are not finite for {where}")


def _type_of(thing: object) -> str:
    kind = f"{type(thing).__module__}.{type(thing).__qualname__}".removeprefix("builtins.")
    return f"an object of the type {kind}"


def extremes(images: Tensor) -> Tensor:
    """(2,) the lowest and the highest number of a batch on its own device: not finite where one is not."""
    return torch.stack(torch.aminmax(images.detach())) if images.numel() else images.new_zeros(2)


def unsound(images: Tensor, ends: Tensor, method: str = "render") -> Tensor | None:
    """(P,) which pictures hold numbers that are not finite; None where all are finite.

    Args:
        images: (P, 3, H, W).
        ends: their ``extremes``.
        method: what gave them, for the message.

    Raises:
        EvaluationError: there are numbers outside [0, 1].
    """
    low, high = ends.tolist()
    failed = None
    if not (math.isfinite(low) and math.isfinite(high)):
        flat = images.detach().flatten(1)
        failed = ~flat.isfinite().all(dim=1)
        if bool(failed.all()):
            return failed
        low, high = extremes(flat[~failed]).tolist()
    room = max(TOLERANCE, torch.finfo(images.dtype).eps)
    if low < -room or high > 1 + room:
        advice = "divide by 255" if high > 100 and low >= 0 else "scale or clamp it"
        raise EvaluationError(
            f"{method} gave numbers from {low:.4g} to {high:.4g}, and pictures are in [0, 1]: {advice}"
        )
    return failed


def sound(images: Tensor, failed: Tensor) -> Tensor:
    """The pictures with black ones in the place of those that are not finite."""
    return images.where(~failed.reshape(-1, 1, 1, 1), images.new_zeros(()))


def _require(images: Any, method: str, shape: tuple[int, ...], what: str, like: Tensor) -> None:
    """Refuse what is no batch of pictures of that shape on that device, with an EvaluationError."""
    wanted = f"a torch tensor of the shape {shape}, floating point in [0, 1], on {like.device}"
    if not isinstance(images, Tensor):
        got = _type_of(images)
        got += "; torch.from_numpy makes a tensor of it" if got.endswith("numpy.ndarray") else ""
    elif tuple(images.shape) != shape:
        got = f"the shape {tuple(images.shape)}"
        if len(shape) == 4 and tuple(images.shape) == (shape[0], *shape[2:], 3):
            got += "; images.permute(0, 3, 1, 2) puts the channels second"
    elif not images.is_floating_point():
        got = f"numbers of the type {str(images.dtype).removeprefix('torch.')}"
        got += "; images.float() / 255 makes them what is wanted" if images.dtype == torch.uint8 else ""
    elif images.device != like.device:
        got = f"a tensor on {images.device}"
    else:
        return
    raise EvaluationError(f"{method} must give {wanted} for {what}, got {got}")

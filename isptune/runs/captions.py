"""The pictures that figures and reports show of a run, and what captions say about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import torch
from torch import Tensor

from isptune.wording.words import NORMALISED_L1, PRISTINE, TARGET

if TYPE_CHECKING:
    from isptune.contracts.pipeline import Pipeline
    from isptune.tuning.scoring import Scoring

MOST_SCENES = 3
"""How many pictures of a run are shown."""


class Sourced(Protocol):
    """A scene, or what a run notes of one."""

    @property
    def source(self) -> Mapping[str, Any]: ...


_Scene = TypeVar("_Scene", bound=Sourced)


def picture_keys(scenes: Sequence[Sourced]) -> list[str]:
    """A text for each scene, equal for crops of one picture and different otherwise."""
    found = []
    for place, scene in enumerate(scenes):
        crop = scene.source.get("crop") is not None
        key = repr({name: value for name, value in scene.source.items() if name != "crop"})
        found.append(key if crop else str(place))
    return found


def different_pictures(scenes: Sequence[_Scene]) -> list[_Scene]:
    """The first scene of every picture: crops of one picture stand for one."""
    found: dict[str, _Scene] = {}
    for key, scene in zip(picture_keys(scenes), scenes, strict=True):
        found.setdefault(key, scene)
    return list(found.values())


def reference_word(knows_truth: bool) -> str:
    """What a run's reference is: pristine where a truth of zero gives it, else a target."""
    return PRISTINE if knows_truth else TARGET


def measured_on(scenes: Sequence[Sourced]) -> str:
    """What a run's score is the mean of, such as ``"mean of 6 crops"``; empty for one whole picture."""
    crops = sum(scene.source.get("crop") is not None for scene in scenes)
    if not crops:
        return f"mean of {len(scenes)} scenes" if len(scenes) > 1 else ""
    pictures = len(different_pictures(scenes))
    words = f"{len(scenes)} {'crops' if crops == len(scenes) else 'scenes and crops'}"
    if len(scenes) == 1:
        return "on 1 crop"
    return f"mean of {words}" + (f" of {pictures} pictures" if pictures > 1 else "")


@torch.no_grad()
def caption(
    scoring: Scoring,
    pipeline: Pipeline,
    image: Tensor,
    reference: Tensor | None,
    share: float | None,
    of_the_run: Mapping[str, float] | None = None,
) -> str:
    """What stands under a picture: its score and, where known, how far it is from pristine.

    Where a run's scores are not those of the picture shown, since they are means over crops or scenes, both
    are told apart.

    Args:
        scoring, pipeline: of the run.
        image: (3, H, W), the picture.
        reference: (3, H, W) or None.
        share: the normalised l1 of its parameters; None where unknown.
        of_the_run: the scores by label that the run has for these values, if any.
    """
    device = pipeline.device
    pristine = None if reference is None else reference[None].to(device)
    columns = scoring.columns(image[None].to(device), pristine)[0].tolist()
    scores = dict(zip(scoring.pictured, columns, strict=True))
    run = of_the_run or {}
    mean = measured_on(pipeline.scenes)
    if mean:
        words = {"this picture": _written(scores), "the run": _written(run)}
        lines = [f"{what}: {text}" for what, text in words.items() if text]
        if words["the run"]:
            lines[-1] += f" ({mean})"
    else:
        # What judges said of the candidate, they said of this picture.
        told = {label: scores.get(label, run.get(label)) for label in scoring.labels}
        lines = [_written({label: score for label, score in told.items() if score is not None})]
    if share is not None:
        lines.append(f"{NORMALISED_L1} {share:.3g}")
    return ("\n" if mean else ", ").join(filter(None, lines))


def _written(scores: Mapping[str, float]) -> str:
    # More would not fit over a picture; they stand in the result.
    return ", ".join(f"{name} {score:.4g}" for name, score in scores.items()) if len(scores) <= 3 else ""

"""The pictures that figures and reports show of a run, and what captions say about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from isptune.contracts.truthful import Truthful
from isptune.objective import Objective
from isptune.pipeline import Pipeline, Scene
from isptune.renderings import render
from isptune.words import NORMALISED_L1, PRISTINE, TARGET

MOST_SCENES = 3
"""How many pictures of a run are shown."""


def different_pictures(scenes: Sequence[Scene]) -> list[Scene]:
    """The first scene of every picture: crops of one picture stand for one."""
    found: dict[str, Scene] = {}
    for place, scene in enumerate(scenes):
        crop = scene.source.get("crop") is not None
        key = repr({name: value for name, value in scene.source.items() if name != "crop"})
        found.setdefault(key if crop else str(place), scene)
    return list(found.values())


def reference_word(pipeline: Pipeline) -> str:
    """What the pipeline's reference is: pristine where a truth of zero gives it, else a target."""
    return PRISTINE if isinstance(pipeline, Truthful) else TARGET


def measured_on(scenes: Sequence[Scene]) -> str:
    """What a run's score is the mean of, such as ``"mean of 6 crops"``; empty for one whole picture."""
    crops = sum(scene.source.get("crop") is not None for scene in scenes)
    if not crops:
        return f"mean of {len(scenes)} scenes" if len(scenes) > 1 else ""
    pictures = len(different_pictures(scenes))
    words = f"{len(scenes)} {'crops' if crops == len(scenes) else 'scenes and crops'}"
    if len(scenes) == 1:
        return "on 1 crop"
    return f"mean of {words}" + (f" of {pictures} pictures" if pictures > 1 else "")


def caption(
    pipeline: Pipeline,
    objective: Objective,
    values: Tensor,
    image: Tensor,
    reference: Tensor | None,
    of_the_run: Mapping[str, float] | None = None,
) -> str:
    """What stands under a picture: its score and, where known, how far it is from pristine.

    Where a run's scores are not those of the picture shown, since they are means over crops or scenes, both
    are told apart.

    Args:
        pipeline, objective: of the run.
        values: (1, n) parameter values that the picture was rendered with.
        image: (1, 3, H, W), the picture.
        reference: (1, 3, H, W) or None.
        of_the_run: the scores by label that the run has for these values, if any.
    """
    if objective.orientations:
        scores = dict(zip(objective.labels, objective.scores(image, reference)[0].tolist(), strict=True))
    else:
        scores = {objective.name: float(objective.score(image, reference)[0])}
    lines = [_written(scores)]
    mean = measured_on(pipeline.scenes)
    if mean and lines[0]:
        lines[0] = f"this picture: {lines[0]}"
        if of_the_run:
            lines.append(f"the run: {_written(of_the_run)} ({mean})")
    if isinstance(pipeline, Truthful):
        lines.append(f"{NORMALISED_L1} {float(pipeline.losses(values)[1][0]):.3g}")
    return "\n".join(lines) if mean else ", ".join(filter(None, lines))


def _written(scores: Mapping[str, float]) -> str:
    # More would not fit over a picture; they stand in the result.
    return ", ".join(f"{name} {score:.4g}" for name, score in scores.items()) if len(scores) <= 3 else ""


@torch.no_grad()
def rendered(pipeline: Pipeline, values: Tensor, scene: Scene) -> Tensor:
    """(1, 3, H, W), the picture of one candidate."""
    return render(pipeline, values.to(pipeline.device), scene)

"""Settings of a pipeline whose pictures are spread evenly over quality."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from isptune.errors import ConfigurationError
from isptune_study.answers import Indices, Numbers

if TYPE_CHECKING:
    import torch

    from isptune.contracts.objective import Objective
    from isptune.contracts.pipeline import Pipeline
    from isptune.contracts.scene import Scene

_BATCH_PIXELS = 4_000_000
_TAILS = (0.01, 0.99)


@dataclass(frozen=True, eq=False)
class Perturbed:
    """Settings that were chosen.

    Attributes:
        values: (N, n) of the pipeline's parameters.
        qualities: (N,) by which they were chosen, higher is better.
        unspread: (N,) qualities of as many settings drawn evenly over the parameters' ranges.
        by: what measured quality, in words.
    """

    values: torch.Tensor
    qualities: Numbers
    unspread: Numbers
    by: str


def perturb(
    pipeline: Pipeline,
    count: int,
    quality: Callable[[torch.Tensor], Numbers],
    by: str,
    *,
    seed: int = 0,
    pool: int | None = None,
) -> Perturbed:
    """Draw settings and choose those that are spread evenly over quality.

    Evenly drawn parameters give mostly bad pictures of like quality. So half of the pool lies between the
    best of the other half and points drawn evenly, at every distance.

    Args:
        pipeline: whose parameters are perturbed.
        count: how many settings are wanted.
        quality: of (P, n) values, higher is better.
        by: what that is, in words.
        seed: of everything.
        pool: how many settings are drawn; four times as many as are wanted if None.

    Raises:
        ConfigurationError: the pool is smaller than what is wanted.
    """
    import torch

    pool = 4 * count if pool is None else pool
    if pool < count:
        raise ConfigurationError(f"{count} settings cannot be chosen of {pool}; draw as many at least")
    space = pipeline.space
    generator = np.random.default_rng(seed)
    wide = generator.random((max(pool // 2, count), len(space.free)))
    first = quality(space.to_values(torch.from_numpy(wide)))
    best = wide[int(np.argmax(first))]
    share = generator.random((max(pool - len(wide), 0), 1))
    near = best + share * (generator.random((len(share), wide.shape[1])) - best)
    second = quality(space.to_values(torch.from_numpy(near))) if len(near) else np.empty(0)
    units, found = np.concatenate([wide, near]), np.concatenate([first, second])
    chosen = spread_evenly(found, count)
    values = space.to_values(torch.from_numpy(units[chosen]))
    return Perturbed(values, found[chosen], first[:count], by)


def spread_evenly(qualities: Numbers, count: int) -> Indices:
    """Places of values that are spread evenly over their range, in their order.

    Args:
        qualities: (P,) finite.
        count: how many are wanted, at most P.
    """
    low, high = np.quantile(qualities, _TAILS)
    targets = np.linspace(low, high, count)
    free = np.ones(len(qualities), dtype=bool)
    chosen = []
    # From the ends to the middle: where there are few, each is needed.
    for target in targets[np.argsort(-np.abs(targets - np.median(qualities)), kind="stable")]:
        place = int(np.argmin(np.where(free, np.abs(qualities - target), np.inf)))
        free[place] = False
        chosen.append(place)
    return np.sort(np.array(chosen, dtype=np.int64))


def true_quality(pipeline: Pipeline) -> Callable[[torch.Tensor], Numbers] | None:
    """Minus the normalised hidden distortion of candidates; None of a pipeline that does not know it."""
    from isptune.contracts.truthful import Truthful

    if not isinstance(pipeline, Truthful):
        return None
    truthful = pipeline

    def quality(values: torch.Tensor) -> Numbers:
        found: Numbers = -truthful.losses(values)[1].numpy().astype(np.float64)
        return found

    return quality


def scored_quality(pipeline: Pipeline, objective: Objective) -> Callable[[torch.Tensor], Numbers]:
    """The objective's mean score over the scenes, higher is better."""
    import torch

    from isptune.tuning.renderings import reference

    sign = 1.0 if objective.higher_is_better else -1.0

    def quality(values: torch.Tensor) -> Numbers:
        total = np.zeros(len(values))
        for scene in pipeline.scenes:
            bound = objective.for_scene(scene)
            start = 0
            for images in batches(pipeline, values, scene):
                pristine = reference(pipeline, scene, images) if objective.needs_reference else None
                if objective.needs_reference and pristine is None:
                    raise ConfigurationError(
                        f"the objective '{objective.name}' compares with a reference, and the scene "
                        f"'{scene.name}' has none"
                    )
                with torch.no_grad():
                    scores = bound.score(images, pristine)
                total[start : start + len(images)] += scores.double().cpu().numpy()
                start += len(images)
        if not np.isfinite(total).all():
            raise ConfigurationError(f"the objective '{objective.name}' gave scores that are not finite")
        return sign * total / len(pipeline.scenes)

    return quality


def batches(pipeline: Pipeline, values: torch.Tensor, scene: Scene) -> Iterator[torch.Tensor]:
    """Renderings of candidates, a few at a time."""
    import torch

    from isptune.tuning.renderings import render_soundly

    each = max(1, _BATCH_PIXELS // (scene.height * scene.width))
    for start in range(0, len(values), each):
        with torch.no_grad():
            yield render_soundly(pipeline, values[start : start + each], scene)

"""Every stage of the bank alone at rising levels, as an objective sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from isptune.benchmark.trust.scorer import Numbers, Scorer
from isptune.contracts.distortion import Distortion
from isptune.contracts.scene import Scene
from isptune.errors import ConfigurationError, EvaluationError
from isptune.iqa.evaluation.correlations import srcc
from isptune.plugins import registry
from isptune.scenes.scene_pictures import picture_of
from isptune.stages.chain import Chain

# A picture that differs by so many grey levels of 255 in root mean square is visibly distorted (PSNR 30 dB).
VISIBLE = 8.0


@dataclass(frozen=True)
class Sweep:
    """What an objective made of the bank: J stages, S scenes, L levels from 0 to the highest.

    Attributes:
        stages, families: (J,) their names and families.
        scenes: (S,) names.
        shares: (L,) levels as shares of the highest.
        losses: (J, S, L), lower is better; NaN where the objective gave no score.
        differences: (J, S, L) root mean square differences from the pristine picture, in grey levels of 255.
    """

    stages: tuple[str, ...]
    families: tuple[str, ...]
    scenes: tuple[str, ...]
    shares: Numbers
    losses: Numbers
    differences: Numbers

    @cached_property
    def spread(self) -> float:
        """The objective's own unit: the standard deviation of its scores over all distorted pictures.

        Each scene's median is taken off first. The pristine pictures do not count: a score that is capped
        there would stretch the unit.
        """
        distorted = self.losses[:, :, 1:]
        middle = np.nanmedian(distorted, axis=(0, 2), keepdims=True)
        return float(np.nanstd(distorted - middle))

    @property
    def pristine(self) -> Numbers:
        """(S,) losses of the pristine pictures."""
        return np.asarray(self.losses[0, :, 0])

    @property
    def gains(self) -> Numbers:
        """(J, S, L) by how many spreads each picture scores better than the pristine one."""
        return np.asarray((self.losses[:, :, :1] - self.losses) / self.spread)

    def visible(self, stage: int, scene: int) -> int:
        """The first level at which a stage is visible; the highest where it is nowhere."""
        seen = np.flatnonzero(self.differences[stage, scene] >= VISIBLE)
        return int(seen[0]) if seen.size else len(self.shares) - 1

    def correlations(self, stage: int) -> Numbers:
        """(S,) SRCC of loss and level; 0 where the objective sees no difference at all."""
        found = [srcc(_filled(losses), self.shares) for losses in self.losses[stage]]
        return np.nan_to_num(np.array(found))

    def best_shares(self, stage: int) -> Numbers:
        """(S,) the level of the best score as a share of the highest."""
        return np.array([self.shares[int(np.argmin(_filled(losses)))] for losses in self.losses[stage]])


def _filled(losses: Numbers) -> Numbers:
    """Losses with those of failures above all others."""
    there = losses[np.isfinite(losses)]
    return np.where(np.isfinite(losses), losses, there.max() + 1 if there.size else 0.0)


def distortion(name: str) -> Distortion:
    """A stage of the bank."""
    stage: Distortion = registry.stages.create(name)
    return stage


def sweep(scorer: Scorer, stages: Sequence[str], scenes: Sequence[Scene], levels: int, seed: int) -> Sweep:
    """Look at every stage of the bank at rising levels.

    Raises:
        EvaluationError: the objective scores no pristine picture, or fewer than half of all pictures.
        ConfigurationError: it gives the same score to all pictures of a scene.
    """
    shares = np.linspace(0, 1, levels)
    shape = len(stages), len(scenes), levels
    losses, differences = np.empty(shape), np.empty(shape)
    for number, scene in enumerate(scenes):
        pristine = picture_of(scene)[None]
        at_zero = scorer.losses(pristine, pristine, f"the pristine picture '{scene.name}'")
        if not np.isfinite(at_zero).all():
            raise EvaluationError(
                f"{scorer.told()}: an objective that cannot score a pristine picture cannot be examined"
            )
        losses[:, number, 0], differences[:, number, 0] = at_zero, 0
        for row, name in enumerate(stages):
            images = rendered(name, scene, shares[1:], seed)
            losses[row, number, 1:] = scorer.losses(images, pristine, f"'{name}' on '{scene.name}'")
            differences[row, number, 1:] = difference(images, pristine)
    found = Sweep(
        tuple(stages),
        tuple(distortion(name).family for name in stages),
        tuple(scene.name for scene in scenes),
        shares,
        losses,
        differences,
    )
    if 2 * scorer.failed > scorer.asked:
        raise EvaluationError(
            f"{scorer.told()}: with fewer than half of the scores there is nothing to judge"
        )
    if not found.spread > 1e-9 * abs(float(found.pristine.mean())):
        raise ConfigurationError(
            f"the objective '{scorer.name}' gives {scorer.sign * float(found.pristine[0]):.6g} to every "
            "picture, whatever is done to it: there is nothing to trust"
        )
    return found


def rendered(name: str, scene: Scene, shares: Numbers, seed: int) -> Tensor:
    """(L, 3, H, W) a scene through one stage at shares of its highest level."""
    stage, picture = distortion(name), picture_of(scene)
    levels = torch.from_numpy(np.asarray(shares) * stage.level_range[1]).to(picture.device)
    chain = Chain([stage.to(picture.device)], seed=seed)
    with torch.no_grad():
        return chain(picture.expand(len(levels), -1, -1, -1), [{"level": levels}], scene.index)


def difference(images: Tensor, pristine: Tensor) -> Numbers:
    """(N,) root mean square differences in grey levels of 255."""
    squares = (images - pristine).double().square().mean(dim=(1, 2, 3))
    return np.asarray(255 * squares.sqrt().cpu().numpy())

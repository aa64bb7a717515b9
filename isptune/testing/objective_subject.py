"""What every part of the conformance suite for objectives builds on: settings, pictures, the objective."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

import isptune
from isptune.contracts.objective import Objective
from isptune.testing.checks import worded
from isptune.testing.pictures import picture, spoilt

BATCH = (
    "take means over dim=(1, 2, 3) and not over the batch, put networks into eval(), or raise "
    "batch_tolerance in the test"
)
_DOUBLE = (
    "compute in images.dtype, or begin with images = images.float() and set supports_float64 = False in "
    "the test"
)


class ObjectiveSubject:
    """The objective under test and the pictures that it meets.

    Class facts to override where an objective needs it:
        name, options: what ``make`` creates through the registry; override ``make`` for anything else.
        sizes: (height, width) of the pictures; the first is the one that most tests use.
        batch_tolerance: how far a score may move, relatively, with the rest of the batch.
        dtype_tolerance: how far the scores of float32 and float64 pictures may be apart, relatively.
        gradient_tolerance, difference_step: for the comparison of the gradient with finite differences.
        scores_flat_images: black, white and grey pictures have finite scores.
        supports_float64: float64 is computed as such, so finite differences are taken in it.
        identical_is_best: a full-reference objective gives the best end of its range to identical pictures.
    """

    name: ClassVar[str] = ""
    options: ClassVar[dict[str, Any]] = {}
    sizes: ClassVar[tuple[tuple[int, int], ...]] = ((48, 80), (32, 32), (97, 65), (64, 129))
    batch_tolerance: ClassVar[float] = 1e-5
    dtype_tolerance: ClassVar[float] = 1e-4
    gradient_tolerance: ClassVar[float] = 1e-3
    difference_step: ClassVar[float] = 1e-5
    scores_flat_images: ClassVar[bool] = True
    supports_float64: ClassVar[bool] = True
    identical_is_best: ClassVar[bool] = True

    # What a subclass may override.

    def make(self) -> Objective:
        """A fresh objective."""
        return isptune.create_objective(self.name, **self.options)

    def good(self, height: int, width: int) -> Tensor:
        """(1, 3, H, W) float32: a picture that the objective must prefer to ``distorted`` of it."""
        return picture(height, width)

    def distorted(self, images: Tensor) -> Tensor:
        """The same pictures, clearly worse in the objective's eyes: blurred, noisy and darker by default."""
        return spoilt(images)

    # Helpers.

    def _batch(self, height: int, width: int) -> tuple[Tensor, Tensor]:
        """Four unlike pictures (good, distorted, noise, mirrored) and one reference for all."""
        good = self.good(height, width)
        noise = torch.rand(good.shape, generator=torch.Generator().manual_seed(7)) * 0.8 + 0.1
        return torch.cat([good.roll(3, -1), self.distorted(good), noise, good.flip(-1)]), good

    def _score(self, objective: Objective, images: Tensor, reference: Tensor) -> Tensor:
        kind = str(images.dtype).removeprefix("torch.")
        double = images.dtype == torch.float64
        remedy = _DOUBLE if double else "take pictures of any size and of floating point, one score each"
        with worded(f"score, given pictures {tuple(images.shape)} of {kind}", remedy):
            return objective.score(images, reference if objective.needs_reference else None)

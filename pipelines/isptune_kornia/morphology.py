"""Kornia's morphology on squares: what single bright or dark pixels are removed by."""

from __future__ import annotations

from collections.abc import Callable

import torch
from kornia import morphology
from torch import Tensor

from isptune.contracts.requirements import Memory
from isptune.contracts.stage import Stage
from isptune.parameters import Choice
from isptune_kornia.samples import in_groups, settings_of


class _Morphology(Stage):
    memory = Memory(images=60.0, images_with_gradients=120.0)
    kernel_size = Choice((1, 3, 5), default=3, unit="px", description="the side of the square; 1 is nothing")

    def _of(self, operator: Callable[..., Tensor], images: Tensor, kernel_size: Tensor) -> Tensor:
        def work(part: Tensor, size: int) -> Tensor:
            return operator(part, torch.ones(size, size, dtype=part.dtype, device=part.device))

        return in_groups(work, settings_of(self, kernel_size=kernel_size), images).clamp(0, 1)


class Dilation(_Morphology):
    """The brightest pixel of a square: bright areas grow."""

    def forward(self, images: Tensor, kernel_size: Tensor) -> Tensor:
        return self._of(morphology.dilation, images, kernel_size)


class Erosion(_Morphology):
    """The darkest pixel of a square: dark areas grow."""

    def forward(self, images: Tensor, kernel_size: Tensor) -> Tensor:
        return self._of(morphology.erosion, images, kernel_size)


class Opening(_Morphology):
    """An erosion and then a dilation: bright specks go."""

    def forward(self, images: Tensor, kernel_size: Tensor) -> Tensor:
        return self._of(morphology.opening, images, kernel_size)


class Closing(_Morphology):
    """A dilation and then an erosion: dark specks go."""

    def forward(self, images: Tensor, kernel_size: Tensor) -> Tensor:
        return self._of(morphology.closing, images, kernel_size)

"""A sample plugin of isptune: a vignetting stage and a toy objective."""

from __future__ import annotations

import torch
from torch import Tensor

from isptune import Distortion, Objective
from isptune.contracts.stage import per_sample
from isptune.objective import check_images

__all__ = ["MeanBrightness", "Vignette", "vignette"]


def vignette(images: Tensor, amount: Tensor, falloff: float = 2.0) -> Tensor:
    """Darken the corners: ``x (1 - a r ** falloff)``, with r from 0 in the centre to 1 in the corners.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        amount: (N,), 0 to 1; at 1 the corners are black.
        falloff: at least 1; the higher, the further out the darkening begins.

    Returns:
        (N, 3, H, W) RGB in [0, 1].
    """
    height, width = images.shape[-2:]
    y = torch.linspace(-1, 1, height, dtype=images.dtype, device=images.device)[:, None]
    x = torch.linspace(-1, 1, width, dtype=images.dtype, device=images.device)
    radius = ((x.square() + y.square()) / 2).sqrt()
    return images * (1 - per_sample(amount, images) * radius.pow(falloff))


class Vignette(Distortion):
    """Vignetting; the level is the share of the light that the corners lose, 0 to 1."""

    level_range = (0.0, 1.0)
    parameter_name = "vignetting"

    def __init__(self, falloff: float = 2.0) -> None:
        super().__init__()
        self.falloff = falloff

    def forward(self, images: Tensor, level: Tensor, noise: Tensor | None = None) -> Tensor:
        return vignette(images, level, self.falloff)


class MeanBrightness(Objective):
    """The mean of all pixels, 0 to 1: a toy, for which overexposed pictures are the best."""

    is_differentiable = True
    score_range = (0.0, 1.0)
    working_images = 1.0

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        return check_images(images, self.name).mean(dim=(1, 2, 3))

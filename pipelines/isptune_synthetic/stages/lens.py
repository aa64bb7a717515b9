"""Stages that darken a picture as a lens does."""

from __future__ import annotations

import torch
from torch import Tensor

from isptune.contracts.requirements import Memory
from isptune_synthetic.colour import linear_to_srgb, srgb_to_linear
from isptune_synthetic.pointwise import pointwise
from isptune_synthetic.stages.base import SyntheticStage

_HIGHEST_LOSS = 0.9


def vignetting(images: Tensor, loss: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Darken a picture towards its corners by the law of natural vignetting, in linear light.

    The light at the angle t off the axis falls by ``cos(t) ** 4``, which is ``(1 + k d ** 2) ** -2`` at the
    distance d from the picture's centre; k is such that the corners' pixels lose the given share.

    Args:
        images: (N, 3, H, W) sRGB in [0, 1].
        loss: (N,) share of the light that the corners lose, 0 to 0.9.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) sRGB in [0, 1].

    Example:
        >>> import torch
        >>> darker = vignetting(torch.ones(1, 3, 33, 33), torch.tensor([0.5]))
        >>> darker[0, 0, [16, 0], [16, 0]].round(decimals=3)
        tensor([1.0000, 0.7350])
    """
    height, width = images.shape[-2:]
    # A picture of one pixel has no corners; any distance does.
    corner = (height - 1) ** 2 + (width - 1) ** 2 or 1
    rows, columns = (
        torch.linspace(1 - length, length - 1, length, device=images.device, dtype=torch.float64).square()
        for length in (height, width)
    )
    square = (rows / corner).to(images.dtype)[:, None] + (columns / corner).to(images.dtype)
    return pointwise(_vignetted, images, square[None, None], level=loss, out=out)


def _vignetted(images: Tensor, square: Tensor, loss: Tensor) -> Tensor:
    strength = (1 - loss).rsqrt() - 1
    light = (1 + strength * square).square().reciprocal()
    return linear_to_srgb(srgb_to_linear(images) * light).clamp(0, 1)


class Vignetting(SyntheticStage):
    """Darker corners; the level is the share of the light that they lose, 0 to 0.9."""

    family = "exposure"
    level_range = (0.0, _HIGHEST_LOSS)
    parameter_name = "vignetting"
    memory = Memory(images=1.4, images_with_gradients=13.0)

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return vignetting(images, level, out=out)

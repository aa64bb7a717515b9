"""Stages that change the colour."""

from __future__ import annotations

from torch import Tensor

from isptune.compiled import can_compile
from isptune.contracts.requirements import Memory
from isptune_synthetic.pointwise import pointwise
from isptune_synthetic.stages.base import SyntheticStage


def desaturate(images: Tensor, amount: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Take saturation away, and past 1 turn colours into their complements.

    ``c + l (V - c)`` per channel, with ``V`` the highest channel: the HSV saturation times ``1 - l``, hue
    and value kept ("colorsat1" of ARNIQA after KADID-10k, whose factor is ``1 - l``), clipped to [0, 1].

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        amount: (N,), ``l``, 0 to 1.4; 1 leaves no colour.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Example:
        >>> import torch
        >>> red = torch.tensor([0.8, 0.2, 0.2]).reshape(1, 3, 1, 1)
        >>> desaturate(red, torch.tensor([0.5])).flatten()
        tensor([0.8000, 0.5000, 0.5000])
    """
    if can_compile(images, amount):
        from isptune_synthetic.compiled import pointwise as compiled

        return compiled.desaturate(images, amount, out)
    return pointwise(_desaturate, images, level=amount, out=out)


def _desaturate(images: Tensor, amount: Tensor) -> Tensor:
    missing = images.amax(dim=1, keepdim=True) - images
    return images.addcmul(missing, amount).clamp(0, 1)


class Desaturate(SyntheticStage):
    """Desaturation; the level is the share of the saturation that is gone, 0 to 1.4."""

    aliases = ("colorsat1",)
    family = "saturation"
    level_range = (0.0, 1.4)
    reference_range = (-0.4, 1.0)
    parameter_name = "desaturation"
    memory = Memory(images=1.2, images_with_gradients=6.0)

    def _level_of(self, value: float) -> float:
        return 1 - value

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return desaturate(images, level, out=out)

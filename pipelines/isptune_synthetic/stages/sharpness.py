"""Stages that change sharpness and contrast."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from isptune.compiled import can_compile
from isptune.contracts.distortion import keep_identity
from isptune.contracts.requirements import Memory
from isptune.contracts.stage import per_sample
from isptune.stages.strips import given_back
from isptune_synthetic.definition import one_by_one
from isptune_synthetic.options import CHANNEL_ORDERS, checked_choice
from isptune_synthetic.stages.base import SyntheticStage

_SIGMA = 6.0
_RADIUS = 6


def high_sharpen(images: Tensor, amount: Tensor, *, lab: str = "bgr", out: Tensor | None = None) -> Tensor:
    """Sharpen the lightness far too much: ``L + p (L - Gauss * L)``.

    The Gaussian has sigma 6 px on 13 x 13 taps, borders replicated ("highsharpen" of ARNIQA after
    KADID-10k). As there, the lightness is not clipped; the result is.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        amount: (N,), ``p``, 0 to 12.
        lab: ``"bgr"`` computes Lab with red and blue exchanged, as the reference code does; ``"rgb"``
            computes it as CIE means it.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Raises:
        ConfigurationError: ``lab`` is none of the two.

    Example:
        >>> import torch
        >>> grey = torch.full((1, 3, 32, 32), 0.5)
        >>> bool((high_sharpen(grey, torch.tensor([12.0])) - grey).abs().max() < 1e-5)
        True
    """
    exchanged = checked_choice("high_sharpen", "lab", lab, CHANNEL_ORDERS) == "bgr"
    if can_compile(images, amount):
        from isptune_synthetic.compiled.sharpening import sharpen

        position = torch.arange(-_RADIUS, _RADIUS + 1, dtype=images.dtype)
        kernel = torch.exp(-0.5 * (position / _SIGMA).square())
        return sharpen(images, amount, kernel / kernel.sum(), exchanged, out)
    formula = functools.partial(_sharpened, exchanged=exchanged)
    sharp = one_by_one(formula, images, per_sample(amount, images))
    return given_back(keep_identity(images, sharp, amount), out)


def _sharpened(images: Tensor, amount: Tensor, *, exchanged: bool) -> Tensor:
    from kornia.color import lab_to_rgb, rgb_to_lab
    from kornia.filters import gaussian_blur2d

    lab = rgb_to_lab(images.flip(1) if exchanged else images)
    lightness = lab[:, :1]
    # Kornia's unsharp_mask has no amount, so that its blur is taken.
    size = 2 * _RADIUS + 1
    blurred = gaussian_blur2d(lightness, (size, size), (_SIGMA, _SIGMA), border_type="replicate")
    sharp = lab_to_rgb(torch.cat((lightness + (lightness - blurred) * amount, lab[:, 1:]), dim=1))
    return sharp.flip(1) if exchanged else sharp


class HighSharpen(SyntheticStage):
    """Excessive sharpening of the lightness; the level is its amount, 0 to 12.

    Args:
        lab: see ``high_sharpen``.

    Raises:
        ConfigurationError: ``lab`` is none of the two.
    """

    aliases = ("highsharpen",)
    family = "sharpening"
    level_range = (0.0, 12.0)
    reference_range = (0.0, 12.0)
    parameter_name = "sharpening"
    memory = Memory(images=2.0, images_with_gradients=20.0)

    def __init__(self, *, lab: str = "bgr") -> None:
        super().__init__()
        self.lab = checked_choice("high_sharpen", "lab", lab, CHANNEL_ORDERS)

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return high_sharpen(images, level, lab=self.lab, out=out)

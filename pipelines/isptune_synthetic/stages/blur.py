"""Stages that blur."""

from __future__ import annotations

import math

from torch import Tensor

from isptune.contracts.requirements import Memory
from isptune_synthetic.filtering import gaussian_kernels, separable
from isptune_synthetic.stages.base import SyntheticStage

_HIGHEST_SIGMA = 5.0


def gaussian_blur(images: Tensor, sigma: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Blur each sample with a Gaussian of its own width, borders replicated.

    The kernel is that of ``filtering.gaussian_kernels``: equal to the reference code's ("gaublur" of
    ARNIQA after KADID-10k) at every multiple of 0.5 px, and smooth in sigma between them, where the
    reference's support jumps.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        sigma: (N,) in pixels, 0 to 5; the support is that of 5 px, 21 taps.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Example:
        >>> import torch
        >>> gaussian_blur(torch.rand(2, 3, 32, 48), torch.tensor([0.0, 2.5])).shape
        torch.Size([2, 3, 32, 48])
    """
    kernels = gaussian_kernels(sigma.to(images.device), math.ceil(2 * _HIGHEST_SIGMA)).to(images.dtype)
    # At sigma 0 the kernel is (..., 0, 1, 0, ...) exactly, and so is the result the picture.
    return separable(images, kernels, out, clip=True)


class GaussianBlur(SyntheticStage):
    """Gaussian blur; the level is sigma in pixels, 0 to 5."""

    aliases = ("gaublur",)
    family = "blur"
    level_range = (0.0, _HIGHEST_SIGMA)
    reference_range = (0.0, _HIGHEST_SIGMA)
    level_unit = "px"
    parameter_name = "blur"
    memory = Memory(images=1.7, images_with_gradients=8.0)

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return gaussian_blur(images, level, out=out)

"""Stages that change sharpness and contrast."""

from __future__ import annotations

import torch
from torch import Tensor

from isptune.stage import keep_identity
from isptune_synthetic.colour import Planes, cube_roots, from_cube_roots
from isptune_synthetic.filtering import separable
from isptune_synthetic.stages.base import SyntheticStage
from isptune_synthetic.strips import given_back, is_plain, pointwise

_SIGMA = 6.0
_RADIUS = 6


def high_sharpen(images: Tensor, amount: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Sharpen the lightness far too much: ``L + p (L - Gauss * L)``.

    The Gaussian has sigma 6 px on 13 x 13 taps, borders replicated ("highsharpen" of ARNIQA after
    KADID-10k). As there, Lab is computed with red and blue exchanged and the lightness is not clipped; the
    result is.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        amount: (N,), ``p``, 0 to 12.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Example:
        >>> import torch
        >>> grey = torch.full((1, 3, 32, 32), 0.5)
        >>> bool((high_sharpen(grey, torch.tensor([12.0])) - grey).abs().max() < 1e-5)
        True
    """
    position = torch.arange(-_RADIUS, _RADIUS + 1, device=images.device, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (position / _SIGMA).square())
    kernels = (kernel / kernel.sum()).unsqueeze(0)
    plain = is_plain(images, amount)
    # The output holds the cube roots until the blurred lightness is known.
    if plain and out is None:
        out = torch.empty_like(images, memory_format=torch.contiguous_format)
    if plain:
        roots = pointwise(_to_roots, images, level=amount, out=out, by_plane=True)
    else:
        roots = torch.stack(_to_roots(*images.unbind(1)), dim=1)
    blurred = separable(roots[:, 1:2], kernels)
    if plain:
        return pointwise(_sharpened, roots, blurred, level=amount, out=out, by_plane=True)
    planes = _sharpened(*roots.unbind(1), blurred, amount.to(images).reshape(-1, 1, 1))
    return given_back(keep_identity(images, torch.stack(planes, dim=1), amount), out)


def _to_roots(red: Tensor, green: Tensor, blue: Tensor, amount: Tensor | None = None) -> Planes:
    return cube_roots(blue, green, red)


def _sharpened(x: Tensor, y: Tensor, z: Tensor, blurred: Tensor, amount: Tensor) -> Planes:
    # A change of L by d changes each of the three cube roots by d / 116, and L itself is 116 f(Y) - 16.
    change = (y - blurred[:, 0]) * amount
    blue, green, red = from_cube_roots(x + change, y + change, z + change)
    return red.clamp(0, 1), green.clamp(0, 1), blue.clamp(0, 1)


class HighSharpen(SyntheticStage):
    """Excessive sharpening of the lightness; the level is its amount, 0 to 12."""

    aliases = ("highsharpen",)
    level_range = (0.0, 12.0)
    reference_range = (0.0, 12.0)
    parameter_name = "sharpening"
    working_images = 2.0
    recorded_images = 20.0

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return high_sharpen(images, level, out=out)

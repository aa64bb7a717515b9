"""Stages that change sharpness and contrast."""

from __future__ import annotations

import torch
from torch import Tensor

from isptune.stage import keep_identity, per_sample
from isptune_synthetic.colour import cube_roots, from_cube_roots
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
    if not is_plain(images, amount):
        roots = _to_roots(images)
        blurred = separable(roots[:, 1:2], kernels)
        result = keep_identity(images, _sharpened(roots, blurred, per_sample(amount, images)), amount)
        return given_back(result, out)
    if out is None:
        out = torch.empty_like(images, memory_format=torch.contiguous_format)
    ones = torch.ones(1)
    for index, at_zero in enumerate((amount == 0).tolist()):
        # One sample at a time: its output holds the cube roots until the blurred lightness is known.
        image, target = images[index : index + 1], out[index : index + 1]
        if at_zero:
            if target.data_ptr() != image.data_ptr():
                target.copy_(image)
            continue
        pointwise(lambda part, _: _to_roots(part), image, level=ones, out=target)
        blurred = separable(target[:, 1:2], kernels)
        pointwise(_sharpened, target, blurred, level=amount[index : index + 1], out=target)
    return out


def _to_roots(images: Tensor) -> Tensor:
    red, green, blue = images.unbind(1)
    return torch.stack(cube_roots(blue, green, red), dim=1)


def _sharpened(roots: Tensor, blurred: Tensor, amount: Tensor) -> Tensor:
    # A change of L by d changes each of the three cube roots by d / 116, and L itself is 116 f(Y) - 16.
    x, y, z = roots.unbind(1)
    change = (y - blurred[:, 0]) * amount[:, 0]
    blue, green, red = from_cube_roots(x + change, y + change, z + change)
    return torch.stack((red, green, blue), dim=1).clamp(0, 1)


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

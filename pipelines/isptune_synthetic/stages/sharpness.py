"""Stages that change sharpness and contrast."""

from __future__ import annotations

import torch
from torch import Tensor

from isptune.contracts.distortion import keep_identity
from isptune.contracts.requirements import Memory
from isptune.stages.strips import given_back
from isptune_synthetic.colour import cube_roots, from_cube_roots
from isptune_synthetic.compiled import can_compile
from isptune_synthetic.filtering import separable
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
    position = torch.arange(-_RADIUS, _RADIUS + 1, device=images.device, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (position / _SIGMA).square())
    kernels = (kernel / kernel.sum()).unsqueeze(0)
    exchanged = checked_choice("high_sharpen", "lab", lab, CHANNEL_ORDERS) == "bgr"
    if can_compile(images, amount):
        from isptune_synthetic.compiled.sharpening import sharpen

        return sharpen(images, amount, kernels[0], exchanged, out)
    if images.device.type == "cpu" and images.shape[0] > 1:
        # A power's rounding depends on its place in memory, and a sample's must not on the batch.
        samples = zip(images.split(1), amount.split(1), strict=True)
        return given_back(torch.cat([high_sharpen(*sample, lab=lab) for sample in samples]), out)
    roots = cube_roots(*images.unbind(1)[:: -1 if exchanged else 1])
    blurred = separable(roots[1].unsqueeze(1), kernels)[:, 0]
    # A change of L by d changes each of the three cube roots by d / 116, and L itself is 116 f(Y) - 16.
    change = (roots[1] - blurred) * amount.to(images).reshape(-1, 1, 1)
    x, y, z = (plane + change for plane in roots)
    planes = from_cube_roots(x, y, z)[:: -1 if exchanged else 1]
    return given_back(keep_identity(images, torch.stack(planes, dim=1).clamp(0, 1), amount), out)


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

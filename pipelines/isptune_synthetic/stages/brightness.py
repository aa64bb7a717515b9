"""Stages that change the brightness."""

from __future__ import annotations

from torch import Tensor

from isptune_synthetic.colour import Planes, cube_roots, from_cube_roots
from isptune_synthetic.curves import parabola
from isptune_synthetic.stages.base import SyntheticStage
from isptune_synthetic.strips import pointwise


def brighten(images: Tensor, amount: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Brighten the middle tones: two parts of a curve on RGB, one part of it on the lightness alone.

    ``(2 curve(x) + Lab^-1(L <- 100 curve(L / 100))) / 3`` with ``curve(x) = clip(x + 2 a x (1 - x))``:
    "brighten" of ARNIQA after KADID-10k. As there, Lab is computed with red and blue exchanged.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        amount: (N,), ``a``, 0 to 1.1.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Example:
        >>> import torch
        >>> brighten(torch.full((1, 3, 1, 1), 0.5), torch.tensor([0.4])).round(decimals=3).flatten()
        tensor([0.7020, 0.7020, 0.7020])
    """
    return pointwise(_brighten, images, level=amount, out=out, by_plane=True)


def _brighten(red: Tensor, green: Tensor, blue: Tensor, amount: Tensor) -> Planes:
    x, y, z = cube_roots(blue, green, red)
    lightness = y * 1.16 - 0.16
    raised = (parabola(lightness, amount) - lightness) * (1 / 1.16)
    lab_blue, lab_green, lab_red = from_cube_roots(x + raised, y + raised, z + raised)

    def mean(plane: Tensor, by_lightness: Tensor) -> Tensor:
        return (parabola(plane, amount) * 2 + by_lightness.clamp(0, 1)) * (1 / 3)

    return mean(red, lab_red), mean(green, lab_green), mean(blue, lab_blue)


class Brighten(SyntheticStage):
    """Brightening by a curve on RGB and on the lightness; the level is its amount, 0 to 1.1."""

    level_range = (0.0, 1.1)
    reference_range = (0.0, 1.1)
    parameter_name = "brightening"
    working_images = 1.2
    recorded_images = 22.0

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return brighten(images, level, out=out)

"""Stages that change the brightness."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from isptune.compiled import can_compile
from isptune.contracts.distortion import keep_identity
from isptune.contracts.requirements import Memory
from isptune.contracts.stage import per_sample
from isptune.stages.strips import given_back
from isptune_synthetic.curves import parabola
from isptune_synthetic.definition import one_by_one
from isptune_synthetic.options import CHANNEL_ORDERS, checked_choice
from isptune_synthetic.stages.base import SyntheticStage


def brighten(images: Tensor, amount: Tensor, *, lab: str = "bgr", out: Tensor | None = None) -> Tensor:
    """Brighten the middle tones: two parts of a curve on RGB, one part of it on the lightness alone.

    ``(2 curve(x) + Lab^-1(L <- 100 curve(L / 100))) / 3`` with ``curve(x) = clip(x + 2 a x (1 - x))``:
    "brighten" of ARNIQA after KADID-10k.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        amount: (N,), ``a``, 0 to 1.1.
        lab: ``"bgr"`` computes Lab with red and blue exchanged, as the reference code does; ``"rgb"``
            computes it as CIE means it.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Raises:
        ConfigurationError: ``lab`` is none of the two.

    Example:
        >>> import torch
        >>> brighten(torch.full((1, 3, 1, 1), 0.5), torch.tensor([0.4])).round(decimals=3).flatten()
        tensor([0.7020, 0.7020, 0.7020])
    """
    exchanged = checked_choice("brighten", "lab", lab, CHANNEL_ORDERS) == "bgr"
    if can_compile(images, amount):
        from isptune_synthetic.compiled import pointwise as compiled

        return compiled.brighten(images, amount, exchanged, out)
    formula = functools.partial(_brighten, exchanged=exchanged)
    brighter = one_by_one(formula, images, per_sample(amount, images))
    return given_back(keep_identity(images, brighter, amount), out)


def _brighten(images: Tensor, amount: Tensor, *, exchanged: bool) -> Tensor:
    from kornia.color import lab_to_rgb, rgb_to_lab

    lab = rgb_to_lab(images.flip(1) if exchanged else images)
    raised = lab_to_rgb(torch.cat((parabola(lab[:, :1] / 100, amount) * 100, lab[:, 1:]), dim=1))
    return (parabola(images, amount) * 2 + (raised.flip(1) if exchanged else raised)) / 3


class Brighten(SyntheticStage):
    """Brightening by a curve on RGB and on the lightness; the level is its amount, 0 to 1.1.

    Args:
        lab: see ``brighten``.

    Raises:
        ConfigurationError: ``lab`` is none of the two.
    """

    family = "exposure"
    level_range = (0.0, 1.1)
    reference_range = (0.0, 1.1)
    parameter_name = "brightening"
    memory = Memory(images=1.2, images_with_gradients=22.0)

    def __init__(self, *, lab: str = "bgr") -> None:
        super().__init__()
        self.lab = checked_choice("brighten", "lab", lab, CHANNEL_ORDERS)

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return brighten(images, level, lab=self.lab, out=out)

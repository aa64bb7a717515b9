"""Stages that change the light itself: clipped highlights and wrong white-balance gains."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from isptune.contracts.requirements import Memory
from isptune_synthetic.colour import linear_to_srgb, srgb_to_linear
from isptune_synthetic.definition import by_kornia
from isptune_synthetic.options import checked_choice, checked_switch
from isptune_synthetic.pointwise import pointwise
from isptune_synthetic.stages.base import SyntheticStage

CASTS = ("warm", "cool")


def highlight_clipping(
    images: Tensor, stops: Tensor, *, restore: bool = False, out: Tensor | None = None
) -> Tensor:
    """Expose too long: linear light times ``2 ** l``, each channel clipped at 1, encoded again.

    A sensor clips its channels one by one. A bright colour loses the light of its strongest channel first
    and so changes its hue: orange turns yellow, then white.

    Args:
        images: (N, 3, H, W) sRGB in [0, 1].
        stops: (N,), ``l``, 0 to 3.
        restore: divide by ``2 ** l`` again after the clipping: the exposure is right and nothing but what
            the sensor clipped is lost, so that the highlights are flat and grey.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) sRGB in [0, 1].

    Example:
        >>> import torch
        >>> orange = torch.tensor([0.9, 0.6, 0.2]).reshape(1, 3, 1, 1)
        >>> highlight_clipping(orange, torch.tensor([1.0])).round(decimals=3).flatten()
        tensor([1.0000, 0.8190, 0.2850])
    """
    return pointwise(functools.partial(_highlight_clipping, restore=restore), images, level=stops, out=out)


def _highlight_clipping(images: Tensor, stops: Tensor, *, restore: bool) -> Tensor:
    gain = torch.exp2(stops)
    if restore:
        # Light that is multiplied, clipped and divided is light clipped at 1 / gain, and the curve is
        # monotone: the encoded values can be clipped as they are.
        return torch.minimum(images, linear_to_srgb((1 / gain).expand(-1, 3, *gain.shape[2:])))
    return linear_to_srgb((srgb_to_linear(images) * gain).clamp_max(1.0)).clamp(0, 1)


def white_balance_gain(
    images: Tensor, stops: Tensor, *, direction: str = "warm", out: Tensor | None = None
) -> Tensor:
    """Set the white-balance gains wrong: red times ``2 ** l`` and blue times ``2 ** -l`` in linear light.

    Green stays as it is, as cameras have it; red is clipped where its gain carries it above 1.

    Args:
        images: (N, 3, H, W) sRGB in [0, 1].
        stops: (N,), ``l``, -1 to 1.
        direction: ``"warm"`` gives red the gain ``2 ** l``, ``"cool"`` gives it to blue; a negative ``l``
            goes the other way.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) sRGB in [0, 1].

    Raises:
        ConfigurationError: ``direction`` is none of the two.

    Example:
        >>> import torch
        >>> grey = torch.full((1, 3, 1, 1), 0.5)
        >>> white_balance_gain(grey, torch.tensor([0.5])).round(decimals=3).flatten()
        tensor([0.5860, 0.5000, 0.4250])
    """
    checked_choice("white_balance_gain", "direction", direction, CASTS)
    sign = 1.0 if direction == "warm" else -1.0
    return pointwise(functools.partial(_white_balance_gain, sign=sign), images, level=stops, out=out)


def _white_balance_gain(images: Tensor, stops: Tensor, *, sign: float) -> Tensor:
    gains = torch.exp2(torch.cat((stops * sign, stops * 0, stops * -sign), dim=1))
    # Kornia converts three planes or none; a loop of our own spares the green one, which does not change.
    planes = slice(None) if by_kornia(images) else slice(None, None, 2)
    linear = (srgb_to_linear(images[:, planes]) * gains[:, planes]).clamp_max(1.0)
    encoded = linear_to_srgb(linear).clamp(0, 1)
    return torch.cat((encoded[:, :1], images[:, 1:2], encoded[:, -1:]), dim=1)


class HighlightClipping(SyntheticStage):
    """Overexposure with clipped highlights; the level is the exposure gain in stops, 0 to 3.

    Args:
        restore: bring the exposure back after the clipping; see ``highlight_clipping``.
    """

    family = "exposure"
    level_range = (0.0, 3.0)
    level_unit = "stops"
    parameter_name = "overexposure"
    memory = Memory(images=1.2, images_with_gradients=13.0)

    def __init__(self, *, restore: bool = False) -> None:
        super().__init__()
        self.restore = checked_switch("highlight_clipping", "restore", restore)

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return highlight_clipping(images, level, restore=self.restore, out=out)


class WhiteBalanceGain(SyntheticStage):
    """A colour cast from wrong gains; the level is what red gains and blue loses in stops, -1 to 1.

    Args:
        direction: ``"warm"`` or ``"cool"``, what positive levels make of a picture.
    """

    is_signed = True
    family = "colour"
    level_range = (0.0, 1.0)
    level_unit = "stops"
    parameter_name = "white_balance"
    memory = Memory(images=1.2, images_with_gradients=10.0)

    def __init__(self, *, direction: str = "warm") -> None:
        super().__init__()
        self.direction = checked_choice("white_balance_gain", "direction", direction, CASTS)

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return white_balance_gain(images, level, direction=self.direction, out=out)

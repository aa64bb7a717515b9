"""Stages that change the tones: darker, shifted, more or less contrast, a wrong transfer curve."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from isptune.contracts.requirements import Memory
from isptune_synthetic.curves import parabola
from isptune_synthetic.definition import by_kornia
from isptune_synthetic.options import checked_choice
from isptune_synthetic.pointwise import pointwise
from isptune_synthetic.stages.base import SyntheticStage

# At u = 0.2 from the middle the contrast curve of level l is l / 4 above the identity, which makes the
# coefficient of u (1/4 - u^2) there l / (4 * 0.2 * (1/4 - 0.2^2)).
_CUBIC = 1 / (4 * 0.2 * (0.25 - 0.2**2))

# The reference's amount at which its contrast curve is the identity.
_CONTRAST_IDENTITY = -0.2

# Below this value, a quarter of an 8-bit step, a wrong transfer curve is a straight line.
_TOE = 1 / 1024

DIRECTIONS = ("darker", "brighter")


def darken(images: Tensor, amount: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Darken the middle tones: ``clip(x - 2 a x (1 - x))`` ("darken" of ARNIQA after KADID-10k).

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        amount: (N,), ``a``, 0 to 0.8; above 0.5 the darkest tones are clipped to black.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Example:
        >>> import torch
        >>> darken(torch.full((1, 3, 1, 1), 0.5), torch.tensor([0.4])).flatten()
        tensor([0.3000, 0.3000, 0.3000])
    """
    return pointwise(_darken, images, level=amount, out=out)


def _darken(images: Tensor, amount: Tensor) -> Tensor:
    return parabola(images, -amount)


def mean_shift(images: Tensor, shift: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Add a constant to every channel, clipped to [0, 1] ("meanshift" of ARNIQA after KADID-10k).

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        shift: (N,), -0.15 to 0.15.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Example:
        >>> import torch
        >>> mean_shift(torch.full((2, 3, 1, 1), 0.5), torch.tensor([0.1, -0.1]))[:, 0].flatten()
        tensor([0.6000, 0.4000])
    """
    return pointwise(_mean_shift, images, level=shift, out=out)


def _mean_shift(images: Tensor, shift: Tensor) -> Tensor:
    if images.requires_grad or shift.requires_grad or by_kornia(images):
        from kornia.enhance import adjust_brightness

        brighter: Tensor = adjust_brightness(images, shift)
        return brighter
    return (images + shift).clamp(0, 1)


def linear_contrast(images: Tensor, amount: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Change the contrast along a cubic that keeps black, middle grey and white.

    ``x + l (x - 0.5) x (1 - x) / 0.168``, clipped to [0, 1]: the one cubic through (0, 0), (0.5, 0.5),
    (1, 1) and the points (0.3, 0.25 - a / 4) and (0.7, 0.75 + a / 4) of "lincontrchange" of ARNIQA after
    KADID-10k, with ``l = a + 0.2``. The name is the reference's, whose curve is a cubic spline and whose
    amount 0 is no identity.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        amount: (N,), ``l``, -0.5 to 0.5: above 0 the contrast of the middle tones grows, below 0 it falls.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Example:
        >>> import torch
        >>> linear_contrast(torch.full((1, 3, 1, 1), 0.7), torch.tensor([0.2])).flatten()
        tensor([0.7500, 0.7500, 0.7500])
    """
    return pointwise(_linear_contrast, images, level=amount, out=out)


def _linear_contrast(images: Tensor, amount: Tensor) -> Tensor:
    bend = (images - images * images) * (images - 0.5)
    return torch.addcmul(images, bend, amount * _CUBIC).clamp(0, 1)


def nonlinear_contrast(images: Tensor, amount: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Take contrast away around middle grey: ``0.5 + (1 - 2 l) (x - 0.5)``.

    "nonlincontrchange" of ARNIQA after KADID-10k, whose offset is ``0.5 - l``. The name is the
    reference's; the curve that it draws is a straight line.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        amount: (N,), ``l``, 0 to 0.45; half the share of the contrast that is gone.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Example:
        >>> import torch
        >>> nonlinear_contrast(torch.ones(1, 3, 1, 1), torch.tensor([0.2])).flatten()
        tensor([0.8000, 0.8000, 0.8000])
    """
    return pointwise(_nonlinear_contrast, images, level=amount, out=out)


def _nonlinear_contrast(images: Tensor, amount: Tensor) -> Tensor:
    return torch.addcmul(images, 0.5 - images, 2 * amount).clamp(0, 1)


def gamma_error(
    images: Tensor, error: Tensor, *, direction: str = "darker", out: Tensor | None = None
) -> Tensor:
    """Show a picture with the wrong transfer exponent: ``x ** (2 ** l)``, or ``x ** (2 ** -l)``.

    What a picture looks like that was encoded for one exponent and is decoded with another, a common
    mistake in a chain of displays and cameras: an exponent of 2.2 applied once too often is ``log2(2.2)``,
    1.14. Below 1/1024 the power is replaced by the straight line to black, as in every transfer curve in
    use: its slope stays finite there, also for exponents below 1.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        error: (N,), ``l``, the binary logarithm of the exponent, -1.2 to 1.2.
        direction: ``"darker"`` for exponents above 1 where ``l`` is positive, ``"brighter"`` for those
            below 1; a negative ``l`` goes the other way.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Raises:
        ConfigurationError: ``direction`` is none of the two.

    Example:
        >>> import torch
        >>> gamma_error(torch.full((1, 3, 1, 1), 0.5), torch.tensor([1.0])).round(decimals=4).flatten()
        tensor([0.2500, 0.2500, 0.2500])
    """
    checked_choice("gamma_error", "direction", direction, DIRECTIONS)
    sign = 1.0 if direction == "darker" else -1.0
    return pointwise(functools.partial(_gamma_error, sign=sign), images, level=error, out=out)


def _gamma_error(images: Tensor, error: Tensor, *, sign: float) -> Tensor:
    exponent = torch.exp2(error * sign)
    # "The power of the part above the toe plus the line of the part below it": see ``colour``.
    above = images.clamp_min(_TOE)
    if by_kornia(images):
        # Kornia's own slope at black is infinite where the exponent is below 1, hence the toe.
        from kornia.enhance import adjust_gamma

        curve = adjust_gamma(above, exponent)
    else:
        curve = above.log2().mul(exponent).exp2_()
    slope = torch.exp2((exponent - 1) * -10)
    return curve.addcmul(images.clamp_max(_TOE).sub_(_TOE), slope).clamp(0, 1)


class Darken(SyntheticStage):
    """Darker middle tones; the level is the curve's amount, 0 to 0.8."""

    family = "exposure"
    level_range = (0.0, 0.8)
    reference_range = (0.0, 0.8)
    parameter_name = "darkening"
    memory = Memory(images=1.2, images_with_gradients=6.0)

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return darken(images, level, out=out)


class MeanShift(SyntheticStage):
    """A constant added to every channel; the level is that constant, -0.15 to 0.15."""

    aliases = ("meanshift",)
    is_signed = True
    family = "exposure"
    level_range = (0.0, 0.15)
    reference_range = (-0.15, 0.15)
    parameter_name = "shift"
    memory = Memory(images=1.2, images_with_gradients=4.0)

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return mean_shift(images, level, out=out)


class LinearContrast(SyntheticStage):
    """Too much contrast, or too little; the level is the reference's amount plus 0.2, -0.5 to 0.5."""

    aliases = ("lincontrchange",)
    is_signed = True
    family = "contrast"
    level_range = (0.0, 0.5)
    reference_range = (-0.7, 0.3)
    parameter_name = "contrast"
    memory = Memory(images=1.2, images_with_gradients=8.0)

    def _level_of(self, value: float) -> float:
        return value - _CONTRAST_IDENTITY

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return linear_contrast(images, level, out=out)


class NonlinearContrast(SyntheticStage):
    """Too little contrast; the level is half the share of it that is gone, 0 to 0.45."""

    aliases = ("nonlincontrchange",)
    family = "contrast"
    level_range = (0.0, 0.45)
    reference_range = (0.05, 0.5)
    parameter_name = "contrast_loss"
    memory = Memory(images=1.2, images_with_gradients=5.0)

    def _level_of(self, value: float) -> float:
        return 0.5 - value

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return nonlinear_contrast(images, level, out=out)


class GammaError(SyntheticStage):
    """A wrong transfer exponent; the level is its binary logarithm, -1.2 to 1.2.

    Args:
        direction: ``"darker"`` or ``"brighter"``, what positive levels make of a picture.
    """

    is_signed = True
    family = "exposure"
    level_range = (0.0, 1.2)
    parameter_name = "gamma"
    memory = Memory(images=1.2, images_with_gradients=9.0)

    def __init__(self, *, direction: str = "darker") -> None:
        super().__init__()
        self.direction = checked_choice("gamma_error", "direction", direction, DIRECTIONS)

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return gamma_error(images, level, direction=self.direction, out=out)

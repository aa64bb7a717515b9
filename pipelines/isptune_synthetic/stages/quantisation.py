"""Stages that leave few tones: uniform bins, and too few bits in the dark."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from isptune.contracts.distortion import keep_identity
from isptune.contracts.requirements import Memory
from isptune.contracts.stage import per_sample
from isptune.stages.memory import room
from isptune.stages.strips import given_back, is_plain
from isptune_synthetic.colour import linear_to_srgb, srgb_to_linear
from isptune_synthetic.options import GRADIENTS, checked_choice
from isptune_synthetic.pointwise import pointwise
from isptune_synthetic.rounding import rounded
from isptune_synthetic.stages.base import SyntheticStage

# From this width of the bins on the tones are stretched in full, as in the reference code.
_FULL_STRETCH = 1 / 20
_FEWEST_BINS = 7

# A value on the edge of two bins belongs to the lower one, also where it is rounded up by a unit or two
# in the last place of float32.
_EDGE = 2.0**-22

# How many bits each domain of banding has to lose from.
_FULL_BITS = {"linear": 12, "encoded": 10}
DOMAINS = tuple(_FULL_BITS)


def quantize(images: Tensor, width: Tensor, *, gradient: str = "none", out: Tensor | None = None) -> Tensor:
    """Put the tones into bins of equal width and stretch them to the whole range.

    The bin of a value x is ``k = ceil(x / w)``, so that 0 alone is in bin 0, and its new value is
    ``(k - low) / (high - low)``, with the lowest and highest bin in the picture: "quantization" of ARNIQA
    after KADID-10k at ``w = 1 / bins``. Stretching changes a picture however narrow the bins are, which
    leaves the reference without an identity. Below its finest setting, 20 bins, ``low`` and ``high``
    therefore move to 0 and ``1 / w`` in proportion to the width, and the picture comes back as w goes to 0.
    A picture with one tone alone is not stretched.

    The number of bins is ``1 / w`` rounded: a bin that the end of the range cuts short would make a picture
    better or worse by chance. A picture from black to white gets worse with every step; one that is not
    gains or loses contrast with each bin that an end of its own range enters, as with the reference.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        width: (N,), ``w``, 0 to 1/7.
        gradient: ``"none"``; ``"straight_through"``, the same picture with the gradient that it would have
            if every rounding error, in bins, were a constant; or ``"soft"``, smooth stairs in bins whose
            number is not rounded, with a true gradient.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Raises:
        ConfigurationError: ``gradient`` is none of the three.

    Example:
        >>> import torch
        >>> ramp = torch.linspace(0, 1, 8).reshape(1, 1, 1, 8).expand(1, 3, 1, 8)
        >>> quantize(ramp, torch.tensor([1 / 7])).unique().numel()
        8
    """
    checked_choice("quantize", "gradient", gradient, GRADIENTS)
    if gradient == "none":
        images, width = images.detach(), width.detach()
    if not is_plain(images, width):
        ends = images.amin(dim=(1, 2, 3), keepdim=True), images.amax(dim=(1, 2, 3), keepdim=True)
        binned = _binned(images, per_sample(width, images), ends=ends, gradient=gradient)
        return given_back(keep_identity(images, binned, width), out)
    if out is None:
        out = room(images.shape, images.dtype)
    for index in range(images.shape[0]):
        # The ends belong to the whole picture, the rest to its strips.
        one = slice(index, index + 1)
        low, high = (end.reshape(1, 1, 1) for end in images[index].aminmax())
        formula = functools.partial(_binned, ends=(low, high), gradient=gradient)
        pointwise(formula, images[one], level=width[one], out=out[one])
    return out


def _binned(images: Tensor, width: Tensor, *, ends: tuple[Tensor, Tensor], gradient: str) -> Tensor:
    # At level 0, whose result is replaced, the number of bins must not be infinite.
    bins = 1 / width.clamp_min(1e-6)
    if gradient != "soft":
        bins = rounded(bins, gradient)
    share = (width * (1 / _FULL_STRETCH)).clamp_max(1.0)
    lowest, highest = (_bin_of(end, bins, gradient) for end in ends)
    low = share * lowest
    span = share * (highest - lowest) + (1 - share) * bins
    is_flat = highest <= lowest
    scale = 1 / torch.where(is_flat, bins, span)
    return ((_bin_of(images, bins, gradient) - torch.where(is_flat, 0.0, low)) * scale).clamp(0, 1)


def _bin_of(values: Tensor, bins: Tensor, gradient: str) -> Tensor:
    if gradient == "soft":
        # The steps are where those of ceil are; half a step lower, they begin with 0 at 0.
        return rounded(values * bins + 0.5, gradient) - 0.5
    position = (values - _EDGE) * bins
    number = position.detach().ceil().clamp_min_(0.0)
    if gradient == "straight_through" and position.requires_grad:
        return position + (number - position.detach())
    return number


def banding(
    images: Tensor,
    lost: Tensor,
    *,
    domain: str = "linear",
    gradient: str = "none",
    out: Tensor | None = None,
) -> Tensor:
    """Compute with too few bits: every channel rounded to ``2 ** (bits - l)`` codes, without dithering.

    Rounded in linear light the codes lie far apart in the dark, where smooth gradients fall into bands with
    false colours while the bright tones keep theirs: what a camera shows that rounds before its tone curve.
    For less than one lost bit the rounding error is scaled with ``l``.

    Args:
        images: (N, 3, H, W) sRGB in [0, 1].
        lost: (N,), ``l``, the bits lost, 0 to 8; need not be whole.
        domain: ``"linear"`` rounds in linear light of 12 bits, ``"encoded"`` the sRGB values of 10 bits.
        gradient: ``"none"``; ``"straight_through"``, the same picture with the gradient that it would have
            if each value's rounding error in codes were a constant; or ``"soft"``, smooth stairs with a
            true gradient.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) sRGB in [0, 1].

    Raises:
        ConfigurationError: ``domain`` or ``gradient`` is none of the words above.

    Example:
        >>> import torch
        >>> ramp = torch.linspace(0, 1, 256).reshape(1, 1, 1, 256).expand(1, 3, 1, 256)
        >>> banding(ramp, torch.tensor([8.0])).unique().numel()
        16
    """
    checked_choice("banding", "domain", domain, DOMAINS)
    checked_choice("banding", "gradient", gradient, GRADIENTS)
    if gradient == "none":
        images, lost = images.detach(), lost.detach()
    formula = functools.partial(_banding, domain=domain, gradient=gradient)
    return pointwise(formula, images, level=lost, out=out)


def _banding(images: Tensor, lost: Tensor, *, domain: str, gradient: str) -> Tensor:
    codes = torch.exp2(_FULL_BITS[domain] - lost) - 1
    values = srgb_to_linear(images) if domain == "linear" else images
    values = (rounded(values * codes, gradient) / codes).clamp(0, 1)
    banded = linear_to_srgb(values).clamp(0, 1) if domain == "linear" else values
    return torch.lerp(images, banded, lost.clamp_max(1.0))


class Quantize(SyntheticStage):
    """Few tones, stretched; the level is the width of their bins, 0 to 1/7 of the range.

    Args:
        gradient: ``"none"``, ``"straight_through"`` or ``"soft"``; see ``quantize``. With either of the
            last two gradients flow, and ``is_differentiable`` is True; those of ``"soft"`` are true.
    """

    aliases = ("quantization",)
    is_differentiable = False
    family = "compression"
    level_range = (0.0, 1 / _FEWEST_BINS)
    reference_range = (float(_FEWEST_BINS), 20.0)
    parameter_name = "bin_width"
    memory = Memory(images=1.2, images_with_gradients=8.0)

    def __init__(self, *, gradient: str = "none") -> None:
        super().__init__()
        self.gradient = checked_choice("quantize", "gradient", gradient, GRADIENTS)
        self.is_differentiable = self.gradient != "none"

    def _level_of(self, value: float) -> float:
        return 1 / value

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return quantize(images, level, gradient=self.gradient, out=out)


class Banding(SyntheticStage):
    """Bands in smooth gradients; the level is the number of bits lost in every channel, 0 to 8.

    Args:
        domain: ``"linear"`` or ``"encoded"``, where the bits are lost; see ``banding``.
        gradient: ``"none"``, ``"straight_through"`` or ``"soft"``; see ``banding``. With either of the
            last two gradients flow, and ``is_differentiable`` is True; those of ``"soft"`` are true.
    """

    is_differentiable = False
    family = "compression"
    level_range = (0.0, 8.0)
    level_unit = "bits"
    parameter_name = "lost_bits"
    memory = Memory(images=1.2, images_with_gradients=17.0)

    def __init__(self, *, domain: str = "linear", gradient: str = "none") -> None:
        super().__init__()
        self.domain = checked_choice("banding", "domain", domain, DOMAINS)
        self.gradient = checked_choice("banding", "gradient", gradient, GRADIENTS)
        self.is_differentiable = self.gradient != "none"

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return banding(images, level, domain=self.domain, gradient=self.gradient, out=out)

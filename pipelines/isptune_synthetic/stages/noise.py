"""Stages that add noise."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from isptune.compiled import can_compile
from isptune.contracts.requirements import Memory
from isptune_synthetic.options import GRADIENTS, checked_choice
from isptune_synthetic.pointwise import pointwise
from isptune_synthetic.stages.base import SyntheticStage

# RGB from Y'CbCr of ITU-R BT.601 in full range, as in JFIF.
_FROM_YCBCR = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))

# Soft impulses fade in while the level goes from half their own threshold above it to half below it.
_FADE = 0.5
_HIGHEST_FRACTION = 0.03
_LOWEST_FRACTION = 1e-6


def white_noise(images: Tensor, deviation: Tensor, noise: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Add white Gaussian noise, clipped to [0, 1] ("whitenoise" of ARNIQA after KADID-10k).

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        deviation: (N,) standard deviation, 0 to 0.1 (the reference states the variance, up to 0.01).
        noise: (3, H, W) standard normal numbers, the same for every sample.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Example:
        >>> import torch
        >>> noise = torch.randn(3, 32, 48, generator=torch.Generator().manual_seed(0))
        >>> white_noise(torch.full((1, 3, 32, 48), 0.5), torch.tensor([0.02]), noise).shape
        torch.Size([1, 3, 32, 48])
    """
    return _add_noise(images, deviation, noise, out)


def _add_noise(images: Tensor, deviation: Tensor, noise: Tensor, out: Tensor | None) -> Tensor:
    if can_compile(images, deviation, noise) and not noise.requires_grad:
        from isptune_synthetic.compiled import pointwise as compiled

        return compiled.add_noise(images, deviation, noise, out)
    return pointwise(_white_noise, images, noise.unsqueeze(0), level=deviation, out=out)


def _white_noise(images: Tensor, noise: Tensor, deviation: Tensor) -> Tensor:
    return images.addcmul(noise, deviation).clamp(0, 1)


def chroma_noise(images: Tensor, deviation: Tensor, noise: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Add Gaussian noise that is white in Y'CbCr, clipped to [0, 1] in RGB: mostly noise of the colours.

    "whitenoiseCC" of ARNIQA after KADID-10k. The conversion is linear and gives a picture back as it was, so
    that only the noise has to be converted: once, with ``rgb_of_chroma_noise``, and not with each picture.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        deviation: (N,) standard deviation in each of Y', Cb and Cr, 0 to 0.0548 (the reference states the
            variance, up to 0.003).
        noise: (3, H, W) what noise of standard deviation 1 in Y'CbCr is in RGB, the same for every sample.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Example:
        >>> import torch
        >>> noise = torch.randn(3, 32, 48, generator=torch.Generator().manual_seed(0))
        >>> grey = torch.full((1, 3, 32, 48), 0.5)
        >>> chroma_noise(grey, torch.tensor([0.02]), rgb_of_chroma_noise(noise)).shape
        torch.Size([1, 3, 32, 48])
    """
    return _add_noise(images, deviation, noise, out)


def rgb_of_chroma_noise(noise: Tensor) -> Tensor:
    """Differences in Y'CbCr (ITU-R BT.601, full range) as differences in RGB; (3, H, W) both."""
    planes = noise.new_tensor(_FROM_YCBCR) @ noise.flatten(1)
    return planes.reshape(noise.shape)


def multiplicative_noise(
    images: Tensor, deviation: Tensor, noise: Tensor, *, out: Tensor | None = None
) -> Tensor:
    """Noise in proportion to the values: ``x (1 + s n)``, clipped to [0, 1].

    "multnoise" of ARNIQA after KADID-10k, also known as speckle.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        deviation: (N,), ``s``, 0 to 0.2236 (the reference states the variance, up to 0.05).
        noise: (3, H, W), ``n``, standard normal numbers, the same for every sample.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Example:
        >>> import torch
        >>> noise = torch.randn(3, 32, 48, generator=torch.Generator().manual_seed(0))
        >>> multiplicative_noise(torch.full((1, 3, 32, 48), 0.5), torch.tensor([0.1]), noise).shape
        torch.Size([1, 3, 32, 48])
    """
    return pointwise(_multiplicative_noise, images, noise.unsqueeze(0), level=deviation, out=out)


def _multiplicative_noise(images: Tensor, noise: Tensor, deviation: Tensor) -> Tensor:
    return images.addcmul(images * noise, deviation).clamp(0, 1)


def impulse_noise(
    images: Tensor,
    fraction: Tensor,
    noise: Tensor,
    *,
    gradient: str = "none",
    out: Tensor | None = None,
) -> Tensor:
    """Set a share of all entries to 1 or 0, either half of them ("impulsenoise" of ARNIQA after KADID-10k).

    An entry is hit where the absolute value of its number is below the fraction, and its sign tells 1 from
    0: entries hit at one level are hit at every higher one. The reference draws entries with replacement, so
    that up to a 65th of its impulses coincide with others, and are missing; ``impulse_thresholds`` does not.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        fraction: (N,), 0 to 0.03.
        noise: (3, H, W) in [-1, 1] from ``impulse_thresholds``, the same for every sample.
        gradient: ``"none"``; ``"soft"``, in which an impulse fades in while the fraction passes its
            threshold, as many on average, with a true gradient; or ``"straight_through"``, hard impulses
            with the gradient of soft ones.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Raises:
        ConfigurationError: ``gradient`` is none of the three.

    Example:
        >>> import torch
        >>> thresholds = impulse_thresholds(100, 100, torch.Generator().manual_seed(0))
        >>> spoilt = impulse_noise(torch.full((1, 3, 100, 100), 0.5), torch.tensor([0.03]), thresholds)
        >>> int((spoilt == 0).sum()), int((spoilt == 1).sum())
        (450, 450)
    """
    checked_choice("impulse_noise", "gradient", gradient, GRADIENTS)
    if gradient == "none":
        images, fraction = images.detach(), fraction.detach()
    formula = functools.partial(_impulse_noise, gradient=gradient)
    return pointwise(formula, images, noise.unsqueeze(0), level=fraction, out=out)


def _impulse_noise(images: Tensor, noise: Tensor, fraction: Tensor, *, gradient: str) -> Tensor:
    threshold, impulse = noise.abs(), (noise > 0).to(images.dtype)
    is_recorded = torch.is_grad_enabled() and (images.requires_grad or fraction.requires_grad)
    if gradient == "soft" or (gradient == "straight_through" and is_recorded):
        # In proportion to the fraction the width of the fade leaves the number of impulses right.
        width = (2 * _FADE) * fraction.clamp_min(_LOWEST_FRACTION)
        share = (((1 + _FADE) * fraction - threshold) / width).clamp(0, 1)
        soft = torch.lerp(images, impulse, share.square() * (3 - 2 * share))
        if gradient == "soft":
            return soft
        return torch.where(threshold < fraction, impulse, images).detach() + (soft - soft.detach())
    return torch.where(threshold < fraction, impulse, images)


def impulse_thresholds(height: int, width: int, generator: torch.Generator) -> Tensor:
    """Signed thresholds for ``impulse_noise``, which hit a fraction f of the entries to the nearest one.

    As in the reference code the numbers of ones and zeros are equal in every draw, not on average alone.

    Returns:
        (3, height, width) in float32: distinct, with alternating signs, for as many entries at random places
        as the highest fraction reaches, those that only begin to fade in included; 1 for all others.
    """
    entries = 3 * height * width
    wanted = math.ceil(_HIGHEST_FRACTION * (1 + _FADE) * entries)
    # Drawn with replacement and later occurrences dropped, with as many to spare as that takes.
    drawn = torch.randint(entries, (wanted + wanted // 16 + 64,), generator=generator)
    order = torch.arange(len(drawn), dtype=torch.int32)
    first = torch.full((entries,), len(drawn), dtype=torch.int32).scatter_reduce_(0, drawn, order, "amin")
    places = drawn[first[drawn] == order][:wanted]
    rank = torch.arange(len(places))
    thresholds = torch.ones(3, height, width)
    thresholds.view(-1)[places] = ((rank + 0.5) / entries * (1 - 2 * (rank % 2))).float()
    return thresholds


class GaussianNoise(SyntheticStage):
    """What the Gaussian noises share: a field drawn once, and a level that is a standard deviation."""

    is_stochastic = True
    memory = Memory(images=1.2)

    def _level_of(self, value: float) -> float:
        # The reference states the variance.
        return math.sqrt(value)

    def draw(self, height: int, width: int, generator: torch.Generator) -> Tensor:
        """(3, height, width) standard normal numbers in float32."""
        return torch.randn(3, height, width, generator=generator)


class WhiteNoise(GaussianNoise):
    """White Gaussian noise; the level is its standard deviation, 0 to 0.1."""

    aliases = ("whitenoise",)
    family = "noise"
    level_range = (0.0, 0.1)
    reference_range = (0.0, 0.01)
    parameter_name = "noise"
    memory = Memory(images=1.2, images_with_gradients=4.0)

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return white_noise(images, level, self.noise_for(images, noise), out=out)


class ChromaNoise(GaussianNoise):
    """Gaussian noise in Y'CbCr; the level is its standard deviation, 0 to 0.0548."""

    aliases = ("whitenoiseCC",)
    family = "noise"
    level_range = (0.0, math.sqrt(0.003))
    reference_range = (0.0, 0.003)
    parameter_name = "chroma_noise"
    memory = Memory(images=1.2, images_with_gradients=4.5)

    def draw(self, height: int, width: int, generator: torch.Generator) -> Tensor:
        """(3, height, width) in float32: standard normal numbers in Y'CbCr, as differences in RGB."""
        return rgb_of_chroma_noise(torch.randn(3, height, width, generator=generator))

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return chroma_noise(images, level, self.noise_for(images, noise), out=out)


class MultiplicativeNoise(GaussianNoise):
    """Noise in proportion to the values; the level is its relative standard deviation, 0 to 0.2236."""

    aliases = ("multnoise",)
    family = "noise"
    level_range = (0.0, math.sqrt(0.05))
    reference_range = (0.0, 0.05)
    parameter_name = "speckle"
    memory = Memory(images=1.2, images_with_gradients=7.0)

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return multiplicative_noise(images, level, self.noise_for(images, noise), out=out)


class ImpulseNoise(SyntheticStage):
    """Entries set to 0 or 1; the level is their share, 0 to 0.03.

    Args:
        gradient: ``"none"``, ``"straight_through"`` or ``"soft"``; see ``impulse_noise``. With either of
            the last two gradients flow, and ``is_differentiable`` is True; those of ``"soft"`` are true.
    """

    aliases = ("impulsenoise",)
    is_differentiable = False
    family = "noise"
    level_range = (0.0, _HIGHEST_FRACTION)
    reference_range = (0.0, _HIGHEST_FRACTION)
    parameter_name = "impulses"
    is_stochastic = True
    memory = Memory(images=1.7, images_with_gradients=21.0)

    def __init__(self, *, gradient: str = "none") -> None:
        super().__init__()
        self.gradient = checked_choice("impulse_noise", "gradient", gradient, GRADIENTS)
        self.is_differentiable = self.gradient != "none"

    def draw(self, height: int, width: int, generator: torch.Generator) -> Tensor:
        """(3, height, width) signed thresholds in float32; see ``impulse_thresholds``."""
        return impulse_thresholds(height, width, generator)

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return impulse_noise(images, level, self.noise_for(images, noise), gradient=self.gradient, out=out)

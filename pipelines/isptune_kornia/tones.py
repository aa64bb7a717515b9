"""Kornia's operators on tones: brightness, contrast, gamma, levels."""

from __future__ import annotations

import torch
from kornia import enhance
from torch import Tensor

from isptune.contracts.requirements import Memory
from isptune.contracts.stage import Stage, per_sample
from isptune.parameters import Bool, Choice, Float, Int
from isptune_kornia.samples import in_groups, settings_of


class AdjustBrightness(Stage):
    """Adds a number to every channel: ``clip(x + factor)``."""

    memory = Memory(images=2.0, images_with_gradients=3.0)
    factor = Float(-0.5, 0.5, default=0.0, description="what is added")

    def forward(self, images: Tensor, factor: Tensor) -> Tensor:
        return enhance.adjust_brightness(images, per_sample(factor, images))


class AdjustBrightnessAccumulative(Stage):
    """Multiplies every channel, as a digital gain does: ``clip(x factor)``."""

    memory = Memory(images=2.0, images_with_gradients=4.0)
    factor = Float(0.25, 4.0, log=True, default=1.0, description="the gain")

    def forward(self, images: Tensor, factor: Tensor) -> Tensor:
        return enhance.adjust_brightness_accumulative(images, per_sample(factor, images))


class AdjustContrast(Stage):
    """Scales contrast about black: ``clip(x factor)``."""

    memory = Memory(images=2.0, images_with_gradients=4.0)
    factor = Float(0.25, 4.0, log=True, default=1.0, description="the contrast; 1 changes nothing")

    def forward(self, images: Tensor, factor: Tensor) -> Tensor:
        return enhance.adjust_contrast(images, per_sample(factor, images))


class AdjustContrastWithMeanSubtraction(Stage):
    """Scales contrast about the picture's mean grey: ``clip(m + factor (x - m))``."""

    memory = Memory(images=3.0, images_with_gradients=6.0)
    factor = Float(0.0, 2.0, default=1.0, description="the contrast; 1 changes nothing, 0 leaves flat grey")

    def forward(self, images: Tensor, factor: Tensor) -> Tensor:
        return enhance.adjust_contrast_with_mean_subtraction(images, per_sample(factor, images))


class AdjustGamma(Stage):
    """A power curve with a gain: ``clip(gain x ** gamma)``."""

    memory = Memory(images=3.0, images_with_gradients=8.0)
    gamma = Float(0.25, 4.0, log=True, default=1.0, description="the exponent; above 1 is darker")
    gain = Float(0.5, 2.0, log=True, default=1.0, description="what the result is multiplied by")

    def forward(self, images: Tensor, gamma: Tensor, gain: Tensor) -> Tensor:
        # Black stays black at any exponent, where Kornia's slope is infinite below 1.
        black = images == 0
        curve = enhance.adjust_gamma(
            torch.where(black, 1.0, images), per_sample(gamma, images), per_sample(gain, images)
        )
        return torch.where(black, 0.0, curve)


class AdjustLog(Stage):
    """A logarithmic curve, or its inverse: ``clip(gain log2(1 + x))`` or ``clip(gain (2 ** x - 1))``."""

    memory = Memory(images=4.0, images_with_gradients=9.0)
    gain = Float(0.5, 2.0, log=True, default=1.0, description="what the curve is multiplied by")
    inv = Bool(default=False, description="whether it is the inverse, which darkens")

    def forward(self, images: Tensor, gain: Tensor, inv: Tensor) -> Tensor:
        gains = per_sample(gain, images)
        # Kornia says a number, and computes with one a sample as well.
        inverse, curve = (enhance.adjust_log(images, gain=gains, inv=way) for way in (True, False))  # type: ignore[arg-type]
        return torch.where(inv.to(images.device).reshape(-1, 1, 1, 1), inverse, curve)


class AdjustSigmoid(Stage):
    """An S-shaped curve: ``1 / (1 + exp(gain (cutoff - x)))``, or 1 minus that."""

    memory = Memory(images=4.0, images_with_gradients=10.0)
    cutoff = Float(0.0, 1.0, default=0.5, description="the tone that becomes middle grey")
    gain = Float(1.0, 20.0, log=True, default=10.0, description="how steep the curve is")
    inv = Bool(default=False, description="whether it is the negative")

    def forward(self, images: Tensor, cutoff: Tensor, gain: Tensor, inv: Tensor) -> Tensor:
        middle, slope = per_sample(cutoff, images), per_sample(gain, images)
        # Kornia says numbers, and computes with one a sample as well.
        negative, curve = (enhance.adjust_sigmoid(images, middle, slope, inv=way) for way in (True, False))  # type: ignore[arg-type]
        return torch.where(inv.to(images.device).reshape(-1, 1, 1, 1), negative, curve)


class Normalize(Stage):
    """Subtracts a level and divides by another, as black level and gain do: ``clip((x - mean) / std)``."""

    memory = Memory(images=3.0, images_with_gradients=5.0)
    mean = Float(-0.1, 0.3, default=0.0, description="the tone that becomes 0")
    std = Float(0.25, 4.0, log=True, default=1.0, description="the range that becomes 1")

    def forward(self, images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
        channels = [value.to(images).reshape(-1, 1).expand(-1, 3) for value in (mean, std)]
        return enhance.normalize(images, *channels).clamp(0, 1)


class NormalizeMinMax(Stage):
    """Stretches each channel to a range.

    Kornia takes one range for the batch: each channel is stretched to [0, 1] and then to its sample's range.
    """

    memory = Memory(images=3.0, images_with_gradients=6.0)
    min_val = Float(0.0, 0.4, default=0.0, description="what the darkest pixel becomes")
    max_val = Float(0.6, 1.0, default=1.0, description="what the brightest pixel becomes")

    def forward(self, images: Tensor, min_val: Tensor, max_val: Tensor) -> Tensor:
        low, high = per_sample(min_val, images), per_sample(max_val, images)
        return torch.lerp(low, high, enhance.normalize_min_max(images)).clamp(0, 1)


class Posterize(Stage):
    """Keeps the highest bits of 8-bit samples."""

    is_differentiable = False
    memory = Memory(images=4.0)
    bits = Int(1, 8, default=8, unit="bits", description="how many are kept; 8 changes nothing")

    def forward(self, images: Tensor, bits: Tensor) -> Tensor:
        return enhance.posterize(images, bits.to(images.device)).clamp(0, 1)


class EqualizeClahe(Stage):
    """Histogram equalisation in tiles, with limited contrast (CLAHE); sample by sample."""

    is_differentiable = False
    memory = Memory(images=6.0)
    clip_limit = Float(
        1.0, 40.0, log=True, default=40.0, description="how far a tone may be stretched, in mean counts"
    )
    grid_size = Choice((2, 4, 8), default=8, unit="tiles", description="tiles along either side")

    def forward(self, images: Tensor, clip_limit: Tensor, grid_size: Tensor) -> Tensor:
        sides = [side for (side,) in settings_of(self, grid_size=grid_size)]
        settings = list(zip(clip_limit.tolist(), sides, strict=True))
        return in_groups(_equalized, settings, images.detach()).clamp(0, 1)


def _equalized(images: Tensor, limit: float, side: int) -> Tensor:
    return enhance.equalize_clahe(images, clip_limit=limit, grid_size=(side, side))

"""Noise reduction and sharpening of encoded pictures."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from isptune import Float, Memory, Stage
from isptune.stages import is_plain, per_sample
from isptune_raw.scales import guided, smoothed
from isptune_raw.stages.tone import luma_of


class Denoise(Stage):
    """Guided filters on luma and, at half size and guided by luma, on colour differences.

    A neighbourhood whose variance is below ``luma`` or ``chroma`` is smoothed; one above it stays.
    """

    luma = Float(1e-7, 3e-2, log=True, default=1e-7, description="variance of luma that is smoothed")
    chroma = Float(1e-7, 1e-1, log=True, default=1e-7, description="variance of colour that is smoothed")
    memory = Memory(images=5.0, images_with_gradients=16.0)

    def forward(self, images: Tensor, luma: Tensor, chroma: Tensor) -> Tensor:
        bright = luma_of(images)
        slope, offset = guided(bright, bright, 2, per_sample(luma, images))
        smooth = slope * bright + offset
        # Differences of red and blue to luma; green follows from them.
        differences = images[:, 0::2] - bright
        height, width = bright.shape[-2:]
        small = functional.avg_pool2d(
            torch.cat([bright, differences], dim=1), 2, ceil_mode=True, count_include_pad=False
        )
        floor = per_sample(chroma, images)
        filtered = []
        for index in (1, 2):
            slope, offset = guided(small[:, index : index + 1], small[:, index : index + 1], 3, floor)
            filtered.append(small[:, index : index + 1] * (slope - 1) + offset)
        change = functional.interpolate(
            torch.cat(filtered, dim=1), size=(height, width), mode="bilinear", align_corners=False
        )
        red, blue = (smooth + differences + change).split(1, dim=1)
        green = (smooth - 0.299 * red - 0.114 * blue) / 0.587
        return torch.cat([red, green, blue], dim=1).clamp(0.0, 1.0)


class Sharpen(Stage):
    """Unsharp masking of luma that leaves noise alone and limits halos."""

    radius = Float(0.5, 3.0, log=True, default=1.0, unit="px", description="standard deviation of the blur")
    amount = Float(0.0, 2.0, default=0.0)
    threshold = Float(1e-3, 5e-2, log=True, default=1e-3, description="details below it are left alone")
    halo = Float(1e-3, 0.3, log=True, default=0.3, description="the most that a pixel changes")
    memory = Memory(images=4.0, images_with_gradients=10.0)

    def forward(
        self, images: Tensor, radius: Tensor, amount: Tensor, threshold: Tensor, halo: Tensor
    ) -> Tensor:
        if is_plain(images, amount) and not bool(amount.any()):
            return images.clamp(0.0, 1.0)
        luma = luma_of(images)
        details = luma - _blurred(luma, radius)
        square = details.square()
        details = details * square / (square + per_sample(threshold, images).square())
        most = per_sample(halo, images)
        change = most * torch.tanh(per_sample(amount, images) * details / most)
        return (images + change).clamp(0.0, 1.0)


def _blurred(luma: Tensor, radius: Tensor) -> Tensor:
    """Blurred with the variance ``radius ** 2``: a mixture of two scales next to it."""
    scales = smoothed(luma, 3)
    variance = radius.double().square()
    weights = []
    steps = [(4**level - 1) / 6 for level in range(len(scales))]
    for level, middle in enumerate(steps):
        rising = 1.0 if level == 0 else (variance - steps[level - 1]) / (middle - steps[level - 1])
        falling = (
            1.0 if level + 1 == len(steps) else (steps[level + 1] - variance) / (steps[level + 1] - middle)
        )
        rising = torch.as_tensor(rising, dtype=variance.dtype, device=variance.device)
        falling = torch.as_tensor(falling, dtype=variance.dtype, device=variance.device)
        weights.append(torch.minimum(rising, falling).clamp(0.0, 1.0).expand_as(variance))
    blurred = per_sample(weights[0], luma) * scales[0]
    for weight, scale in zip(weights[1:], scales[1:], strict=True):
        blurred = blurred + per_sample(weight, luma) * scale
    return blurred

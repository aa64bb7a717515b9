"""Statistics of tone and colour: (N, 3, H, W) in [0, 1] to (N,).

Sums are taken in float64 and no sample meets another. All act on the values as they are stored (gamma-coded
for ordinary pictures); luma is ITU-R BT.601's, and may be given as ``luma_255`` where it is there already.
Results are in the type of the images, at least float32.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from isptune_statistics.natural_scenes import luma_255

# Below this maximum of the channels, saturation is measured against it: noise in black is no colour.
DARK = 16 / 255
UNDEREXPOSED = 0.05
OVEREXPOSED = 0.95


def mean_luma(images: Tensor, luma: Tensor | None = None) -> Tensor:
    """The mean of luma, in [0, 1]."""
    return (_luma(images, luma).mean(dim=(1, 2, 3)) / 255).to(_kind(images))


def underexposed(images: Tensor, threshold: float = UNDEREXPOSED, luma: Tensor | None = None) -> Tensor:
    """Share of the pixels whose luma is below ``threshold``, in [0, 1]: lost shadows, or a dark subject."""
    dark = _luma(images, luma) < 255 * threshold
    return dark.to(torch.float64).mean(dim=(1, 2, 3)).to(_kind(images))


def overexposed(images: Tensor, threshold: float = OVEREXPOSED, luma: Tensor | None = None) -> Tensor:
    """Share of the pixels whose luma is above ``threshold``, in [0, 1]: lost highlights, a white subject."""
    light = _luma(images, luma) > 255 * threshold
    return light.to(torch.float64).mean(dim=(1, 2, 3)).to(_kind(images))


def saturation(images: Tensor) -> Tensor:
    """Mean saturation, ``(max - min) / max`` of the channels (Smith's HSV), in [0, 1].

    Where the maximum is below ``DARK`` it is replaced by it, so that noise in black areas does not count as
    the purest of colours.
    """
    images = images.detach().to(_kind(images))
    highest, lowest = images.amax(dim=1), images.amin(dim=1)
    ratio = (highest - lowest) / highest.clamp(min=DARK)
    return ratio.mean(dim=(-2, -1), dtype=torch.float64).to(_kind(images))


def colour_cast(images: Tensor) -> Tensor:
    """Deviation from the grey world: standard deviation of the three channel means over their mean.

    ``std_c(m_c) / max(mean_c(m_c), 16/255)`` with m_c the mean of channel c; 0 where the average colour is
    grey, at most sqrt(2) for a pure primary. A scene of one colour has a cast too (G. Buchsbaum, Journal of
    the Franklin Institute 310(1), 1980, for the assumption).
    """
    means = images.detach().mean(dim=(-2, -1), dtype=torch.float64)
    grey = means.mean(dim=1, keepdim=True)
    spread = (means - grey).square().mean(dim=1).sqrt()
    return (spread / grey[:, 0].clamp(min=DARK)).to(_kind(images))


def luma_entropy(images: Tensor, luma: Tensor | None = None) -> Tensor:
    """Shannon entropy of the histogram of luma in 256 levels, in bits: from 0 (flat) to 8."""
    levels = _luma(images, luma).round().clamp_(0, 255).flatten(1).to(torch.int64)
    count, pixels = levels.shape
    if not count:
        return images.new_zeros(0, dtype=_kind(images))
    levels += 256 * torch.arange(count, device=levels.device).unsqueeze(1)
    counts = torch.bincount(levels.flatten(), minlength=256 * count).reshape(count, 256)
    shares = counts.to(torch.float64) / pixels
    return (torch.special.entr(shares).sum(dim=1) / math.log(2)).to(_kind(images))


def _luma(images: Tensor, luma: Tensor | None) -> Tensor:
    return luma_255(images) if luma is None else luma


def _kind(images: Tensor) -> torch.dtype:
    return torch.promote_types(images.dtype, torch.float32)

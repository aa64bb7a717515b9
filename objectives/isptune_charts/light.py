"""Encoded sRGB to linear light, and its luminance."""

from __future__ import annotations

import torch
from torch import Tensor

# Luminance of sRGB's primaries (IEC 61966-2-1).
_WEIGHTS = (0.2126, 0.7152, 0.0722)


def linear(images: Tensor) -> Tensor:
    """sRGB (IEC 61966-2-1) to linear light, of any shape; values outside [0, 1] stay what they stand for.

    Below 0 the curve's straight part goes on, so that noise around black keeps its mean.
    """
    curved = ((images.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4
    return torch.where(images <= 0.04045, images / 12.92, curved)


def luminance(light: Tensor) -> Tensor:
    """Relative luminance of linear sRGB (..., 3, H, W) as (..., H, W): 0 black, 1 white."""
    red, green, blue = light.unbind(-3)
    return _WEIGHTS[0] * red + _WEIGHTS[1] * green + _WEIGHTS[2] * blue


def luma(images: Tensor) -> Tensor:
    """The same weights on encoded values (..., 3, H, W), as (..., H, W): ITU-R BT.709's luma."""
    return luminance(images)

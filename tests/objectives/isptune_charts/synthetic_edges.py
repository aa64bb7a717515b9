"""Slanted edges of which the response is known."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.optimize import brentq
from scipy.special import erf
from torch import Tensor


def edge(
    height: int, width: int, degrees: float, sigma: float, offset: float = 0.3, parts: int = 8
) -> Tensor:
    """(h, w) float64 in [0, 1]: an upright edge, blurred and then averaged over each pixel's area."""
    slope = math.tan(math.radians(degrees))
    within = (np.arange(parts) + 0.5) / parts - 0.5
    y = (np.arange(height)[:, None] + within).ravel() - (height - 1) / 2
    x = (np.arange(width)[:, None] + within).ravel() - (width - 1) / 2
    away = (x[None] - offset - slope * y[:, None]) * math.cos(math.atan(slope))
    values = 0.5 * (1 + erf(away / (sigma * math.sqrt(2))))
    return torch.from_numpy(values.reshape(height, parts, width, parts).mean((1, 3)))


def mtf50(sigma: float, degrees: float) -> float:
    """Of a Gaussian and the pixel's square, in cycles per pixel along the normal."""
    angle = math.radians(degrees)

    def contrast(frequency: float) -> float:
        pixel = np.sinc(frequency * math.cos(angle)) * np.sinc(frequency * math.sin(angle))
        return float(math.exp(-2 * (math.pi * frequency * sigma) ** 2) * pixel)

    return float(brentq(lambda frequency: contrast(frequency) - 0.5, 1e-4, 0.99))

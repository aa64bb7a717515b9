"""What ``fingerprints`` takes from the colours of blocks of 4 x 4, tone by tone and hue by hue."""

from __future__ import annotations

import numpy as np

from isptune.compiled.jit import inline, loop

f4 = np.float32

# Pixels that are added up in single precision.
_TOGETHER = 512


@inline
def _positive(value: f4) -> f4:
    """What is above 0; NaN stays NaN."""
    return f4(0) if value < f4(0) else value


@inline
def _weighted(weights: np.ndarray, values: np.ndarray, sums: np.ndarray) -> None:
    """Add the weights, and their products with each of the values (3, T), to (4,)."""
    a, b, c, d = f4(0), f4(0), f4(0), f4(0)
    for i in range(weights.shape[0]):
        weight = weights[i]
        a += weight
        b += weight * values[0, i]
        c += weight * values[1, i]
        d += weight * values[2, i]
    sums[0] += a
    sums[1] += b
    sums[2] += c
    sums[3] += d


@loop
def colours(
    fine: np.ndarray, levels: np.ndarray, hues: np.ndarray, by_tone: np.ndarray, by_hue: np.ndarray
) -> None:
    """Add up how colourful the tones are, and where the colours lie.

    Args:
        fine: (3, T) pixels.
        levels: (5,) tones.
        hues: (6, 2) directions of blue and of red less luma.
        by_tone: (7, 4) float64: weights, and saturation, blue and red by weight, of each tone; then of what
            is almost grey; then of luma itself as the weight, with luma in the place of saturation.
        by_hue: (8,) float64 sums along each direction; then of blue and of red less luma.
    """
    grey, values = np.empty(_TOGETHER, np.float32), np.empty((3, _TOGETHER), np.float32)
    weights = np.empty(_TOGETHER, np.float32)
    by_tone[:], by_hue[:] = 0, 0
    for first in range(0, fine.shape[1], _TOGETHER):
        n = min(_TOGETHER, fine.shape[1] - first)
        for i in range(n):
            r, g, b = fine[0, first + i], fine[1, first + i], fine[2, first + i]
            largest = max(r, max(g, b))
            luma = f4(0.299) * r + f4(0.587) * g + f4(0.114) * b
            grey[i] = luma
            values[0, i] = (largest - min(r, min(g, b))) / (largest + f4(0.05))
            values[1, i] = b - luma
            values[2, i] = r - luma
        for tone in range(levels.shape[0]):
            for i in range(n):
                weights[i] = _positive(f4(1) - abs(grey[i] - levels[tone]) * f4(5))
            _weighted(weights[:n], values, by_tone[tone])
        for i in range(n):
            weights[i] = np.exp((values[1, i] * values[1, i] + values[2, i] * values[2, i]) * f4(-400))
        _weighted(weights[:n], values, by_tone[5])
        for hue in range(hues.shape[0]):
            total = f4(0)
            for i in range(n):
                total += _positive(hues[hue, 0] * values[1, i] + hues[hue, 1] * values[2, i])
            by_hue[hue] += total
        for plane in range(2):
            total = f4(0)
            for i in range(n):
                total += values[plane + 1, i]
            by_hue[6 + plane] += total
        for i in range(n):
            values[0, i] = grey[i]
        _weighted(grey[:n], values, by_tone[6])

"""Locally normalised luma, and the sums that the fits take of it and of products of neighbours."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from isptune.compiled.jit import exact, inline, loop, loop_in_order
from isptune.stages.strips import each

WINDOW = 7
_HALF = WINDOW // 2
_PLAIN = [math.exp(-0.5 * (i / (7 / 6)) ** 2) for i in range(-_HALF, _HALF + 1)]
_TAPS = np.array(_PLAIN) / sum(_PLAIN)
# What squares of values up to 255 leave behind when they cancel, in float64, is below this.
_NOTHING = 1e-4
# Pixels of a task.
_TASK = 2**15

# Of a plane: sums of magnitudes and of squares. Of each product of neighbours: sums of what is above and
# below 0, of the squares of both, and how many are above and below.
OWN, OF_PRODUCT, PRODUCTS = 2, 6, 4


def mscn(luma: Tensor, constant: float) -> tuple[Tensor, Tensor]:
    """See ``natural_scenes.mscn``: of (N, 1, H, W) float64 on a CPU."""
    planes = luma.contiguous().numpy()[:, 0]
    height, width = planes.shape[1:]
    coefficients, spread = np.empty((2, *planes.shape))
    step = max(1, _TASK // width)
    tasks = [
        (planes[n], _TAPS, constant, first, min(first + step, height), coefficients[n], spread[n])
        for n in range(len(planes))
        for first in range(0, height, step)
    ]
    each(_normalised, tasks, planes.size)
    return torch.from_numpy(coefficients)[:, None], torch.from_numpy(spread)[:, None]


def sums_of(blocks: Tensor) -> Tensor:
    """(..., 26) sums of coefficients (..., H, W) float64 on a CPU, the plane's own before the products'."""
    flat = blocks.reshape(-1, *blocks.shape[-2:]).numpy()
    sums = np.zeros((len(flat), OWN + PRODUCTS * OF_PRODUCT))
    each(_sums, [(flat[n], sums[n]) for n in range(len(flat))], flat.size)
    return torch.from_numpy(sums).reshape(*blocks.shape[:-2], -1)


@loop_in_order
def _normalised(
    luma: np.ndarray,
    taps: np.ndarray,
    constant: float,
    first: int,
    last: int,
    coefficients: np.ndarray,
    spread: np.ndarray,
) -> None:
    """Rows first to last of both results; beyond the border the nearest pixel is repeated.

    In the formulas' own order: what is left of a flat area are rounding errors, whose signs count.
    """
    height, width = luma.shape
    top, bottom = max(first - _HALF, 0), min(last + _HALF, height)
    # Of luma and of its squares, filtered along the rows.
    filtered = np.empty((2, bottom - top, width))
    wide = np.empty((2, width + 2 * _HALF))
    for row in range(top, bottom):
        for x in range(-_HALF, width + _HALF):
            value = luma[row, min(max(x, 0), width - 1)]
            wide[0, x + _HALF] = value
            wide[1, x + _HALF] = value * value
        for plane in range(2):
            source, target = wide[plane], filtered[plane, row - top]
            for x in range(width):
                total = source[x + _HALF] * taps[_HALF]
                for i in range(_HALF):
                    total += source[x + i] * taps[i]
                    total += source[x + 2 * _HALF - i] * taps[i]
                target[x] = total
    sums = np.empty((2, width))
    for row in range(first, last):
        for plane in range(2):
            target = sums[plane]
            line = filtered[plane, row - top]
            for x in range(width):
                target[x] = line[x] * taps[_HALF]
            for i in range(_HALF):
                above = filtered[plane, max(row + i - _HALF, 0) - top]
                below = filtered[plane, min(row + _HALF - i, height - 1) - top]
                for x in range(width):
                    target[x] += above[x] * taps[i]
                    target[x] += below[x] * taps[i]
        _finish(luma[row], sums, constant, coefficients[row], spread[row])


@exact
def _finish(
    luma: np.ndarray, sums: np.ndarray, constant: float, coefficients: np.ndarray, spread: np.ndarray
) -> None:
    for x in range(luma.shape[0]):
        mean = sums[0, x]
        squared = mean * mean
        deviation = math.sqrt(max(sums[1, x] - squared, 0.0))
        # NaN stays NaN.
        deviation = 0.0 if deviation < _NOTHING else deviation
        spread[x] = deviation
        coefficients[x] = (luma[x] - mean) / (deviation + constant)


@inline
def _add_products(one: np.ndarray, other: np.ndarray, sums: np.ndarray) -> None:
    """Add the six sums of the products of two lines."""
    above, below, above_2, below_2, up, down = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for x in range(one.shape[0]):
        product = one[x] * other[x]
        high, low = max(product, 0.0), max(-product, 0.0)
        above += high
        below += low
        above_2 += high * high
        below_2 += low * low
        up += 1.0 if product > 0.0 else 0.0
        down += 1.0 if product < 0.0 else 0.0
    sums[0] += above
    sums[1] += below
    sums[2] += above_2
    sums[3] += below_2
    sums[4] += up
    sums[5] += down


@loop
def _sums(plane: np.ndarray, sums: np.ndarray) -> None:
    """Of one plane or patch (H, W): (26,)."""
    height, width = plane.shape
    for row in range(height):
        line = plane[row]
        magnitude, square = 0.0, 0.0
        for x in range(width):
            magnitude += abs(line[x])
            square += line[x] * line[x]
        sums[0] += magnitude
        sums[1] += square
        _add_products(line[:-1], line[1:], sums[2:8])
        if row + 1 < height:
            below = plane[row + 1]
            _add_products(line, below, sums[8:14])
            _add_products(line[:-1], below[1:], sums[14:20])
            _add_products(line[1:], below[:-1], sums[20:26])

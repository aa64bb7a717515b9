"""Sharpness and overshoot, row by row, of which only sums and counts are kept."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from isptune.compiled.jit import loop, loop_in_order
from isptune.stages.strips import each

f4 = np.float32

# Pixels of a task.
_TASK = 2**15
# Around a pixel: of the filters of ``sharpness``; of the Gaussian, and of the surroundings of ``overshoot``.
_REACH, _SMOOTHED, _AROUND = 3, 6, 3
_PLAIN = [math.exp(-0.5 * (i / 2.0) ** 2) for i in range(-_SMOOTHED, _SMOOTHED + 1)]
_TAPS = np.array(_PLAIN) / sum(_PLAIN)


def squared_gradients(images: Tensor, smooth: tuple[float, ...], slope: tuple[float, ...]) -> Tensor:
    """(N,) float64 means of what ``functional.sharpness`` takes the root of.

    Args:
        images: (N, 3, H, W) float32 on a CPU, H and W at least 7.
        smooth, slope: seven taps each.
    """
    count, _, height, width = images.shape
    rows = height - 2 * _REACH
    taps = np.array([smooth, slope], np.float32)
    sums = np.empty((count, rows))
    step = max(1, _TASK // width)
    arrays = images.detach().contiguous().numpy()
    tasks = [
        (arrays[n], taps, first, min(first + step, rows), sums[n])
        for n in range(count)
        for first in range(0, rows, step)
    ]
    each(_gradients, tasks, count * height * width)
    return torch.from_numpy(sums.sum(axis=1) / (rows * (width - 2 * _REACH)))


def overshooting(luma: Tensor, edge: float, excess: float) -> Tensor:
    """(N, 2) how many pixels are at edges, and how many of these overshoot: see ``structure.overshoot``.

    Args:
        luma: (N, 1, H, W) float64 on a CPU, in 0..1.
        edge, excess: as there.
    """
    planes = luma.contiguous().numpy()[:, 0]
    height, width = planes.shape[1:]
    step = max(1, _TASK // width)
    starts = range(0, height, step)
    counts = np.zeros((len(planes), len(starts), 2), np.int64)
    tasks = [
        (planes[n], _TAPS, edge, excess, first, min(first + step, height), counts[n, place])
        for n in range(len(planes))
        for place, first in enumerate(starts)
    ]
    each(_overshoots, tasks, planes.size)
    return torch.from_numpy(counts.sum(axis=1))


@loop
def _gradients(image: np.ndarray, taps: np.ndarray, first: int, last: int, sums: np.ndarray) -> None:
    width = image.shape[2]
    rows = last - first + 2 * _REACH
    luma = np.empty((rows, width), np.float32)
    for row in range(rows):
        red, green, blue = image[0, first + row], image[1, first + row], image[2, first + row]
        for x in range(width):
            luma[row, x] = f4(0.299) * red[x] + f4(0.587) * green[x] + f4(0.114) * blue[x]
    smooth, slope = np.empty(width, np.float32), np.empty(width, np.float32)
    for row in range(first, last):
        smooth[:], slope[:] = 0, 0
        for i in range(2 * _REACH + 1):
            line = luma[row - first + i]
            for x in range(width):
                smooth[x] += taps[0, i] * line[x]
                slope[x] += taps[1, i] * line[x]
        total = f4(0)
        for x in range(width - 2 * _REACH):
            across, down = f4(0), f4(0)
            for i in range(2 * _REACH + 1):
                across += taps[1, i] * smooth[x + i]
                down += taps[0, i] * slope[x + i]
            total += across * across + down * down
        sums[row] = total


@loop_in_order
def _overshoots(
    luma: np.ndarray,
    taps: np.ndarray,
    edge: float,
    excess: float,
    first: int,
    last: int,
    counts: np.ndarray,
) -> None:
    """Of the rows first to last; beyond the border the nearest pixel is repeated for the Gaussian."""
    height, width = luma.shape
    top, bottom = max(first - _AROUND, 0), min(last + _AROUND, height)
    begin, end = max(top - _SMOOTHED, 0), min(bottom + _SMOOTHED, height)
    wide = np.empty(width + 2 * _SMOOTHED)
    along = np.zeros((end - begin, width))
    for row in range(begin, end):
        for x in range(-_SMOOTHED, width + _SMOOTHED):
            wide[x + _SMOOTHED] = luma[row, min(max(x, 0), width - 1)]
        target = along[row - begin]
        for i in range(2 * _SMOOTHED + 1):
            for x in range(width):
                target[x] += wide[x + i] * taps[i]
    smooth = np.zeros((bottom - top, width))
    for row in range(top, bottom):
        target = smooth[row - top]
        for i in range(2 * _SMOOTHED + 1):
            line = along[min(max(row + i - _SMOOTHED, 0), height - 1) - begin]
            for x in range(width):
                target[x] += line[x] * taps[i]
    highest, lowest, high, low = np.empty(width), np.empty(width), np.empty(width), np.empty(width)
    at_edges, beyond = 0, 0
    for row in range(first, last):
        above, below = max(row - _AROUND, 0) - top, min(row + _AROUND + 1, height) - top
        highest[:], lowest[:] = smooth[above], smooth[above]
        for near in range(above + 1, below):
            line = smooth[near]
            for x in range(width):
                highest[x] = max(highest[x], line[x])
                lowest[x] = min(lowest[x], line[x])
        high[:], low[:] = highest, lowest
        for apart in range(1, _AROUND + 1):
            for x in range(width - apart):
                high[x], low[x] = max(high[x], highest[x + apart]), min(low[x], lowest[x + apart])
            for x in range(apart, width):
                high[x], low[x] = max(high[x], highest[x - apart]), min(low[x], lowest[x - apart])
        line = luma[row]
        for x in range(width):
            size = high[x] - low[x]
            margin = size * excess
            is_edge = size >= edge
            is_out = (line[x] > high[x] + margin) | (line[x] < low[x] - margin)
            at_edges += is_edge
            beyond += is_edge & is_out
    counts[0] += at_edges
    counts[1] += beyond

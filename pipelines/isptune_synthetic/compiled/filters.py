"""Separable filters with replicated borders: loops over rows and tiles of columns, and their adjoints.

Rows are filtered one by one through a padded copy; columns in tiles, through a window of rows that slides
down. Both write over their source where the target is the source. Kernels are padded with zeros to a multiple
of ``GROUP`` taps, of which a loop takes so many at a time.
"""

from __future__ import annotations

import numpy as np

from isptune.compiled.jit import loop
from isptune_synthetic.compiled.arithmetic import f4, unit

GROUP = 4

# Columns of a tile and output rows per window: with 20 more rows of border that is 104 KiB.
TILE = 512
WINDOW = 32


def padded(kernel: np.ndarray) -> np.ndarray:
    """The kernel with zeros behind it, up to a multiple of ``GROUP`` taps."""
    return np.pad(kernel, (0, -len(kernel) % GROUP))


def trimmed(kernel: np.ndarray) -> np.ndarray:
    """The kernel without equally many zeros at either end."""
    centre = len(kernel) // 2
    used = int(np.abs(np.flatnonzero(kernel) - centre).max(initial=0))
    return kernel[centre - used : centre + used + 1]


@loop
def copy(source: np.ndarray, target: np.ndarray) -> None:
    """Copy the whole of a row to the start of another; slices assigned compile ten times as long."""
    for i in range(source.shape[0]):
        target[i] = source[i]


@loop
def weighted_sum(
    values: np.ndarray, start: int, step: int, kernel: np.ndarray, target: np.ndarray, n: int
) -> None:
    """``target[i] = sum_t kernel[t] values[start + t step + i]`` for i below n."""
    for t in range(0, kernel.shape[0], 4):
        at = start + t * step
        first, second = values[at : at + n], values[at + step : at + step + n]
        at += 2 * step
        third, fourth = values[at : at + n], values[at + step : at + step + n]
        a, b, c, d = kernel[t], kernel[t + 1], kernel[t + 2], kernel[t + 3]
        if t == 0:
            for i in range(n):
                target[i] = a * first[i] + b * second[i] + c * third[i] + d * fourth[i]
        else:
            for i in range(n):
                target[i] += a * first[i] + b * second[i] + c * third[i] + d * fourth[i]


@loop
def pad_row(row: np.ndarray, radius: int, zeros: bool, values: np.ndarray) -> None:
    """Write the row with its borders replicated, or with zeros around it, to ``values``."""
    n = row.shape[0]
    left, right = (f4(0), f4(0)) if zeros else (row[0], row[n - 1])
    for i in range(radius):
        values[i] = left
    copy(row, values[radius:])
    for i in range(radius + n, values.shape[0]):
        values[i] = right


@loop
def fill_window(
    plane: np.ndarray, top: int, radius: int, zeros: bool, left: int, right: int, window: np.ndarray
) -> None:
    """Write rows ``top - radius`` on of the plane's columns left to right to the flat window of TILE columns.

    The first window of a tile is filled as a whole. Later ones keep the last 2 radius rows of the one
    before, which the plane may have lost to its own result.
    """
    height, n = plane.shape[0], right - left
    rows = window.shape[0] // TILE
    kept = 0
    if top > 0:
        kept = 2 * radius
        copy(window[WINDOW * TILE : (WINDOW + kept) * TILE], window)
    for k in range(kept, rows):
        row = top - radius + k
        target = window[k * TILE :]
        if zeros and (row < 0 or row >= height):
            for i in range(n):
                target[i] = f4(0)
        else:
            copy(plane[min(max(row, 0), height - 1), left:right], target)


@loop
def window_for(kernel: np.ndarray) -> np.ndarray:
    """Room for ``fill_window``: the rows that ``WINDOW`` output rows take, and those of padded taps."""
    return np.zeros((WINDOW + kernel.shape[0]) * TILE, np.float32)


@loop
def filter_rows(
    source: np.ndarray,
    target: np.ndarray,
    kernel: np.ndarray,
    radius: int,
    zeros: bool,
    clip: bool,
    first: int,
    last: int,
) -> None:
    """Filter the rows first to last of (H, W); ``zeros`` instead of replicated borders."""
    n = source.shape[1]
    values = np.zeros(n + 2 * radius + 4, np.float32)
    for row in range(first, last):
        pad_row(source[row], radius, zeros, values)
        result = target[row]
        for start in range(0, n, 1024):
            stop = min(start + 1024, n)
            weighted_sum(values, start, 1, kernel, result[start:stop], stop - start)
        if clip:
            for i in range(n):
                result[i] = unit(result[i])


@loop
def filter_columns(
    source: np.ndarray,
    target: np.ndarray,
    kernel: np.ndarray,
    radius: int,
    zeros: bool,
    clip: bool,
    left: int,
    right: int,
) -> None:
    """Filter the columns left to right, at most TILE of them, of (H, W)."""
    n = right - left
    window = window_for(kernel)
    for top in range(0, source.shape[0], WINDOW):
        fill_window(source, top, radius, zeros, left, right, window)
        for k in range(min(WINDOW, source.shape[0] - top)):
            result = target[top + k, left:right]
            weighted_sum(window, k * TILE, TILE, kernel, result, n)
            if clip:
                for i in range(n):
                    result[i] = unit(result[i])


@loop
def adjoint_rows(grad: np.ndarray, target: np.ndarray, kernel: np.ndarray, first: int, last: int) -> None:
    """The gradient of the source of ``filter_rows`` with replicated borders; the kernel is not padded.

    It is the reversed kernel over zero borders; what replicated pixels got goes to the pixels at the ends.
    """
    n, taps = grad.shape[1], kernel.shape[0]
    radius = taps // 2
    turned = np.zeros(taps + (-taps) % 4, np.float32)
    turned[:taps] = kernel[::-1]
    for row in range(first, last):
        at_start, at_end = f4(0), f4(0)
        for i in range(min(radius, n)):
            at_start += grad[row, i] * kernel[: radius - i].sum()
            at_end += grad[row, n - 1 - i] * kernel[radius + i + 1 :].sum()
        filter_rows(grad, target, turned, radius, True, False, row, row + 1)
        target[row, 0] += at_start
        target[row, n - 1] += at_end


@loop
def adjoint_columns(grad: np.ndarray, target: np.ndarray, kernel: np.ndarray, left: int, right: int) -> None:
    """As ``adjoint_rows``, for at most TILE columns."""
    height, taps = grad.shape[0], kernel.shape[0]
    radius = taps // 2
    turned = np.zeros(taps + (-taps) % 4, np.float32)
    turned[:taps] = kernel[::-1]
    at_start, at_end = np.zeros(right - left, np.float32), np.zeros(right - left, np.float32)
    for i in range(min(radius, height)):
        at_start += grad[i, left:right] * kernel[: radius - i].sum()
        at_end += grad[height - 1 - i, left:right] * kernel[radius + i + 1 :].sum()
    filter_columns(grad, target, turned, radius, True, False, left, right)
    target[0, left:right] += at_start
    target[height - 1, left:right] += at_end


@loop
def _add_products(
    grad: np.ndarray, values: np.ndarray, start: int, step: int, taps: int, n: int, sums: np.ndarray
) -> None:
    for t in range(taps):
        row = values[start + t * step : start + t * step + n]
        total = f4(0)
        for i in range(n):
            total += grad[i] * row[i]
        sums[t] += total


@loop
def taps_of_rows(
    source: np.ndarray, grad: np.ndarray, radius: int, first: int, last: int, sums: np.ndarray
) -> None:
    """Add the gradient of the kernel of ``filter_rows`` to ``sums`` (2 radius + 1,), float64."""
    n = source.shape[1]
    values = np.zeros(n + 2 * radius + 4, np.float32)
    for row in range(first, last):
        pad_row(source[row], radius, False, values)
        for start in range(0, n, 1024):
            stop = min(start + 1024, n)
            _add_products(grad[row, start:stop], values, start, 1, 2 * radius + 1, stop - start, sums)


@loop
def taps_of_columns(
    source: np.ndarray, grad: np.ndarray, radius: int, left: int, right: int, sums: np.ndarray
) -> None:
    """Add the gradient of the kernel of ``filter_columns`` to ``sums`` (2 radius + 1,), float64."""
    window = np.zeros((WINDOW + 2 * radius) * TILE, np.float32)
    for top in range(0, source.shape[0], WINDOW):
        fill_window(source, top, radius, False, left, right, window)
        for k in range(min(WINDOW, source.shape[0] - top)):
            _add_products(
                grad[top + k, left:right], window, k * TILE, TILE, 2 * radius + 1, right - left, sums
            )

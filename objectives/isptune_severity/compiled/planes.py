"""What ``fingerprints`` takes from every second pixel and from half size: histograms and colour planes."""

from __future__ import annotations

import numpy as np

from isptune.compiled.jit import loop

f4 = np.float32

BINS = 64
_RADIUS = 2


@loop
def comb(image: np.ndarray, counts: np.ndarray) -> None:
    """Histograms of every second pixel, each dealt out to the two bins that it lies between: (3, 64)."""
    height, width = image.shape[1:]
    counts[:] = 0
    for y in range(0, height, 2):
        for plane in range(3):
            line, count = image[plane, y], counts[plane]
            for x in range(0, width, 2):
                value = line[x]
                # NaN is counted as 0: other statistics carry it on.
                value = value if value > f4(0) else f4(0)
                value = (value if value < f4(1) else f4(1)) * f4(BINS - 1)
                lower = min(int(value), BINS - 2)
                share = value - f4(lower)
                count[lower] += f4(1) - share
                count[lower + 1] += share


@loop
def second_differences(plane: np.ndarray, along_x: np.ndarray, along_y: np.ndarray) -> None:
    """Means of their magnitudes over blocks of at most 8 x 8 of a small plane (H, W).

    Args:
        along_x: blocks of (H, W - 2).
        along_y: blocks of (H - 2, W).
    """
    height, width = plane.shape
    down, right = min(8, height), min(8, width - 2)
    for row in range(along_x.shape[0]):
        for column in range(along_x.shape[1]):
            total = f4(0)
            for y in range(row * down, row * down + down):
                for x in range(column * right, column * right + right):
                    total += abs(plane[y, x + 1] - f4(0.5) * (plane[y, x] + plane[y, x + 2]))
            along_x[row, column] = total / f4(down * right)
    down, right = min(8, height - 2), min(8, width)
    for row in range(along_y.shape[0]):
        for column in range(along_y.shape[1]):
            total = f4(0)
            for y in range(row * down, row * down + down):
                for x in range(column * right, column * right + right):
                    total += abs(plane[y + 1, x] - f4(0.5) * (plane[y, x] + plane[y + 2, x]))
            along_y[row, column] = total / f4(down * right)


@loop
def detail_of(plane: np.ndarray, detail: np.ndarray) -> None:
    """A plane (H, W) less its means over the 5 x 5 pixels around, of those inside."""
    height, width = plane.shape
    columns = np.zeros(width, np.float32)
    for y in range(height):
        first, last = max(y - _RADIUS, 0), min(y + _RADIUS + 1, height)
        columns[:] = 0
        for row in range(first, last):
            line = plane[row]
            for x in range(width):
                columns[x] += line[x]
        result, line = detail[y], plane[y]
        share = f4(1) / f4((last - first) * (2 * _RADIUS + 1))
        for x in range(_RADIUS, width - _RADIUS):
            total = columns[x - 2] + columns[x - 1] + columns[x] + columns[x + 1] + columns[x + 2]
            result[x] = line[x] - total * share
        for place in range(2 * _RADIUS):
            x = place if place < _RADIUS else width - 2 * _RADIUS + place
            left, right = max(x - _RADIUS, 0), min(x + _RADIUS + 1, width)
            total = f4(0)
            for column in range(left, right):
                total += columns[column]
            result[x] = line[x] - total / f4((last - first) * (right - left))


@loop
def products(one: np.ndarray, other: np.ndarray, down: int, right: int, sums: np.ndarray) -> None:
    """Sums over the window that two planes (H, W) share when one is moved: (6,) float64.

    ``one`` read ``down`` and ``right`` of where ``other`` is: their products and both squares; then the same
    with the two exchanged.
    """
    height, width = one.shape
    n = width - right
    sums[:] = 0
    for y in range(height - down):
        one_here, other_here = one[y, :n], other[y, :n]
        one_there, other_there = one[y + down, right:], other[y + down, right:]
        a, b, c, d, e, f = f4(0), f4(0), f4(0), f4(0), f4(0), f4(0)
        for x in range(n):
            a += one_there[x] * other_here[x]
            b += one_there[x] * one_there[x]
            c += other_here[x] * other_here[x]
            d += other_there[x] * one_here[x]
            e += other_there[x] * other_there[x]
            f += one_here[x] * one_here[x]
        sums[0] += a
        sums[1] += b
        sums[2] += c
        sums[3] += d
        sums[4] += e
        sums[5] += f

"""The maps of SSIM, row by row, of which only the sums are kept."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from isptune.compiled.jit import inline, loop
from isptune.stages.strips import each
from isptune_fidelity.windows import WINDOW, gaussian_taps

f4 = np.float32

_TAPS = np.array(gaussian_taps(), np.float32)
_HALF = WINDOW // 2
# Pixels of a task: so many that a call's cost is small beside it.
_TASK = 2**15


def similarity(images: Tensor, reference: Tensor, constants: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """(N, C) float64 means of the SSIM map and of its contrast-structure factor.

    Args:
        images: (N, C, H, W) float32 on a CPU, H and W at least 11.
        reference: (N, C, H, W) or (1, C, H, W).
        constants: C1 and C2.
    """
    count, planes, height, width = images.shape
    rows, columns = height - 2 * _HALF, width - 2 * _HALF
    first, second = (one.detach().contiguous().numpy() for one in (images, reference))
    sums = np.empty((count, planes, rows, 2))
    step = max(1, _TASK // width)
    tasks = [
        (
            *(first[n, plane], second[n if len(second) > 1 else 0, plane], _TAPS),
            *(f4(constants[0]), f4(constants[1]), start, min(start + step, rows), sums[n, plane]),
        )
        for n in range(count)
        for plane in range(planes)
        for start in range(0, rows, step)
    ]
    each(_rows, tasks, images.numel())
    means = torch.from_numpy(sums.sum(axis=2) / (rows * columns))
    return means[..., 0], means[..., 1]


@inline
def _along(line: np.ndarray, taps: np.ndarray, x: int) -> f4:
    """The weighted mean of eleven numbers from x on."""
    total = taps[_HALF] * line[x + _HALF]
    for i in range(_HALF):
        total += taps[i] * (line[x + i] + line[x + 2 * _HALF - i])
    return total


@loop
def _rows(
    image: np.ndarray,
    reference: np.ndarray,
    taps: np.ndarray,
    c1: f4,
    c2: f4,
    first: int,
    last: int,
    sums: np.ndarray,
) -> None:
    """Sums of the map and of its factor over the rows first to last: (rows, 2) float64."""
    width = image.shape[1]
    lines = np.empty((5, width), np.float32)
    means_x, means_y, squares_x, squares_y, products = lines[0], lines[1], lines[2], lines[3], lines[4]
    for row in range(first, last):
        lines[:] = 0
        for i in range(WINDOW):
            tap = taps[i]
            one, other = image[row + i], reference[row + i]
            for x in range(width):
                # It changes no variance, and less of them is lost where large squares cancel.
                a, b = one[x] - f4(0.5), other[x] - f4(0.5)
                left, right = tap * a, tap * b
                means_x[x] += left
                means_y[x] += right
                squares_x[x] += left * a
                squares_y[x] += right * b
                products[x] += left * b
        similar, structured = f4(0), f4(0)
        for x in range(width - 2 * _HALF):
            mean_x, mean_y = _along(means_x, taps, x), _along(means_y, taps, x)
            variance_x = _along(squares_x, taps, x) - mean_x * mean_x
            variance_y = _along(squares_y, taps, x) - mean_y * mean_y
            covariance = _along(products, taps, x) - mean_x * mean_y
            structure = (f4(2) * covariance + c2) / (variance_x + variance_y + c2)
            whole_x, whole_y = mean_x + f4(0.5), mean_y + f4(0.5)
            luminance = (f4(2) * whole_x * whole_y + c1) / (whole_x * whole_x + whole_y * whole_y + c1)
            similar += luminance * structure
            structured += structure
        sums[row, 0] = similar
        sums[row, 1] = structured

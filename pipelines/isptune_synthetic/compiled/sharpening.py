"""Sharpening of the lightness: ``stages.sharpness.high_sharpen`` in two sweeps over the picture.

The first makes the cube roots of Lab and filters the rows of the middle one, the second filters its columns
and goes back to RGB.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from isptune.compiled.jit import loop
from isptune.stages.memory import room
from isptune.stages.strips import each, given_back
from isptune_synthetic.compiled.arithmetic import f4, unit
from isptune_synthetic.compiled.filters import (
    TILE,
    WINDOW,
    adjoint_columns,
    adjoint_rows,
    copy,
    fill_window,
    pad_row,
    padded,
    weighted_sum,
    window_for,
)
from isptune_synthetic.compiled.lab import CHUNK, colours, colours_vjp, roots, roots_vjp
from isptune_synthetic.compiled.rows import BAND, arrays, bands, result_for, written
from isptune_synthetic.compiled.separable import tiles


def sharpen(images: Tensor, amount: Tensor, kernel: Tensor, exchanged: bool, out: Tensor | None) -> Tensor:
    """As ``stages.sharpness.high_sharpen`` with a kernel (2 r + 1,); ``exchanged`` takes Lab of BGR."""
    if torch.is_grad_enabled() and (images.requires_grad or amount.requires_grad):
        return given_back(_Sharpen.apply(images, amount, kernel.numpy(), exchanged), out)
    return _sharpened(images, amount, kernel.numpy(), exchanged, out)


class _Sharpen(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, amount: Tensor, kernel: Any, exchanged: bool) -> Tensor:
        ctx.save_for_backward(images, amount)
        ctx.kernel, ctx.exchanged = kernel, exchanged
        return _sharpened(images, amount, kernel, exchanged, None)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        images, amount = ctx.saved_tensors
        by_image, by_amount = _gradients(
            images, amount, ctx.kernel, ctx.exchanged, grad, ctx.needs_input_grad[0]
        )
        return by_image, by_amount if ctx.needs_input_grad[1] else None, None, None


def _sharpened(images: Tensor, amount: Tensor, kernel: Any, exchanged: bool, out: Tensor | None) -> Tensor:
    result = result_for(images, out)
    amounts = amount.tolist()
    for index, level in enumerate(amounts):
        if level == 0 and result[index].data_ptr() != images[index].data_ptr():
            result[index].copy_(images[index])
    changed = [index for index, level in enumerate(amounts) if level != 0]
    target = result.detach().numpy()
    blurred = room((len(changed), *target.shape[2:])).numpy()
    places = dict(zip(changed, blurred, strict=True))
    _fill_roots({index: arrays(images[index]) for index in changed}, target, places, kernel, exchanged)
    taps, radius, (one, three) = padded(kernel), len(kernel) // 2, _order(exchanged)
    columns = [
        (target[index], places[index], taps, radius, amounts[index], one, three, *part)
        for index in changed
        for part in tiles(target.shape[3])
    ]
    each(_colours_of_columns, columns, images.numel() // 3)
    return written(result, out)


def _gradients(
    images: Tensor, amount: Tensor, kernel: Any, exchanged: bool, grad: Tensor, with_images: bool
) -> tuple[Tensor | None, Tensor]:
    result = room(images.shape)
    source, slopes, target = arrays(images), arrays(grad), result.numpy()
    blurred = room((len(target), *target.shape[2:])).numpy()
    places = dict(enumerate(blurred))
    _fill_roots(dict(enumerate(source)), target, places, kernel, exchanged)
    taps, radius, (one, three) = padded(kernel), len(kernel) // 2, _order(exchanged)
    parts: list[tuple[int, int, float]] = []

    def columns(index: int, level: float, left: int, right: int) -> None:
        share = _vjp_of_columns(
            target[index], blurred[index], slopes[index], taps, radius, level, one, three, left, right
        )
        parts.append((index, left, share))

    pixels = images.numel() // 3
    each(
        columns,
        [(*item, *part) for item in enumerate(amount.tolist()) for part in tiles(source.shape[3])],
        pixels,
    )
    sums = [0.0] * len(source)
    for index, _, share in sorted(parts):
        sums[index] += share
    by_amount = amount.new_tensor(sums)
    if not with_images:
        return None, by_amount
    each(
        adjoint_columns,
        [(plane, plane, kernel, *part) for plane in blurred for part in tiles(plane.shape[1])],
        pixels,
    )
    rows = [
        (source[index], target[index], blurred[index], kernel, one, three, *part)
        for index in range(len(source))
        for part in _row_bands(source)
    ]
    each(_vjp_of_rows, rows, pixels)
    return result, by_amount


def _order(exchanged: bool) -> tuple[int, int]:
    return (2, 0) if exchanged else (0, 2)


def _row_bands(pictures: Any) -> Any:
    return bands(pictures.shape[-2], max(BAND // pictures.shape[-1], 1))


def _fill_roots(source: Any, target: Any, blurred: Any, kernel: Any, exchanged: bool) -> None:
    """Cube roots of the pictures to ``target``, and the middle one with filtered rows to ``blurred``."""
    taps, radius, (one, three) = padded(kernel), len(kernel) // 2, _order(exchanged)
    tasks = [
        (picture, target[index], blurred[index], taps, radius, one, three, *part)
        for index, picture in source.items()
        for part in _row_bands(target)
    ]
    each(_roots_of_rows, tasks, len(source) * target.shape[-1] * target.shape[-2])


@loop
def _roots_of_rows(
    source: np.ndarray,
    target: np.ndarray,
    blurred: np.ndarray,
    kernel: np.ndarray,
    radius: int,
    one: int,
    three: int,
    first: int,
    last: int,
) -> None:
    n = source.shape[2]
    scratch = np.empty((6, CHUNK), np.float32)
    linear, xyz = scratch[0:3], scratch[3:6]
    values = np.zeros(n + 2 * radius + 4, np.float32)
    for row in range(first, last):
        for start in range(0, n, CHUNK):
            stop = min(start + CHUNK, n)
            roots(
                source[one, row, start:stop],
                source[1, row, start:stop],
                source[three, row, start:stop],
                linear,
                xyz,
            )
            for plane in range(3):
                copy(xyz[plane, : stop - start], target[plane, row, start:stop])
        pad_row(target[1, row], radius, False, values)
        result = blurred[row]
        for start in range(0, n, CHUNK):
            stop = min(start + CHUNK, n)
            weighted_sum(values, start, 1, kernel, result[start:stop], stop - start)


@loop
def _colours_of_columns(
    target: np.ndarray,
    blurred: np.ndarray,
    kernel: np.ndarray,
    radius: int,
    level: float,
    one: int,
    three: int,
    left: int,
    right: int,
) -> None:
    amount = f4(level)
    n = right - left
    window = window_for(kernel)
    scratch = np.empty((8, TILE), np.float32)
    xyz, rgb, change, smooth = scratch[0:3], scratch[3:6], scratch[6], scratch[7]
    for top in range(0, blurred.shape[0], WINDOW):
        fill_window(blurred, top, radius, False, left, right, window)
        for k in range(min(WINDOW, blurred.shape[0] - top)):
            row = top + k
            weighted_sum(window, k * TILE, TILE, kernel, smooth, n)
            for plane in range(3):
                copy(target[plane, row, left:right], xyz[plane])
            y = xyz[1]
            for i in range(n):
                change[i] = (y[i] - smooth[i]) * amount
            colours(xyz, change, xyz, rgb, n)
            for plane, part in ((one, 0), (1, 1), (three, 2)):
                result, colour = target[plane, row, left:right], rgb[part]
                for i in range(n):
                    result[i] = unit(colour[i])


@loop
def _vjp_of_columns(
    target: np.ndarray,
    blurred: np.ndarray,
    grad: np.ndarray,
    kernel: np.ndarray,
    radius: int,
    level: float,
    one: int,
    three: int,
    left: int,
    right: int,
) -> float:
    """From cube roots to their gradients, less the part that goes through the filter.

    That part takes the place of the filtered rows in ``blurred``. Gives the gradient of the level.
    """
    amount = f4(level)
    n = right - left
    window = window_for(kernel)
    scratch = np.empty((11, TILE), np.float32)
    xyz, slopes, spare, change, smooth = (
        scratch[0:3],
        scratch[3:6],
        scratch[6:9],
        scratch[9],
        scratch[10],
    )
    total = 0.0
    for top in range(0, blurred.shape[0], WINDOW):
        fill_window(blurred, top, radius, False, left, right, window)
        for k in range(min(WINDOW, blurred.shape[0] - top)):
            row = top + k
            weighted_sum(window, k * TILE, TILE, kernel, smooth, n)
            for plane in range(3):
                copy(target[plane, row, left:right], xyz[plane])
            for plane, part in ((one, 0), (1, 1), (three, 2)):
                copy(grad[plane, row, left:right], slopes[part])
            y = xyz[1]
            for i in range(n):
                smooth[i] = y[i] - smooth[i]
                change[i] = smooth[i] * amount
            colours_vjp(xyz, change, slopes, spare, n)
            by_x, by_y, by_z, through = slopes[0], slopes[1], slopes[2], blurred[row, left:right]
            part_sum = f4(0)
            for i in range(n):
                by_change = by_x[i] + by_y[i] + by_z[i]
                part_sum += by_change * smooth[i]
                by_y[i] += by_change * amount
                through[i] = -by_change * amount
            total += float(part_sum)
            for plane in range(3):
                copy(slopes[plane, :n], target[plane, row, left:right])
    return total


@loop
def _vjp_of_rows(
    source: np.ndarray,
    target: np.ndarray,
    blurred: np.ndarray,
    kernel: np.ndarray,
    one: int,
    three: int,
    first: int,
    last: int,
) -> None:
    """From the gradients of the cube roots, and of the filtered columns, to those of the picture."""
    n = source.shape[2]
    scratch = np.empty((12, CHUNK), np.float32)
    linear, xyz, slopes, spare = scratch[0:3], scratch[3:6], scratch[6:9], scratch[9:12]
    adjoint_rows(blurred, blurred, kernel, first, last)
    for row in range(first, last):
        for start in range(0, n, CHUNK):
            stop = min(start + CHUNK, n)
            colour = (
                source[one, row, start:stop],
                source[1, row, start:stop],
                source[three, row, start:stop],
            )
            roots(colour[0], colour[1], colour[2], linear, xyz)
            for plane in range(3):
                copy(target[plane, row, start:stop], slopes[plane])
            by_y, filtered = slopes[1], blurred[row, start:stop]
            for i in range(stop - start):
                by_y[i] += filtered[i]
            roots_vjp(colour[0], colour[1], colour[2], linear, slopes, spare)
            for plane, part in ((one, 0), (1, 1), (three, 2)):
                copy(slopes[part, : stop - start], target[plane, row, start:stop])

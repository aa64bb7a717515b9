"""The default stages in which a pixel depends on that pixel alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from isptune.compiled.jit import inline, loop
from isptune.stages.strips import given_back
from isptune_synthetic.compiled import rows
from isptune_synthetic.compiled.arithmetic import f4, inside, larger, unit
from isptune_synthetic.compiled.lab import CHUNK, colours, colours_vjp, roots, roots_vjp


def desaturate(images: Tensor, amount: Tensor, out: Tensor | None) -> Tensor:
    """As ``stages.colour.desaturate``."""
    return _call(_desaturate, _desaturate_vjp, images, amount, out)


def add_noise(images: Tensor, deviation: Tensor, noise: Tensor, out: Tensor | None) -> Tensor:
    """As ``stages.noise.white_noise``; no gradient of the noise."""
    return _call(_add_noise, _add_noise_vjp, images, deviation, out, rows.planes(noise))


def brighten(images: Tensor, amount: Tensor, exchanged: bool, out: Tensor | None) -> Tensor:
    """As ``stages.brightness.brighten``; ``exchanged`` takes Lab of BGR."""
    return _call(_brighten, _brighten_vjp, images, amount, out, *((2, 0) if exchanged else (0, 2)))


def _call(kernel: Any, vjp: Any, images: Tensor, level: Tensor, out: Tensor | None, *others: Any) -> Tensor:
    if torch.is_grad_enabled() and (images.requires_grad or level.requires_grad):
        return given_back(_Pointwise.apply(kernel, vjp, images, level, others), out)
    return rows.forward(kernel, images, level, others, out)


class _Pointwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, kernel: Any, vjp: Any, images: Tensor, level: Tensor, others: Any) -> Tensor:
        ctx.save_for_backward(images, level)
        ctx.vjp, ctx.others = vjp, others
        return rows.forward(kernel, images, level, others, None)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        images, level = ctx.saved_tensors
        by_image, by_level = rows.backward(ctx.vjp, images, level, grad, ctx.others, ctx.needs_input_grad[2])
        return None, None, by_image, by_level if ctx.needs_input_grad[3] else None, None


@loop
def _desaturate(source: np.ndarray, target: np.ndarray, level: float, first: int, last: int) -> None:
    amount = f4(level)
    # Rows begin at 0: of an index that could be negative numba asks where it points.
    red, green, blue = source[0, first:last], source[1, first:last], source[2, first:last]
    to_red, to_green, to_blue = target[0, first:last], target[1, first:last], target[2, first:last]
    for i in range(last - first):
        r, g, b = red[i], green[i], blue[i]
        value = larger(larger(r, g), b)
        to_red[i] = unit(r + (value - r) * amount)
        to_green[i] = unit(g + (value - g) * amount)
        to_blue[i] = unit(b + (value - b) * amount)


@loop
def _desaturate_vjp(
    source: np.ndarray, grad: np.ndarray, target: np.ndarray, level: float, first: int, last: int
) -> float:
    amount = f4(level)
    with_images = target.shape[1] > 0
    total = 0.0
    for start in range(first, last, CHUNK):
        part = f4(0)
        for i in range(start, min(start + CHUNK, last)):
            r, g, b = source[0, i], source[1, i], source[2, i]
            value = larger(larger(r, g), b)
            by_red = grad[0, i] * inside(r + (value - r) * amount)
            by_green = grad[1, i] * inside(g + (value - g) * amount)
            by_blue = grad[2, i] * inside(b + (value - b) * amount)
            part += by_red * (value - r) + by_green * (value - g) + by_blue * (value - b)
            if with_images:
                is_red, is_green, is_blue = f4(r == value), f4(g == value), f4(b == value)
                # Several highest channels share the slope, as PyTorch's amax has it.
                share = (by_red + by_green + by_blue) * amount / (is_red + is_green + is_blue)
                target[0, i] = by_red * (f4(1) - amount) + is_red * share
                target[1, i] = by_green * (f4(1) - amount) + is_green * share
                target[2, i] = by_blue * (f4(1) - amount) + is_blue * share
        total += float(part)
    return total


@loop
def _add_noise(
    source: np.ndarray, target: np.ndarray, level: float, first: int, last: int, noise: np.ndarray
) -> None:
    deviation = f4(level)
    for plane in range(3):
        row, numbers = source[plane, first:last], noise[plane, first:last]
        result = target[plane, first:last]
        for i in range(last - first):
            result[i] = unit(row[i] + numbers[i] * deviation)


@loop
def _add_noise_vjp(
    source: np.ndarray,
    grad: np.ndarray,
    target: np.ndarray,
    level: float,
    first: int,
    last: int,
    noise: np.ndarray,
) -> float:
    deviation = f4(level)
    with_images = target.shape[1] > 0
    total = 0.0
    for plane in range(3):
        row, numbers, slope = source[plane], noise[plane], grad[plane]
        for start in range(first, last, CHUNK):
            part = f4(0)
            for i in range(start, min(start + CHUNK, last)):
                part += slope[i] * inside(row[i] + numbers[i] * deviation) * numbers[i]
            total += float(part)
        if with_images:
            result = target[plane]
            for i in range(first, last):
                result[i] = slope[i] * inside(row[i] + numbers[i] * deviation)
    return total


@inline
def _parabola(value: f4, twice: f4) -> f4:
    return value + (value - value * value) * twice


@loop
def _brighten(
    source: np.ndarray, target: np.ndarray, level: float, first: int, last: int, one: int, three: int
) -> None:
    twice = f4(2 * level)
    scratch = np.empty((7, CHUNK), np.float32)
    for start in range(first, last, CHUNK):
        stop = min(start + CHUNK, last)
        n = stop - start
        linear, xyz, change = scratch[0:3], scratch[3:6], scratch[6]
        roots(source[one, start:stop], source[1, start:stop], source[three, start:stop], linear, xyz)
        y = xyz[1]
        for i in range(n):
            lightness = y[i] * f4(1.16) - f4(0.16)
            change[i] = (unit(_parabola(lightness, twice)) - lightness) * f4(1 / 1.16)
        colours(xyz, change, xyz, linear, n)
        for plane, part in ((one, 0), (1, 1), (three, 2)):
            row, result, by_lightness = source[plane, start:stop], target[plane, start:stop], linear[part]
            for i in range(n):
                # A power makes a number of NaN; the curve keeps it.
                result[i] = (unit(_parabola(row[i], twice)) * f4(2) + unit(by_lightness[i])) * f4(1 / 3)


@loop
def _brighten_vjp(
    source: np.ndarray,
    grad: np.ndarray,
    target: np.ndarray,
    level: float,
    first: int,
    last: int,
    one: int,
    three: int,
) -> float:
    twice = f4(2 * level)
    with_images = target.shape[1] > 0
    scratch = np.empty((13, CHUNK), np.float32)
    total = 0.0
    for start in range(first, last, CHUNK):
        stop = min(start + CHUNK, last)
        n = stop - start
        linear, xyz, slopes, spare = (
            scratch[0:3],
            scratch[3:6],
            scratch[6:9],
            scratch[9:12],
        )
        change = scratch[12]
        roots(source[one, start:stop], source[1, start:stop], source[three, start:stop], linear, xyz)
        y = xyz[1]
        for i in range(n):
            lightness = y[i] * f4(1.16) - f4(0.16)
            change[i] = (unit(_parabola(lightness, twice)) - lightness) * f4(1 / 1.16)
        for plane, part in ((one, 0), (1, 1), (three, 2)):
            row, result = grad[plane, start:stop], slopes[part]
            for i in range(n):
                result[i] = row[i] * f4(1 / 3)
        colours_vjp(xyz, change, slopes, spare, n)
        by_x, by_y, by_z = slopes[0], slopes[1], slopes[2]
        part_sum = f4(0)
        for i in range(n):
            lightness = y[i] * f4(1.16) - f4(0.16)
            by_change = by_x[i] + by_y[i] + by_z[i]
            mask = inside(_parabola(lightness, twice))
            part_sum += by_change * mask * f4(2 / 1.16) * (lightness - lightness * lightness)
            by_y[i] += by_change * (mask * (f4(1) + twice * (f4(1) - f4(2) * lightness)) - f4(1))
        for plane in range(3):
            row, slope = source[plane, start:stop], grad[plane, start:stop]
            for i in range(n):
                mask = inside(_parabola(row[i], twice))
                part_sum += slope[i] * mask * f4(4 / 3) * (row[i] - row[i] * row[i])
        total += float(part_sum)
        if with_images:
            roots_vjp(
                source[one, start:stop],
                source[1, start:stop],
                source[three, start:stop],
                linear,
                slopes,
                spare,
            )
            for plane, part in ((one, 0), (1, 1), (three, 2)):
                row, slope, result = (
                    source[plane, start:stop],
                    grad[plane, start:stop],
                    target[plane, start:stop],
                )
                by_lab = slopes[part]
                for i in range(n):
                    mask = inside(_parabola(row[i], twice))
                    by_curve = mask * (f4(1) + twice * (f4(1) - f4(2) * row[i]))
                    result[i] = by_lab[i] + slope[i] * f4(2 / 3) * by_curve
    return total

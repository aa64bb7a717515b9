"""``filtering.separable`` on pictures: the loops of ``filters``, shared out between threads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from isptune.stages.memory import room
from isptune.stages.strips import each, given_back
from isptune_synthetic.compiled import filters
from isptune_synthetic.compiled.rows import BAND, bands, written


def separable(images: Tensor, kernels: Tensor, out: Tensor | None, clip: bool) -> Tensor:
    """As ``filtering.separable``; the clip does not show in the gradient."""
    kernels = kernels.expand(images.shape[0], -1)
    if torch.is_grad_enabled() and (images.requires_grad or kernels.requires_grad):
        return given_back(_Separable.apply(images, kernels, clip), out)
    return _filtered(images, kernels, out, clip)


class _Separable(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, kernels: Tensor, clip: bool) -> Tensor:
        ctx.save_for_backward(images, kernels)
        return _filtered(images, kernels, None, clip)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        images, kernels = ctx.saved_tensors
        with_images, with_kernels, _ = ctx.needs_input_grad
        pixels = images.numel()
        source, slopes, taps = _arrays(images), _arrays(grad), kernels.detach().numpy()
        spare = room(images.shape)
        between = spare.numpy()
        sums = np.zeros(taps.shape)
        radius = taps.shape[1] // 2
        if with_kernels:
            tasks = [(source[i], between[i], *_forward(taps[i]), False) for i in range(len(source))]
            each(filters.filter_rows, list(_row_tasks(tasks)), pixels)
            _sum(filters.taps_of_columns, _column_tasks, between, slopes, radius, sums)
        pairs = [(slopes[i], between[i], taps[i]) for i in range(len(source))]
        each(filters.adjoint_columns, list(_column_tasks(pairs)), pixels)
        if with_kernels:
            _sum(filters.taps_of_rows, _row_tasks, source, between, radius, sums)
        if with_images:
            pairs = [(between[i], between[i], taps[i]) for i in range(len(source))]
            each(filters.adjoint_rows, list(_row_tasks(pairs)), pixels)
        by_kernels = torch.from_numpy(sums).to(kernels.dtype) if with_kernels else None
        return (spare if with_images else None), by_kernels, None


def _has_plain_planes(images: Tensor) -> bool:
    return images.stride(-1) == 1 and images.stride(-2) == images.shape[-1]


def _arrays(images: Tensor) -> Any:
    """The tensor's memory as a numpy array with contiguous planes, or a copy of it."""
    return (images if _has_plain_planes(images) else images.contiguous()).detach().numpy()


def _filtered(images: Tensor, kernels: Tensor, out: Tensor | None, clip: bool) -> Tensor:
    fits = out is not None and _has_plain_planes(out) and out.dtype == images.dtype
    result = out if out is not None and fits else room(images.shape)
    source, target = _arrays(images), result.detach().numpy()
    taps = [_forward(kernel) for kernel in kernels.detach().numpy()]
    rows = [(source[i], target[i], *taps[i], False) for i in range(len(source))]
    each(filters.filter_rows, list(_row_tasks(rows)), images.numel())
    columns = [(target[i], target[i], *taps[i], clip) for i in range(len(source))]
    each(filters.filter_columns, list(_column_tasks(columns)), images.numel())
    return written(result, out)


def _forward(kernel: Any) -> tuple[Any, int, bool]:
    used = filters.trimmed(kernel)
    return filters.padded(used), len(used) // 2, False


def _row_tasks(calls: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Calls (array, array, ...) on arrays (C, H, W) as calls on planes and bands of rows."""
    for source, target, *rest in calls:
        for pair in zip(source, target, strict=True):
            height, width = pair[0].shape
            for part in bands(height, max(BAND // width, 1)):
                yield (*pair, *rest, *part)


def _column_tasks(calls: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Calls (array, array, ...) on arrays (C, H, W) as calls on planes and tiles of columns."""
    for source, target, *rest in calls:
        for pair in zip(source, target, strict=True):
            for part in tiles(pair[0].shape[1]):
                yield (*pair, *rest, *part)


def tiles(width: int) -> Iterator[tuple[int, int]]:
    """(left, right) of tiles of columns, as ``filters`` takes them."""
    for left in range(0, width, filters.TILE):
        yield left, min(left + filters.TILE, width)


def _sum(kernel: Any, tasks_of: Any, source: Any, grad: Any, radius: int, sums: Any) -> None:
    """Add up what ``kernel`` gives for every task, in the tasks' order."""
    tasks: list[tuple[Any, ...]] = []
    parts: list[tuple[int, Any]] = []
    for index in range(len(source)):
        for task in tasks_of([(source[index], grad[index], radius)]):
            part = np.zeros(2 * radius + 1)
            parts.append((index, part))
            tasks.append((*task, part))
    each(kernel, tasks, source.size)
    for index, part in parts:
        sums[index] += part

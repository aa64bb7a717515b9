"""From tensors to loops: a picture's pixels in bands, shared out between threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from isptune.stages.memory import room
from isptune.stages.strips import each

# Pixels of a band: some tenths of a millisecond of work, so that a call's cost and the last band's wait are
# small beside it.
BAND = 2**17


def result_for(images: Tensor, out: Tensor | None) -> Tensor:
    """Memory for a result like ``images``: ``out`` itself where its pixels lie in order."""
    if out is not None and out.is_contiguous() and out.dtype == images.dtype:
        return out
    return room(images.shape)


def written(result: Tensor, out: Tensor | None) -> Tensor:
    """The result, copied to ``out`` where it is not there already, which autograd is told of."""
    if out is None:
        return result
    if result is not out:
        return out.copy_(result)
    torch.autograd.graph.increment_version(out)
    return out


def arrays(images: Tensor) -> Any:
    """The tensor's memory as a numpy array of the same shape, or a contiguous copy of it."""
    return images.detach().contiguous().numpy()


def bands(length: int, size: int) -> Iterator[tuple[int, int]]:
    """(first, last) of about equal parts of at most ``size``, an even number of them where there are many."""
    count = -(-length // size)
    count += count % 2 if count > 1 else 0
    for part in range(count):
        yield length * part // count, length * (part + 1) // count


def planes(image: Tensor) -> Any:
    """(C, H, W) as a numpy array (C, H W) of the same memory, or of a copy where it is not contiguous."""
    return arrays(image).reshape(image.shape[0], -1)


def forward(
    kernel: Callable[..., None], images: Tensor, level: Tensor, others: tuple[Any, ...], out: Tensor | None
) -> Tensor:
    """``kernel(source, target, level, first, last, *others)`` on each picture; level 0 copies it.

    Args:
        kernel: a compiled loop over the pixels first to last of arrays (3, H W).
        images: (N, 3, H, W).
        level: (N,).
        others: what the kernel takes besides.
        out: (N, 3, H, W) that receives the result; it may be ``images``.
    """
    result = result_for(images, out)
    tasks: list[tuple[Any, ...]] = []
    for index, amount in enumerate(level.tolist()):
        if amount == 0:
            if result[index].data_ptr() != images[index].data_ptr():
                result[index].copy_(images[index])
            continue
        source, target = planes(images[index]), planes(result[index])
        tasks += [(source, target, amount, *part, *others) for part in bands(source.shape[1], BAND)]
    each(kernel, tasks, images.numel() // 3)
    return written(result, out)


def backward(
    kernel: Callable[..., float],
    images: Tensor,
    level: Tensor,
    grad: Tensor,
    others: tuple[Any, ...],
    with_images: bool,
) -> tuple[Tensor | None, Tensor]:
    """The gradients of the images, if asked for, and of the levels.

    Args:
        kernel: a compiled ``(source, grad, target, level, first, last, *others) -> gradient of the level``;
            ``target`` has no pixels where the images' gradient is not wanted.
        images, level, others: as in ``forward``.
        grad: (N, 3, H, W) of the result.
        with_images: whether the images' gradient is wanted.
    """
    target = room((*grad.shape[:3], grad.shape[3] if with_images else 0))
    sums = torch.zeros(level.shape[0], dtype=torch.float64)
    parts: list[tuple[int, float]] = []

    def work(index: int, *task: Any) -> None:
        parts.append((index, kernel(*task)))

    tasks: list[tuple[Any, ...]] = []
    for index, amount in enumerate(level.tolist()):
        source, slope, place = planes(images[index]), planes(grad[index]), planes(target[index])
        for part in bands(source.shape[1], BAND):
            tasks.append((index, source, slope, place, amount, *part, *others))
    each(work, tasks, images.numel() // 3)
    for index, share in sorted(parts):
        sums[index] += share
    return (target if with_images else None), sums.to(level.dtype)

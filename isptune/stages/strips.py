"""Work in small pieces, for calls without gradients on a CPU.

A 4K image is 100 MB; an expression with twenty whole-image temporaries spends most of its time on
fetching fresh memory from the system. Cut into strips of some ten thousand pixels the temporaries are
small, stay in the cache and are reused. The formulas are the same either way.

Strips are also small enough for PyTorch to run each operation on the calling thread, and ``each`` hands
them to as many threads as PyTorch may use. That is the coarser and hence the better split: the threads meet
once per picture instead of once per operation, which costs a machine with other work to do most of its
time, and what a strip gives does not depend on how many threads there are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from isptune.contracts.stage import keep_unchanged
from isptune.errors import ConfigurationError
from isptune.stages.memory import room

# PyTorch splits an operation between threads from 32,768 numbers on; this many, a multiple of a cache line's
# 16, stay together. Three such planes of float32 are 384 KiB, a good part of a core's second-level cache.
NUMBERS = 32640

# Below this many pixels in all, starting a thread costs more than it saves.
_WORTH_A_THREAD = 2**17


def is_plain(*tensors: Tensor) -> bool:
    """True where no gradient is recorded, everything lies on a CPU and nothing is traced."""
    if torch.compiler.is_compiling() or any(tensor.device.type != "cpu" for tensor in tensors):
        return False
    return not (torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors))


def given_back(result: Tensor, out: Tensor | None) -> Tensor:
    """The result, written over ``out`` where one is given.

    Raises:
        ConfigurationError: a gradient is recorded, which a buffer that is written over cannot keep.
    """
    if out is None:
        return result
    if result.requires_grad:
        raise ConfigurationError("out= is for calls without gradients: leave it out or use torch.no_grad()")
    return out.copy_(result)


def each(work: Callable[..., None], tasks: Sequence[tuple[Any, ...]], pixels: int) -> None:
    """``work(*task)`` for all tasks, on as many threads as PyTorch may use; no gradients are recorded.

    Args:
        work: must write to memory that no other task reads or writes.
        tasks: its arguments.
        pixels: how many the tasks have in all; few are worked on by the calling thread alone.
    """
    queue = deque(tasks)
    inference = torch.is_inference_mode_enabled()

    def drain() -> None:
        # Both modes belong to a thread: a new one would record gradients.
        with torch.inference_mode(inference), torch.no_grad():
            while queue:
                try:
                    task = queue.popleft()
                except IndexError:
                    return
                work(*task)

    helpers = min(torch.get_num_threads(), len(tasks)) - 1
    if helpers < 1 or pixels < _WORTH_A_THREAD:
        drain()
        return
    with ThreadPoolExecutor(helpers) as pool:
        running = [pool.submit(drain) for _ in range(helpers)]
        try:
            drain()
            for helper in running:
                helper.result()
        finally:
            # After an error or Ctrl-C the helpers stop at the end of the task they are on.
            queue.clear()


def pointwise(
    formula: Callable[..., Any],
    images: Tensor,
    *others: Tensor,
    values: Sequence[Tensor],
    unchanged: Tensor | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """``formula(images, *others, *values)`` for a formula in which a pixel depends on that pixel alone.

    Args:
        formula: takes (N, C, ...) tensors of one pixel layout and values of a shape that broadcasts, and
            gives (N, 3, ...).
        images: (N, 3, H, W).
        others: (N, C, H, W) or (1, C, H, W) each.
        values: tensors (N,), one value a sample; the formula gets floating-point ones in the images' type.
        unchanged: (N,), True for samples that stay as they are to the last bit; none if None.
        out: (N, 3, H, W) that receives the result; it may be ``images`` itself. Only without gradients.

    Returns:
        (N, 3, H, W).

    Example:
        >>> def lifted(images, amount):
        ...     return images + amount * (1 - images)
        >>> pointwise(lifted, torch.zeros(2, 3, 4, 4), values=[torch.tensor([0.0, 0.5])])[:, 0, 0, 0]
        tensor([0.0000, 0.5000])
    """
    amounts = [
        value.to(images.device, images.dtype if value.is_floating_point() else value.dtype)
        for value in values
    ]
    if not is_plain(images, *values, *others):
        result = formula(images, *others, *(value.reshape(-1, 1, 1, 1) for value in amounts))
        return given_back(result if unchanged is None else keep_unchanged(images, result, unchanged), out)
    if out is not None and not out.is_contiguous():
        # Its strips would be copies.
        result = pointwise(formula, images, *others, values=values, unchanged=unchanged)
        return out.copy_(result)
    if out is None:
        out = room(images.shape, images.dtype)

    def work(index: int, stays: bool, part: slice) -> None:
        sample = images[index : index + 1].flatten(2)[..., part]
        target = out[index : index + 1].flatten(2)[..., part]
        if stays:
            if target.data_ptr() != sample.data_ptr():
                target.copy_(sample)
            return
        rest = [
            other[index if other.shape[0] > 1 else 0].unsqueeze(0).flatten(2)[..., part] for other in others
        ]
        target.copy_(formula(sample, *rest, *(value[index].reshape(1, 1, 1) for value in amounts)))

    pixels = images.shape[-2] * images.shape[-1]
    strips = _strips(pixels, NUMBERS // 3)
    staying = [False] * len(images) if unchanged is None else unchanged.tolist()
    tasks = [(index, stays, part) for index, stays in enumerate(staying) for part in strips]
    each(work, tasks, len(images) * pixels)
    return out


def _strips(pixels: int, size: int) -> list[slice]:
    """Strips of at most so many pixels, all about as long."""
    count = -(-pixels // size)
    # Whole cache lines keep the strips' ends from the vectors' ends.
    even = min(-(-pixels // (count * 16)) * 16, size)
    return [slice(first, min(first + even, pixels)) for first in range(0, pixels, even)]

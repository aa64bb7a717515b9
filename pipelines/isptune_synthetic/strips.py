"""Pointwise work in pieces that fit the cache, for calls without gradients on a CPU.

A 4K image is 100 MB; an expression with twenty whole-image temporaries spends most of its time on
fetching fresh memory from the system. Cut into strips of some ten thousand pixels the temporaries are
small, stay in the cache and are reused. The formulas are the same either way.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from isptune.errors import ConfigurationError
from isptune.stage import keep_identity

# Pixels of a strip for each thread: three channels of float32 are 384 KiB, a good part of a core's
# second-level cache. PyTorch gives no thread fewer numbers than this.
_PIXELS_PER_THREAD = 32768


def is_plain(*tensors: Tensor) -> bool:
    """True where no gradient is recorded and everything lies on a CPU."""
    if any(tensor.device.type != "cpu" for tensor in tensors):
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


def pointwise(
    formula: Callable[..., Tensor],
    images: Tensor,
    *others: Tensor,
    level: Tensor,
    out: Tensor | None = None,
) -> Tensor:
    """``formula(images, *others, level)`` for a formula in which a pixel depends on that pixel alone.

    Args:
        formula: takes (N, C, ...) tensors of one pixel layout and levels of a shape that broadcasts, and
            gives (N, 3, ...).
        images: (N, 3, H, W).
        others: (N, C, H, W) or (1, C, H, W) each.
        level: (N,).
        out: (N, 3, H, W) that receives the result; it may be ``images`` itself. Only without gradients.

    Returns:
        (N, 3, H, W); a sample of level 0 is ``images``' own to the last bit.
    """
    amounts = level.to(device=images.device, dtype=images.dtype)
    if not is_plain(images, level, *others):
        result = keep_identity(images, formula(images, *others, amounts.reshape(-1, 1, 1, 1)), level)
        return given_back(result, out)
    if out is None:
        out = torch.empty_like(images, memory_format=torch.contiguous_format)
    for index, at_zero in enumerate((level == 0).tolist()):
        sample = images[index : index + 1].flatten(2)
        target = out[index : index + 1].flatten(2)
        if at_zero:
            if target.data_ptr() != sample.data_ptr():
                target.copy_(sample)
            continue
        rest = [other[index if other.shape[0] > 1 else 0].unsqueeze(0).flatten(2) for other in others]
        amount = amounts[index].reshape(1, 1, 1)
        for part in _strips(sample.shape[2]):
            target[..., part] = formula(sample[..., part], *(other[..., part] for other in rest), amount)
    return out


def _strips(pixels: int) -> list[slice]:
    """Even strips, so that no thread is left without work on the last one."""
    count = -(-pixels // (_PIXELS_PER_THREAD * torch.get_num_threads()))
    # Whole cache lines keep the strips' rows aligned alike.
    size = -(-pixels // (count * 64)) * 64
    return [slice(first, first + size) for first in range(0, pixels, size)]

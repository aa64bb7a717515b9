"""Memory for pictures that is used again.

A 4K picture in float32 takes 100 MB. The system hands such a piece out page by page, filled with zeros, and
takes it back as soon as it is free, which costs as much time as ten passes over the picture; a chain of five
stages with gradients would pay that a dozen times. What a picture leaves behind is therefore kept for the
next one of its size, up to ``KEPT_BYTES`` in all.
"""

from __future__ import annotations

import math
import threading
import weakref
from collections import deque
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

# Pieces that are free but kept: what a chain with gradients needs on one 4K picture.
KEPT_BYTES = 2**30

# The system's allocator keeps smaller pieces itself.
_WORTH_KEEPING = 2**22

# A cache line.
_ALIGNMENT = 64

_free: deque[np.ndarray] = deque()
_lock = threading.RLock()


def room(shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
    """A contiguous CPU tensor of any content, whose memory is kept for the next one of its size."""
    size = math.prod(shape) * dtype.itemsize
    if size < _WORTH_KEEPING:
        return torch.empty(tuple(shape), dtype=dtype)
    block = _take(size)
    offset = -block.ctypes.data % _ALIGNMENT
    view = block[offset : offset + size]
    # The tensor holds this view until its storage goes, and nothing else does.
    weakref.finalize(view, _give, block).atexit = False
    return torch.from_numpy(view).view(dtype).view(tuple(shape))


def release() -> None:
    """Give all kept memory back to the system."""
    with _lock:
        _free.clear()


def _take(size: int) -> np.ndarray:
    with _lock:
        # A garbage collection in here may give something back: nothing loops over the queue itself.
        for _ in range(len(_free)):
            block = _free.popleft()
            if block.nbytes == size + _ALIGNMENT:
                return block
            _free.append(block)
    return np.empty(size + _ALIGNMENT, np.uint8)


def _give(block: np.ndarray) -> None:
    # A finalizer can run in the middle of anything in this thread: the lock lets its own thread in again.
    with _lock:
        _free.append(block)
        while sum(kept.nbytes for kept in tuple(_free)) > KEPT_BYTES:
            _free.popleft()

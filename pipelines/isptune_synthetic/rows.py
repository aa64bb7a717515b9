"""Strips of whole rows, for work in which a pixel depends on its neighbours.

``strips`` cuts pictures without regard to rows, which pointwise work allows; this is the same for the rest.
"""

from __future__ import annotations

import torch

# Pixels of a strip for each thread, one plane of float32 being 128 KiB: several planes' strips lie in a
# core's second-level cache, and PyTorch gives no thread fewer numbers than this.
_PIXELS_PER_THREAD = 32768


def row_strips(height: int, width: int, pixels: int | None = None) -> list[tuple[int, int]]:
    """(first, last) of even strips of rows, from the first row of the picture to the last.

    They hold at most so many pixels, by default what PyTorch's threads share well.
    """
    at_once = max((pixels or _PIXELS_PER_THREAD * torch.get_num_threads()) // width, 1)
    count = -(-height // at_once)
    size = -(-height // count)
    return [(first, min(first + size, height)) for first in range(0, height, size)]

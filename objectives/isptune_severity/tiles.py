"""Severities of parts of a picture."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

# Tiles that are seen at once.
_TOGETHER = 16


def over_tiles(scores: Callable[[Tensor], Tensor], images: Tensor, tile: int) -> Tensor:
    """(N, K, h, w) of what ``scores`` gives for tiles that overlap by half.

    Args:
        scores: (M, 3, tile, tile) to (M, K).
        images: (N, 3, H, W).
        tile: side in pixels; at most the picture's own sides are used.
    """
    rows, columns = (starts(length, tile) for length in images.shape[-2:])
    height, width = (min(tile, length) for length in images.shape[-2:])
    parts = torch.stack(
        [images[:, :, top : top + height, left : left + width] for top in rows for left in columns], dim=1
    )
    found = torch.cat([scores(part) for part in parts.flatten(0, 1).split(_TOGETHER)])
    return found.unflatten(0, (len(images), len(rows), len(columns))).permute(0, 3, 1, 2)


def starts(length: int, tile: int) -> list[int]:
    """Where tiles begin: half a tile apart, the last one at the end."""
    if length <= tile:
        return [0]
    step = max(1, tile // 2)
    return sorted({*range(0, length - tile + 1, step), length - tile})

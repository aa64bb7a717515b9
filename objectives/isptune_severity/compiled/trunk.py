"""The convolutional half of the network on one picture: its layout, its strips, its pooled channels."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from isptune_severity.compiled.convolutions import convolution, strips_of
from isptune_severity.compiled.passes import stem_input
from isptune_severity.compiled.pooling import add_bfloat16, add_exact, widen
from isptune_severity.compiled.stem_input import BLOCK, CHANNELS

# Pixels of a strip: the layers between them take some two bytes a pixel.
_STRIP = 2**18
# Rows of a strip are a multiple of the rows that become one in the coarsest level.
_COARSEST = 16
# Rows of blocks of a task.
_ROWS = 8


class Trunk:
    """``pooled`` of a severity network, for float32 pictures on a CPU.

    Args:
        stem: its first convolution, 7 x 7 in steps of 4.
        levels: its levels; their weights are copied.
        dtype: float32 or bfloat16 of the levels' multiplications; sums are in float32, and so is the stem, or
            the faintest noise would be lost.
    """

    def __init__(self, stem: nn.Conv2d, levels: Sequence[nn.Sequential], dtype: torch.dtype) -> None:
        self._dtype = dtype
        self._weight = _by_blocks(stem.weight.detach())
        assert stem.bias is not None
        self._bias = stem.bias.detach()
        self._levels = [_laid_out(level, dtype) for level in levels]

    def pooled(self, image: np.ndarray, run: Callable[..., None]) -> np.ndarray:
        """(2 C,) float32: means and deviations of the channels, level by level.

        Args:
            image: (3, H, W) float32, contiguous, in [0, 1].
            run: as of ``fixed.statistics_of``.
        """
        levels = [strips_of(level) for level in self._levels]
        pools = [_Pool() for _ in levels]
        for x, last in self._inputs(image, run):
            x = convolution(x, self._weight, self._bias, 1, (0, 0)).to(self._dtype)
            for layers, pool in zip(levels, pools, strict=True):
                for layer in layers:
                    x = layer(x, last)
                if x.shape[2]:
                    pool.add(x)
        return np.concatenate([pool.result() for pool in pools])

    def _inputs(self, image: np.ndarray, run: Callable[..., None]) -> Any:
        """(1, C, rows + 1, columns + 1) strips of blocks, each below the last row of the one before."""
        height, width = image.shape[1:]
        rows, columns = -(-height // BLOCK), -(-width // BLOCK)
        step = max(1, _STRIP // (width * _COARSEST)) * _COARSEST // BLOCK
        above: Any = 0
        for first in range(0, rows, step):
            last = min(first + step, rows)
            blocks = np.empty((last - first + 1, columns + 1, CHANNELS), np.float32)
            blocks[0], blocks[:, 0] = above, 0
            parts = [(at, min(at + _ROWS, last)) for at in range(first, last, _ROWS)]
            tasks = [(image, *part, blocks[part[0] - first : part[1] - first + 1]) for part in parts]
            run(stem_input, tasks, (last - first) * BLOCK * width)
            above = blocks[-1].copy()
            yield torch.from_numpy(blocks).permute(2, 0, 1).unsqueeze(0), last == rows


class _Pool:
    """Means and deviations of a level's channels."""

    def __init__(self) -> None:
        self._pivots: np.ndarray | None = None
        self._count = 0

    def add(self, x: Tensor) -> None:
        """Take in (1, C, rows, columns), channels last."""
        plain = x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])
        exact = x.dtype == torch.float32
        values = plain.numpy() if exact else plain.view(torch.int16).numpy()
        if self._pivots is None:
            self._pivots = np.empty(values.shape[1], np.float32)
            self._sums, self._squares = np.zeros((2, values.shape[1]))
            if exact:
                self._pivots[:] = values[0]
            else:
                widen(values[:1], self._pivots[None])
        (add_exact if exact else add_bfloat16)(values, self._pivots, self._sums, self._squares)
        self._count += len(values)

    def result(self) -> np.ndarray:
        assert self._pivots is not None
        mean = self._sums / self._count
        variance = np.maximum(self._squares / self._count - mean * mean, 0)
        return np.concatenate([mean + self._pivots, np.sqrt(variance + 1e-6)]).astype(np.float32)


def _laid_out(level: nn.Sequential, dtype: torch.dtype) -> nn.Sequential:
    made: nn.Sequential = copy.deepcopy(level).requires_grad_(False)
    return made.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]


def _by_blocks(weight: Tensor) -> Tensor:
    """The stem's weights (C, 3, 7, 7) for blocks of 4 x 4 pixels as channels: (C, 48, 2, 2)."""
    count = len(weight)
    # The window of 8 x 8 begins a row and a column before that of the stem.
    wide = torch.zeros(count, 3, 2 * BLOCK, 2 * BLOCK)
    wide[:, :, 1:, 1:] = weight
    blocks = wide.reshape(count, 3, 2, BLOCK, 2, BLOCK).permute(0, 1, 3, 5, 2, 4)
    return blocks.reshape(count, CHANNELS, 2, 2).contiguous(memory_format=torch.channels_last)

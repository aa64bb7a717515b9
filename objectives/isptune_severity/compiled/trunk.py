"""The convolutional half of the network on one picture: its layout, its strips, its pooled channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from isptune_severity.compiled.convolutions import Convolution, layers_of
from isptune_severity.compiled.passes import stem_input
from isptune_severity.compiled.pooling import add_bfloat16, add_exact, widen
from isptune_severity.compiled.stem_input import BLOCK, CHANNELS

# Pixels of a strip: the layers between them take some two bytes a pixel.
_STRIP = 2**18
# Pixels that the stem takes at a time: its input is 12 bytes a pixel, and is read while it is in the cache.
_PIECE = 2**17
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

    Attributes:
        half: how many of a ``Work``'s steps, with the stem, are about half of the work.
    """

    def __init__(self, stem: nn.Conv2d, levels: Sequence[nn.Sequential], dtype: torch.dtype) -> None:
        assert stem.bias is not None
        self._dtype = dtype
        self._stem = Convolution(_by_blocks(stem.weight.detach()), stem.bias, 1, torch.float32)
        self._levels = [layers_of(level, dtype) for level in levels]
        self.half = self._half()

    def pooled(self, image: np.ndarray, run: Callable[..., None]) -> np.ndarray:
        """(2 C,) float32: means and deviations of the channels, level by level.

        Args:
            image: (3, H, W) float32, contiguous, in [0, 1].
            run: as of ``fixed.statistics_of``.
        """
        work = self.begun()
        for x, last in self.inputs(image, run):
            for step in work.steps:
                x = step(x, last)
        return work.result()

    def begun(self) -> Work:
        """What is to be done with the strips of one picture."""
        return Work(self._levels)

    def inputs(self, image: np.ndarray, run: Callable[..., None]) -> Iterator[tuple[Tensor, bool]]:
        """The stem's results on the strips of a picture (1, C, rows, columns), and whether it is the last."""
        height, width = image.shape[1:]
        rows, columns = -(-height // BLOCK), -(-width // BLOCK)
        step = max(1, _STRIP // (width * _COARSEST)) * _COARSEST // BLOCK
        piece = max(1, _PIECE // (width * BLOCK))
        room = np.empty((min(piece, rows) + 1, columns + 1, CHANNELS), np.float32)
        room[0], room[:, 0] = 0, 0
        for first in range(0, rows, step):
            last = min(first + step, rows)
            strip = torch.empty(1, last - first, columns, self._stem.channels, dtype=self._dtype)
            strip = strip.permute(0, 3, 1, 2)
            for top in range(first, last, piece):
                end = min(top + piece, last)
                blocks = room[: end - top + 1]
                parts = [(at, min(at + _ROWS, end)) for at in range(top, end, _ROWS)]
                tasks = [(image, *part, blocks[part[0] - top : part[1] - top + 1]) for part in parts]
                run(stem_input, tasks, (end - top) * BLOCK * width)
                found = self._stem(torch.from_numpy(blocks).permute(2, 0, 1).unsqueeze(0))
                strip[:, :, top - first : end - first] = found
                room[0] = blocks[-1]
            yield strip, last == rows

    def _half(self) -> int:
        # Multiplications of float32 take twice as long.
        done = [2.0 * self._stem.multiplications]
        for number, layers in enumerate(self._levels):
            for layer in layers:
                done.append(done[-1] + layer.multiplications / 4**number)
            done.append(done[-1])
        return min(range(len(done)), key=lambda count: (abs(done[count] - done[-1] / 2), -count))


class Work:
    """The layers and the pools of one picture.

    Args:
        levels: of layers.

    Attributes:
        steps: called with a strip (1, C, rows, columns), channels last, and whether it is the last, each with
            what the one before gave.
    """

    def __init__(self, levels: Sequence[Sequence[Any]]) -> None:
        self._pools = [_Pool() for _ in levels]
        self.steps: list[Callable[[Tensor, bool], Tensor]] = []
        for layers, pool in zip(levels, self._pools, strict=True):
            self.steps += [*(layer.strips() for layer in layers), pool]

    def result(self) -> np.ndarray:
        """(2 C,) float32, after the last strip."""
        return np.concatenate([pool.result() for pool in self._pools])


class _Pool:
    """Means and deviations of a level's channels."""

    def __init__(self) -> None:
        self._pivots: np.ndarray | None = None
        self._count = 0

    def __call__(self, x: Tensor, last: bool) -> Tensor:
        """Take in (1, C, rows, columns), channels last, which is given back."""
        if not x.shape[2]:
            return x
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
        return x

    def result(self) -> np.ndarray:
        assert self._pivots is not None
        mean = self._sums / self._count
        variance = np.maximum(self._squares / self._count - mean * mean, 0)
        return np.concatenate([mean + self._pivots, np.sqrt(variance + 1e-6)]).astype(np.float32)


def _by_blocks(weight: Tensor) -> Tensor:
    """The stem's weights (C, 3, 7, 7) for blocks of 4 x 4 pixels as channels: (C, 48, 2, 2)."""
    count = len(weight)
    # The window of 8 x 8 begins a row and a column before that of the stem.
    wide = torch.zeros(count, 3, 2 * BLOCK, 2 * BLOCK)
    wide[:, :, 1:, 1:] = weight
    blocks = wide.reshape(count, 3, 2, BLOCK, 2, BLOCK).permute(0, 1, 3, 5, 2, 4)
    return blocks.reshape(count, CHANNELS, 2, 2).contiguous(memory_format=torch.channels_last)

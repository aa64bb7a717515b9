"""``network.statistics`` of one picture, by the passes over its bands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from isptune_severity.compiled.passes import BAND, coarser, finest
from isptune_severity.compiled.selection import select
from isptune_severity.network import BLOCK, FLOOR, QUANTILES

Run = Callable[[Callable[..., None], Sequence[tuple[Any, ...]], int], None]

# Pixels of a task: so many that a call's cost is small beside it.
_TASK = 2**16


class Passes:
    """What the fixed statistics take from a picture in common.

    Args:
        image: (3, H, W) float32, contiguous.
        run: calls a loop with each of some arguments, given their pixels in all: ``strips.each``, or in turn.

    Attributes:
        half, quarter: (3, H', W'), means of 2 x 2 and of 4 x 4 pixels.
        energies: (3, blocks, blocks) of each size, as ``high_pass`` gives them.
        ramps: (bands, 3, 2) sums of the ramps of white and of black, by channel.
        levels: (3, T) luma, largest channel and saturation at quarter size.
        sums: (4,) of the channels and of saturation there.
    """

    def __init__(self, image: np.ndarray, run: Run) -> None:
        height, width = image.shape[1:]
        bands = -(-height // BAND)
        self.half = np.empty((3, height // 2, width // 2), np.float32)
        self.quarter = np.empty((3, height // 4, width // 4), np.float32)
        self.energies, sides = [], []
        for plane in (image, self.half, self.quarter):
            rows, columns = plane.shape[1] - 2, plane.shape[2] - 2
            sides.append(min(BLOCK, rows, columns))
            self.energies.append(np.empty((3, rows // sides[-1], columns // sides[-1]), np.float32))
        self.ramps = np.empty((bands, 3, 2))
        step = max(1, _TASK // (BAND * width))
        tasks = [
            (image, first, min(first + step, bands), self.energies[0], self.half, self.ramps)
            for first in range(0, bands, step)
        ]
        run(finest, tasks, height * width)
        self.levels, self.sums = np.empty((3, self.quarter[0].size), np.float32), np.empty(4)
        _, fine, coarse = self.energies
        coarser(self.half, fine, sides[1], self.quarter, coarse, sides[2], self.levels, self.sums)


def statistics_of(image: np.ndarray, run: Run, passes: Passes | None = None) -> np.ndarray:
    """(S,) float32: see ``network.statistics``; arguments as of ``Passes``, which may be there already."""
    passes = passes or Passes(image, run)
    levels, pixels = passes.levels, passes.quarter[0].size
    parts = [part.reshape(-1) for energy in passes.energies for part in energy] + list(levels)
    found = np.empty((len(parts), len(QUANTILES)), np.float32)
    run(
        select,
        [(part, ranks(part.size), found[i]) for i, part in enumerate(parts)],
        sum(part.size for part in parts),
    )
    # The logarithm keeps the order, so it is taken of the quantiles alone.
    found[: -len(levels)] = np.log(found[: -len(levels)] + np.float32(FLOOR))
    clipped = passes.ramps.sum(axis=(0, 1)) / image.size
    shares = [*(passes.sums[:3] / pixels), *clipped, passes.sums[3] / pixels]
    return np.concatenate([found.ravel(), np.array(shares, np.float32)])


def ranks(count: int) -> np.ndarray:
    """Of the quantiles among so many numbers: the nearest ranks below."""
    return np.array([int(share * (count - 1)) for share in QUANTILES])

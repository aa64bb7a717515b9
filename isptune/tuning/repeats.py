"""Candidates that would be evaluated twice, moved to others that were not evaluated yet."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from isptune.contracts.free_space import Candidates, FreeSpace

# Up to so many different candidates are listed, so that the last one is found as well.
_LISTED = 4096
# How often other values are drawn for each number of coordinates to change.
_DRAWS = 16
# How far a real coordinate moves where no whole number or choice can, as a share of its range.
_NUDGE = 0.05


class Repeats:
    """Remembers what was asked for, and finds other candidates for what comes again.

    A candidate of the same parameter values as an earlier one tells nothing new. It is moved to a candidate
    that was not asked for yet and differs in as few coordinates as can be: whole numbers and choices, drawn
    at random, go to another value; only where that is not enough a real coordinate moves a little. Where
    every candidate of the space was asked for, it stays.

    Args:
        space: the parameters, some of which have steps.
        seed: of the draws, which are no others' draws.
    """

    def __init__(self, space: FreeSpace, seed: int) -> None:
        self._space = space
        stream = np.random.SeedSequence([seed, len(space.counts)])
        self._generator = np.random.Generator(np.random.PCG64(stream))
        self._seen: set[bytes] = set()
        self._whole = [place for place, count in enumerate(space.counts) if count]
        self._real = [place for place, count in enumerate(space.counts) if not count]
        # Every candidate that is left to be asked for, with its key, where they are few.
        self._left: list[tuple[bytes, NDArray[np.float64]]] | None = None
        if not self._real and math.prod(space.counts) <= _LISTED:
            cells = itertools.product(*(range(count) for count in space.counts))
            middles = (np.array(list(cells), dtype=np.float64) + 0.5) / np.array(space.counts)
            self._left = list(zip(space.identify(middles), middles, strict=True))

    def moved(self, batch: Candidates) -> Candidates:
        """A batch (P, n) without candidates that were asked for before, as far as there are others."""
        found = batch.copy()
        for row, key in enumerate(self._space.identify(found)):
            if key in self._seen:
                other = self._other(found[row])
                if other is not None:
                    found[row] = other
                    (key,) = self._space.identify(found[row : row + 1])
            self._seen.add(key)
        return found

    def _other(self, point: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """A candidate near a point that was not asked for yet; None where there is none."""
        if self._left is not None:
            return self._nearest(point)
        for changes in range(1, len(self._whole) + 1):
            for _ in range(_DRAWS):
                places = self._generator.choice(self._whole, size=changes, replace=False)
                other = point.copy()
                other[places] = [self._step(point[place], self._space.counts[place]) for place in places]
                if self._is_new(other):
                    return other
        for place in self._real:
            other = point.copy()
            nudged = abs(point[place] + _NUDGE * self._generator.standard_normal()) % 2.0
            other[place] = min(nudged, 2.0 - nudged)
            if self._is_new(other):
                return other
        return None

    def _nearest(self, point: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Of the candidates that are left the nearest: fewest coordinates changed, and those the least."""
        assert self._left is not None
        # Several cells may mean the same, where a parameter is not active.
        self._left = [(key, middle) for key, middle in self._left if key not in self._seen]
        if not self._left:
            return None
        middles = np.stack([middle for _, middle in self._left])
        counts = np.array(self._space.counts)
        apart = np.abs(np.floor(middles * counts) - np.minimum(np.floor(point * counts), counts - 1))
        ties = self._generator.random(len(apart))
        order = np.lexsort((ties, (apart / counts).sum(axis=1), (apart > 0).sum(axis=1)))
        found: NDArray[np.float64] = middles[order[0]]
        return found

    def _step(self, coordinate: float, count: int) -> float:
        """The middle of another cell: one beside it or any, as often."""
        cell = min(int(coordinate * count), count - 1)
        if self._generator.random() < 0.5:
            beside = [other for other in (cell - 1, cell + 1) if 0 <= other < count]
            return (int(self._generator.choice(beside)) + 0.5) / count
        other = int(self._generator.integers(count - 1))
        return (other + (other >= cell) + 0.5) / count

    def _is_new(self, point: NDArray[np.float64]) -> bool:
        (key,) = self._space.identify(point[None])
        return key not in self._seen

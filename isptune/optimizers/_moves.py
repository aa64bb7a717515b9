"""Candidates for a model to choose from: all over the cube, around good ones, and mixed from them."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from isptune.contracts.free_space import Candidates, FreeSpace

# Spaces of whole numbers and choices alone are listed up to so many candidates.
_LISTED = 4096
_NO_ORDER = ("choice", "bool")


class Moves:
    """Draws candidates that are whole cells: whole numbers and choices stand in the middle of theirs.

    Args:
        space: the parameters.

    Attributes:
        no_order: (n,) whether a coordinate is a choice or a switch.
    """

    def __init__(self, space: FreeSpace) -> None:
        self.space = space
        self.no_order: NDArray[np.bool_] = np.array([kind in _NO_ORDER for kind in space.kinds])
        self._counts = np.array(space.counts, dtype=np.float64)
        self._steps = self._counts > 0

    def settled(self, points: Candidates) -> Candidates:
        """The same candidates with one point for each of those that mean the same."""
        found = np.array(self.space.canonical(points), dtype=np.float64)
        counts = self._counts[self._steps]
        cells = np.minimum(np.floor(found[:, self._steps] * counts), counts - 1.0)
        found[:, self._steps] = (cells + 0.5) / counts
        return np.clip(found, 0.0, 1.0)

    def all(self) -> Candidates | None:
        """Every candidate of a space of few; None where there are too many."""
        if not self._steps.all() or math.prod(self.space.counts) > _LISTED:
            return None
        cells = itertools.product(*(range(count) for count in self.space.counts))
        middles = (np.array(list(cells), dtype=np.float64) + 0.5) / self._counts
        return np.unique(self.settled(middles), axis=0)

    def anywhere(self, generator: np.random.Generator, count: int) -> Candidates:
        """(count, n) uniform draws."""
        return generator.random((count, self.space.dimension))

    def exchanged(self, generator: np.random.Generator, point: Candidates, count: int) -> Candidates:
        """(count, n): a point with one or a few coordinates drawn anew."""
        drawn = self.anywhere(generator, count)
        return np.where(self._some(generator, drawn.shape, 1.5), drawn, point)

    def around(
        self, generator: np.random.Generator, points: Candidates, step: float, coordinates: float
    ) -> Candidates:
        """(M, n): points (M, n) with normal steps in some coordinates; about so many of them.

        Whole numbers take steps of at least half a cell; choices are drawn anew.
        """
        steps = np.where(self._steps, np.maximum(step, 0.5 / np.maximum(self._counts, 1.0)), step)
        moved = points + steps * generator.standard_normal(points.shape)
        moved = np.where(self.no_order, generator.random(points.shape), moved)
        some = self._some(generator, points.shape, coordinates)
        return np.clip(np.where(some, moved, points), 0.0, 1.0)

    def mixed(self, generator: np.random.Generator, good: Candidates, count: int) -> Candidates:
        """(count, n): each coordinate from any of the good candidates (G, n)."""
        chosen = generator.integers(len(good), size=(count, good.shape[1]))
        return good[chosen, np.arange(good.shape[1])]

    def _some(
        self, generator: np.random.Generator, shape: tuple[int, ...], coordinates: float
    ) -> NDArray[np.bool_]:
        """(M, n) which coordinates move: about so many of each row, and at least one."""
        found = generator.random(shape) < min(coordinates / shape[1], 1.0)
        found[np.arange(shape[0]), generator.integers(shape[1], size=shape[0])] = True
        return found

"""A loss that is the sum of parts, each of which has a Gaussian process of its own.

Each family of distortion depends on few parameters and in a simple way; their sum on all of them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from isptune.optimizers._hyperparameters import Array
from isptune.optimizers._surrogate import Surrogate, standardised

# How many points the hyperparameters of a part are fitted to.
_FITTED = 75
# Parts that vary by a smaller share of the whole loss's deviation are modelled together.
_SMALL = 0.02
# How many parts are modelled at most: of more the largest ones, and the others together.
_MOST = 7
# What the sum of the parts lacks by rounding alone, as a share of the losses' range.
_ROUNDING = 1e-5
# The functions of one coordinate with a smaller share of a part's variance are left out.
_IDLE = 1e-4


class Part(Surrogate):
    """A part of a loss on its own scale, for sums need it (c is 0), without coordinates that do not matter.

    Args:
        points: (N, n).
        losses: (N,) finite, not all equal.
        differ: (n,) whether a coordinate has no order.
        fitted: which points the hyperparameters are fitted to.

    Attributes:
        shift, unit: a loss is ``shift`` plus ``unit`` times a value of the model.
    """

    def __init__(
        self, points: Array, losses: Array, differ: NDArray[np.bool_], fitted: NDArray[np.intp]
    ) -> None:
        self._part = fitted
        units, self.unit, is_far = standardised(losses)
        nearest = int(np.flatnonzero(~is_far)[0])
        self.shift = float(losses[nearest] - self.unit * units[nearest])
        super().__init__(points, losses, differ)

    def _priors(self) -> tuple[Array, Array, Array, Array]:
        middle, spread, low, high = self.layout.priors()
        low[self.layout.warp] = high[self.layout.warp] = 0.0
        return middle, spread, low, high

    def _fitted(self) -> Array:
        units, pairs, squares = self._units, self._pairs, self._squares
        # A part may be the same at all of them.
        if len(self._part) < len(units) and np.ptp(units[self._part]) > 0:
            self._units = units[self._part]
            self._pairs = rows, columns = np.tril_indices(len(self._part), -1)
            chosen = self.points[self._part]
            self._squares = self._squared(chosen[rows] - chosen[columns])
        found = super()._fitted()
        self._units, self._pairs, self._squares = units, pairs, squares
        alone = found[self.layout.alone]
        least = math.log(_IDLE * (np.exp(alone).sum() + math.exp(found[self.layout.joint])))
        self._idle = alone < least
        found[self.layout.alone] = np.where(self._idle, -50.0, alone)
        return found

    def _is_idle(self, place: int) -> bool:
        return bool(self._idle[place])


class ComposedSurrogate:
    """A model of a loss by models of the parts that add up to it.

    Args:
        points: (N, n), N at least 2.
        losses: (N,) finite, not all equal.
        parts: (N, L) finite; what they lack of the losses is a part as well.
        differ: (n,) whether a coordinate has no order.
    """

    def __init__(self, points: Array, losses: Array, parts: Array, differ: NDArray[np.bool_]) -> None:
        self.points = points
        order = np.argsort(losses, kind="stable")
        fitted = order
        if len(order) > _FITTED:
            best, others = order[: _FITTED // 2], order[_FITTED // 2 :]
            even = np.linspace(0, len(others) - 1, _FITTED - len(best)).round().astype(int)
            fitted = np.sort(np.concatenate([best, others[even]]))
        found = _merged(losses, parts)
        self._shift = float(sum(part[0] for part in found if not np.ptp(part) > 0))
        self._parts = [Part(points, part, differ, fitted) for part in found if np.ptp(part) > 0]
        self._shift += sum(part.shift for part in self._parts)

    def predict(self, points: Array) -> tuple[Array, Array]:
        """(M,) means and standard deviations of the loss at (M, n) points: parts are independent."""
        means, variances = np.full(len(points), self._shift), np.zeros(len(points))
        for part in self._parts:
            mean, deviation = part.predict(points)
            means += part.unit * mean
            variances += (part.unit * deviation) ** 2
        return means, np.sqrt(variances)

    def smoothed(self) -> Array:
        """(N,) means at the points themselves, without what is taken for noise."""
        found = np.full(len(self.points), self._shift)
        for part in self._parts:
            found += part.unit * part.smoothed()
        return found

    def expect(self, point: Array) -> None:
        """Go on as if the mean at a point, (n,), had been seen there."""
        for part in self._parts:
            part.expect(point)
        self.points = np.concatenate([self.points, point[None]])


def _merged(losses: Array, parts: Array) -> list[Array]:
    """The parts (N,) that are modelled: those that matter one by one, the others as one."""
    columns = list(parts.T)
    left = losses - parts.sum(axis=1)
    if np.ptp(left) > _ROUNDING * np.ptp(losses):
        columns.append(left)
    small = _SMALL * float(losses.std())
    columns.sort(key=lambda column: -float(column.std()))
    count = sum(float(column.std()) > small for column in columns)
    count = count if count == len(columns) <= _MOST else min(count, _MOST - 1)
    found, others = columns[:count], columns[count:]
    return [*found, np.sum(others, axis=0)] if others else found

"""A Gaussian process that trusts some losses less than others: those that a race has estimated."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isptune.optimizers._hyperparameters import Array, Layout
from isptune.optimizers._surrogate import Surrogate


@dataclass(frozen=True)
class DoubtedLayout(Layout):
    """The layout with one more number, the deviation of an estimate."""

    @property
    def doubt(self) -> int:
        return 3 * self.dimension + 3

    def priors(self) -> tuple[Array, Array, Array, Array]:
        middle, spread, low, high = super().priors()
        return (
            np.append(middle, math.log(0.3)),
            np.append(spread, 1.0),
            np.append(low, math.log(0.01)),
            np.append(high, math.log(10.0)),
        )


class DoubtedSurrogate(Surrogate):
    """A Gaussian process of which some losses are estimates: they have noise beside that of all.

    Its variance is fitted with everything else. Estimates lack scenes, and they are moved behind what went
    on in the race.

    Args:
        points: (N, n), N at least 2.
        losses: (N,) finite, not all equal.
        differ: (n,) whether a coordinate has no order.
        estimated: (N,) which losses are estimates.
    """

    def __init__(
        self, points: Array, losses: Array, differ: NDArray[np.bool_], estimated: NDArray[np.bool_]
    ) -> None:
        self._doubts = estimated.astype(np.float64)
        super().__init__(points, losses, differ)

    def _layout(self, dimension: int) -> DoubtedLayout:
        return DoubtedLayout(dimension)

    def _noise(self, hyper: Array, count: int) -> Array:
        assert isinstance(self.layout, DoubtedLayout)
        found = np.full(count, math.exp(2.0 * hyper[self.layout.noise]))
        # Pending candidates come behind them.
        found[: len(self._doubts)] += math.exp(2.0 * hyper[self.layout.doubt]) * self._doubts
        return found

    def _by_noise(self, slopes: Array, errors: Array, hyper: Array) -> None:
        assert isinstance(self.layout, DoubtedLayout)
        super()._by_noise(slopes, errors, hyper)
        slopes[self.layout.doubt] = (errors @ self._doubts) * math.exp(2.0 * hyper[self.layout.doubt])

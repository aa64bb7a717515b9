"""What is fitted of a Gaussian process: where each number stands, and what is thought of it before."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """Where each hyperparameter stands in the vector that is fitted; all but the warp are logarithms.

    The kernel is a sum of one function of each coordinate and one of all of them, all Matern 5/2:
    k(x, z) = sum_i alone_i m(|x_i - z_i| / own_i) + joint m(|(x - z) / reach|).

    The first part learns from every point what a coordinate does by itself, wherever the others stand.

    Attributes:
        dimension: the number n of coordinates.
    """

    dimension: int

    @property
    def alone(self) -> slice:
        """(n,) variances of the functions of one coordinate."""
        return slice(0, self.dimension)

    @property
    def own(self) -> slice:
        """(n,) their lengths."""
        return slice(self.dimension, 2 * self.dimension)

    @property
    def joint(self) -> int:
        """The variance of the function of all coordinates."""
        return 2 * self.dimension

    @property
    def reach(self) -> slice:
        """(n,) its lengths."""
        return slice(2 * self.dimension + 1, 3 * self.dimension + 1)

    @property
    def noise(self) -> int:
        """The standard deviation of the noise."""
        return 3 * self.dimension + 1

    @property
    def warp(self) -> int:
        """c of the scale (exp(c u) - 1) / c on which losses u are modelled."""
        return 3 * self.dimension + 2

    def priors(self) -> tuple[Array, Array, Array, Array]:
        """Middles, spreads (normal), lowest and highest values; variances are shares of the losses' own."""
        n = self.dimension
        # The further apart points are in many dimensions, the longer the joint lengths.
        parts = [
            (0.2, 1.5, 1e-4, 50.0, n),
            (0.3, 0.7, 0.03, 4.0, n),
            (0.5, 1.5, 1e-4, 50.0, 1),
            (0.4 * math.sqrt(n), 0.8, 0.05, 10.0, n),
            (1e-3, 2.0, 1e-8, 0.5, 1),
        ]
        columns = [
            np.concatenate([np.full(count, part[place]) for part in parts for count in part[4:]])
            for place in range(4)
        ]
        middle, spread, low, high = columns
        return (
            np.append(np.log(middle), 0.0),
            np.append(spread, 1.5),
            np.append(np.log(low), -3.0),
            np.append(np.log(high), 4.0),
        )

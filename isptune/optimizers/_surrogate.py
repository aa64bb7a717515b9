"""A light Gaussian process for a few hundred evaluations, which learns on which scale losses are smooth.

Numpy and scipy alone: with at most some 200 points a fit takes tenths of a second on one core.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from isptune.optimizers._hyperparameters import Array, Layout

_ROOT5 = math.sqrt(5.0)
# Added to the diagonal so that equal points do not make the matrix singular, as a share of the variance.
JITTER = 1e-10
# Where the likelihood of some parameters cannot be computed, the search for better ones turns back.
REFUSED = 1e10
_TRIAL, _ITERATIONS = 8, 30
_ROWS = 64
# Coordinates without an order that lie no further apart are equal.
_SAME = 1e-6


def _matern(distance: Array) -> Array:
    """Matern 5/2 at scaled distances."""
    scaled = _ROOT5 * distance
    found: Array = (1.0 + scaled * (1.0 + scaled / 3.0)) * np.exp(-scaled)
    return found


def _matern_slopes(distance: Array) -> tuple[Array, Array]:
    """Matern 5/2 at scaled distances, and its derivative divided by the distance."""
    scaled = _ROOT5 * distance
    decay = np.exp(-scaled)
    return (1.0 + scaled + scaled * scaled / 3.0) * decay, (-5.0 / 3.0) * (1.0 + scaled) * decay


class Surrogate:
    """A Gaussian process fitted to points and losses.

    Losses are standardised to u and modelled as (exp(c u) - 1) / c, where c is fitted with everything else: a
    psnr, the logarithm of a sum of squares, is found to be smooth as that sum or as its root.

    Args:
        points: (N, n), N at least 2.
        losses: (N,) finite, not all equal.
        differ: (n,) whether a coordinate has no order: two of its values are equal, or they are not.
    """

    def __init__(self, points: Array, losses: Array, differ: NDArray[np.bool_]) -> None:
        self.layout = self._layout(points.shape[1])
        self.differ = differ
        self.points = points
        self._units, _, _ = standardised(losses)
        rows, columns = np.tril_indices(len(points), -1)
        self._pairs = rows, columns
        self._squares = self._squared(points[rows] - points[columns])
        self.hyper = self._fitted()
        self._condition()

    def _layout(self, dimension: int) -> Layout:
        return Layout(dimension)

    def _noise(self, hyper: Array, count: int) -> float | Array:
        """The variance of the noise of ``count`` losses: one for all, or of each."""
        return math.exp(2.0 * hyper[self.layout.noise])

    def _by_noise(self, slopes: Array, errors: Array, hyper: Array) -> None:
        """Put in what the misfit changes by with the noise, from (N,) errors of the variances."""
        slopes[self.layout.noise] = errors.sum() * math.exp(2.0 * hyper[self.layout.noise])

    def _squared(self, differences: Array) -> Array:
        """(n, ...) squared distances by coordinate of (..., n) differences."""
        squares = differences * differences
        squares[..., self.differ] = squares[..., self.differ] > _SAME**2
        return np.ascontiguousarray(np.moveaxis(squares, -1, 0))

    def _priors(self) -> tuple[Array, Array, Array, Array]:
        return self.layout.priors()

    def _fitted(self) -> Array:
        """The most probable hyperparameters that a descent from the better of two beginnings finds."""
        from scipy.optimize import minimize

        middle, spread, low, high = self._priors()
        bounds = list(zip(low, high, strict=True))

        def descent(begin: Array, iterations: int) -> tuple[float, Array]:
            found = minimize(
                self._misfit,
                begin,
                args=(middle, spread),
                jac=True,
                method="L-BFGS-B",
                bounds=bounds,
                options={"maxiter": iterations},
            )
            return float(found.fun), found.x

        # Where a coordinate has several optima, lengths as long as its range explain nothing.
        short = middle.copy()
        short[self.layout.own] = np.maximum(math.log(0.1), low[self.layout.own])
        first, second = descent(middle, _TRIAL), descent(short, _TRIAL)
        return descent(first[1] if first[0] <= second[0] else second[1], _ITERATIONS)[1]

    def _warped(self, warp: float) -> tuple[Array, Array]:
        """The standardised losses on the scale of c, and the derivatives with respect to c."""
        units = self._units
        if abs(warp) < 1e-6:
            return units + 0.5 * warp * units * units, 0.5 * units * units
        grown = np.exp(warp * units)
        scaled = (grown - 1.0) / warp
        return scaled, (units * grown - scaled) / warp

    def _covariances(self, squares: Array, hyper: Array) -> tuple[Array, Array, Array, Array, Array]:
        """Kernel parts at (n, ...) squares: alone (n, ...), its slopes, joint (...), its slopes, lengths."""
        layout = self.layout
        shape = (-1,) + (1,) * (squares.ndim - 1)
        own = np.exp(hyper[layout.own]).reshape(shape)
        alone, alone_slopes = _matern_slopes(np.sqrt(squares) / own)
        variances = np.exp(hyper[layout.alone]).reshape(shape)
        reach = np.exp(-2.0 * hyper[layout.reach])
        joint, joint_slopes = _matern_slopes(np.sqrt(np.tensordot(reach, squares, axes=1)))
        scale = math.exp(hyper[layout.joint])
        return variances * alone, variances * alone_slopes, scale * joint, scale * joint_slopes, own

    def _matrix(self, values: Array, hyper: Array) -> Array:
        """The covariance matrix of the points from the (M,) values of pairs, in its lower half."""
        count = len(self._units)
        matrix = np.zeros((count, count), order="F")
        matrix[self._pairs] = values
        matrix[np.diag_indices(count)] = self._variance(hyper) + self._noise(hyper, count)
        return matrix

    def _variance(self, hyper: Array) -> float:
        layout = self.layout
        return float(np.exp(hyper[layout.alone]).sum() + math.exp(hyper[layout.joint])) * (1.0 + JITTER)

    def _misfit(self, hyper: Array, middle: Array, spread: Array) -> tuple[float, Array]:
        """Minus the logarithm of the posterior of hyperparameters, and its gradient.

        The mean and the scale of the process take their most likely values.
        """
        from scipy.linalg import lapack

        layout, count = self.layout, len(self._units)
        alone, alone_slopes, joint, joint_slopes, own = self._covariances(self._squares, hyper)
        factor, failed = lapack.dpotrf(self._matrix(alone.sum(axis=0) + joint, hyper), lower=1)
        if failed:
            return REFUSED, np.zeros_like(hyper)
        inverse, _ = lapack.dpotri(factor, lower=1)
        pairs = inverse[self._pairs]
        diagonal = inverse.diagonal().copy()
        inverse = inverse + np.tril(inverse, -1).T
        values, by_warp = self._warped(float(hyper[layout.warp]))
        sums = inverse.sum(axis=0)
        centred = values - sums @ values / sums.sum()
        weights = inverse @ centred
        scale = max(float(centred @ weights) / count, 1e-300)
        found = 0.5 * count * math.log(scale) + float(np.log(factor.diagonal()).sum())
        found -= float(hyper[layout.warp] * self._units.sum())
        rows, columns = self._pairs
        # Of each pair twice, for both halves of the matrix, halved by the formula.
        errors = pairs - weights[rows] * weights[columns] / scale
        own_errors = diagonal - weights * weights / scale
        slopes = np.zeros_like(hyper)
        trace = own_errors.sum()
        slopes[layout.alone] = alone @ errors + 0.5 * trace * np.exp(hyper[layout.alone])
        slopes[layout.own] = -((alone_slopes * self._squares) @ errors) / own[:, 0] ** 2
        slopes[layout.joint] = joint @ errors + 0.5 * trace * math.exp(hyper[layout.joint])
        slopes[layout.reach] = -(self._squares @ (joint_slopes * errors)) * np.exp(-2.0 * hyper[layout.reach])
        self._by_noise(slopes, own_errors, hyper)
        slopes[layout.warp] = weights @ by_warp / scale - self._units.sum()
        away = (hyper - middle) / spread
        return found + 0.5 * float(away @ away), slopes + away / spread

    def _condition(self) -> None:
        from scipy.linalg import cho_solve, lapack

        alone, _, joint, _, _ = self._covariances(self._squares, self.hyper)
        factor, failed = lapack.dpotrf(self._matrix(alone.sum(axis=0) + joint, self.hyper), lower=1)
        assert not failed
        self._factor = np.tril(factor)
        self.values, _ = self._warped(float(self.hyper[self.layout.warp]))
        ones = cho_solve((self._factor, True), np.ones(len(self.values)))
        self._mean = float(ones @ self.values / ones.sum())
        self._weights = cho_solve((self._factor, True), self.values - self._mean)
        # No smaller than what rounding leaves of losses that are all but equal.
        self._scale = max(float((self.values - self._mean) @ self._weights) / len(self.values), 1e-16)

    def predict(self, points: Array) -> tuple[Array, Array]:
        """(M,) means and (M,) standard deviations at (M, n) points, on the scale of ``values``."""
        from scipy.linalg import solve_triangular

        across = self._across(points)
        spread = solve_triangular(self._factor, across.T, lower=True, check_finite=False)
        left = self._variance(self.hyper) - np.einsum("nm,nm->m", spread, spread)
        means: Array = self._mean + across @ self._weights
        return means, np.sqrt(self._scale * np.maximum(left, 1e-12))

    def _is_idle(self, place: int) -> bool:
        """Whether the function of a coordinate alone is next to nothing."""
        return False

    def _across(self, points: Array) -> Array:
        """(M, N) covariances of other points with those that were learnt from."""
        return self._kernel(points, self.points)

    def _kernel(self, points: Array, others: Array) -> Array:
        """(M, O) covariances of (M, n) points with (O, n) others."""
        layout, hyper = self.layout, self.hyper
        own, reach = np.exp(-hyper[layout.own]), np.exp(-hyper[layout.reach])
        variances = np.exp(hyper[layout.alone])
        found = np.empty((len(points), len(others)))
        # Few rows at a time, which the processor's caches hold.
        for begin in range(0, len(points), _ROWS):
            part = points[begin : begin + _ROWS]
            sums, square = np.zeros((2, len(part), len(others)))
            for place in range(layout.dimension):
                away = np.abs(part[:, place, None] - others[None, :, place])
                if self.differ[place]:
                    away = (away > _SAME).astype(np.float64)
                if not self._is_idle(place):
                    sums += variances[place] * _matern(away * own[place])
                square += (away * reach[place]) ** 2
            sums += math.exp(hyper[layout.joint]) * _matern(np.sqrt(square))
            found[begin : begin + _ROWS] = sums
        return found

    @property
    def lengths(self) -> Array:
        """(n,) how far from a point a coordinate's values tell of it, over all functions."""
        layout, hyper = self.layout, self.hyper
        own, reach = np.exp(hyper[layout.own]), np.exp(hyper[layout.reach])
        alone, joint = np.exp(hyper[layout.alone]), math.exp(hyper[layout.joint])
        found: Array = ((alone / own**2 + joint / reach**2) / (alone + joint)) ** -0.5
        return found

    def smoothed(self) -> Array:
        """(N,) means at the points themselves: ``values`` without what is taken for noise."""
        noise = self._noise(self.hyper, len(self.values))
        return self.values - (noise + JITTER * self._variance(self.hyper)) * self._weights

    def expect(self, point: Array) -> None:
        """Go on as if the mean at a point, (n,), had been seen there: that of a pending candidate."""
        value = self._extend(point)
        self.points = np.concatenate([self.points, point[None]])
        self.values = np.append(self.values, value)
        self._weights = self._solved(self.values - self._mean)

    def _extend(self, point: Array) -> float:
        """Add a row for a point, (n,), to the factor; the mean there."""
        from scipy.linalg import solve_triangular

        across = self._across(point[None])[0]
        row = solve_triangular(self._factor, across, lower=True, check_finite=False)
        left = self._variance(self.hyper) + math.exp(2.0 * self.hyper[self.layout.noise]) - row @ row
        count = len(across)
        factor = np.zeros((count + 1, count + 1))
        factor[:count, :count] = self._factor
        factor[count, :count] = row
        factor[count, count] = math.sqrt(max(left, JITTER))
        self._factor = factor
        return self._mean + float(across @ self._weights)

    def _solved(self, centred: Array) -> Array:
        """What is seen, without its mean, divided by its covariances."""
        from scipy.linalg import cho_solve

        found: Array = cho_solve((self._factor, True), centred)
        return found


class StepSurrogate(Surrogate):
    """A model of 0 and 1: c is 0, and lengths are at least a fifth of the range."""

    def _priors(self) -> tuple[Array, Array, Array, Array]:
        middle, spread, low, high = self.layout.priors()
        low[self.layout.warp] = high[self.layout.warp] = 0.0
        # A step is best explained by short lengths, which would tell nothing of places further off.
        low[self.layout.own] = low[self.layout.reach] = math.log(0.2)
        return middle, spread, low, high


def standardised(losses: Array) -> tuple[Array, float, NDArray[np.bool_]]:
    """Losses of the median 0 and the standard deviation 1; those far above the median are brought nearer.

    How bad the worst candidates are tells little of where the best ones lie.

    Returns:
        (N,) units, what one of them is in losses, and (N,) which losses were brought nearer.
    """
    largest = np.abs(losses).max()
    units = losses / largest
    middle = np.median(units)
    fallen = middle - units.min()
    is_far = np.zeros(len(units), dtype=bool)
    if fallen > 0:
        is_far = units > middle + 4.0 * fallen
        units = np.minimum(units, middle + 4.0 * fallen)
    units = units - middle
    deviation = max(float(units.std()), 1e-300)
    return units / deviation, float(largest * deviation), is_far

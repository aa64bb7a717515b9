"""A Gaussian process that learns from losses and from their gradients.

A gradient tells as much as n further losses around a candidate: where a parameter's curve has many valleys,
a few slopes of it show them.
"""

from __future__ import annotations

import math

import numpy as np

from isptune.optimizers._hyperparameters import Array
from isptune.optimizers._slope_kernel import Blocks, Parts, cross
from isptune.optimizers._surrogate import JITTER, REFUSED, Surrogate, standardised

# How many numbers, losses and slopes, the hyperparameters are fitted to, and how many are learnt from.
_FITTED, _LEARNT = 240, 500
# What is added to the variance of a slope beside the noise, as a share of it.
_INEXACT = 1e-5


class SlopedSurrogate(Surrogate):
    """A Gaussian process fitted to points, losses and gradients of losses.

    The hyperparameters are fitted to the losses and gradients of some fifty points alone: the best ones, and
    others at even ranks.

    Args:
        points: (N, n), N at least 2, of real coordinates.
        losses: (N,) finite, not all equal.
        gradients: (N, n) of the losses; rows that are not finite are left out.
    """

    def __init__(self, points: Array, losses: Array, gradients: Array) -> None:
        _, scale, is_far = standardised(losses)
        usable = np.isfinite(gradients).all(axis=1) & ~is_far
        order = np.argsort(losses, kind="stable")
        most = max((_LEARNT - len(points)) // points.shape[1], 1)
        self._sloped = np.sort(order[usable[order]][:most])
        self._slopes = gradients[self._sloped] / scale
        self._pending = np.empty((0, points.shape[1]))
        super().__init__(points, losses, np.zeros(points.shape[1], dtype=bool))

    def _fitted(self) -> Array:
        """The hyperparameters by a part of the points."""
        count, dimension = self.points.shape
        whole = self.points, self._units, self._sloped, self._slopes
        most = max(_FITTED // (1 + dimension), 2 * dimension)
        if count > most:
            order = np.argsort(self._units, kind="stable")
            others = order[most // 2 :]
            spread = others[np.linspace(0, len(others) - 1, most - most // 2).round().astype(int)]
            kept = np.sort(np.concatenate([order[: most // 2], spread]))
            # In many dimensions a few gradients are as many numbers.
            slopes = max((_FITTED - most) // dimension, 1)
            has = np.isin(self._sloped, kept)
            rank = np.argsort(np.argsort(self._units[self._sloped[has]], kind="stable"), kind="stable")
            has[has] = rank < slopes
            self.points, self._units = self.points[kept], self._units[kept]
            self._sloped, self._slopes = np.searchsorted(kept, self._sloped[has]), self._slopes[has]
        self._blocks = Blocks(self.points, self._sloped)
        found = super()._fitted()
        self.points, self._units, self._sloped, self._slopes = whole
        self._blocks = Blocks(self.points, self._sloped)
        return found

    def _observed(self, warp: float) -> tuple[Array, Array]:
        """(M,) losses and slopes on the scale of c, coordinate by coordinate, and their derivatives by c."""
        values, by_warp = self._warped(warp)
        units = self._units[self._sloped]
        slopes = (np.exp(warp * units)[:, None] * self._slopes).T
        return (
            np.concatenate([values, slopes.ravel()]),
            np.concatenate([by_warp, (units * slopes).ravel()]),
        )

    def _misfit(self, hyper: Array, middle: Array, spread: Array) -> tuple[float, Array]:
        from scipy.linalg import lapack

        layout, at = self.layout, self._blocks
        noise = math.exp(2.0 * hyper[layout.noise])
        parts = Parts(at, layout, hyper)
        inexact = noise + _INEXACT
        factor, failed = lapack.dpotrf(parts.matrix(noise, inexact), lower=1)
        if failed:
            return REFUSED, np.zeros_like(hyper)
        inverse, _ = lapack.dpotri(factor, lower=1)
        inverse = inverse + np.tril(inverse, -1).T
        observed, by_warp = self._observed(float(hyper[layout.warp]))
        count = len(observed)
        ones = (np.arange(count) < at.count).astype(np.float64)
        sums = inverse @ ones
        centred = observed - (sums @ observed / (sums @ ones)) * ones
        weights = inverse @ centred
        scale = max(float(centred @ weights) / count, 1e-300)
        volume = float(self._units.sum() + layout.dimension * self._units[self._sloped].sum())
        found = 0.5 * count * math.log(scale) + float(np.log(factor.diagonal()).sum())
        found -= float(hyper[layout.warp]) * volume
        errors = inverse - np.outer(weights, weights / scale)
        slopes = parts.by_hyper(errors, noise, inexact)
        slopes[layout.warp] = weights @ by_warp / scale - volume
        away = (hyper - middle) / spread
        return found + 0.5 * float(away @ away), slopes + away / spread

    def _condition(self) -> None:
        from scipy.linalg import cho_solve, lapack

        noise = math.exp(2.0 * self.hyper[self.layout.noise])
        matrix = Parts(self._blocks, self.layout, self.hyper).matrix(noise, noise + _INEXACT)
        factor, failed = lapack.dpotrf(matrix, lower=1)
        assert not failed
        self._factor = np.tril(factor)
        self._seen, _ = self._observed(float(self.hyper[self.layout.warp]))
        self.values = self._seen[: len(self.points)]
        self._ones = (np.arange(len(self._seen)) < len(self.points)).astype(np.float64)
        ones = cho_solve((self._factor, True), self._ones)
        self._mean = float(ones @ self._seen / (ones @ self._ones))
        centred = self._seen - self._mean * self._ones
        self._weights = cho_solve((self._factor, True), centred)
        self._scale = max(float(centred @ self._weights) / len(centred), 1e-16)

    def _across(self, points: Array) -> Array:
        known = self.points[: len(self.points) - len(self._pending)]
        found = cross(points, known, self._sloped, self.layout, self.hyper)
        if not len(self._pending):
            return found
        return np.concatenate([found, self._kernel(points, self._pending)], axis=1)

    def smoothed(self) -> Array:
        noise = math.exp(2.0 * self.hyper[self.layout.noise])
        count = len(self.points) - len(self._pending)
        weights = np.concatenate([self._weights[:count], self._weights[len(self._seen) :]])
        return self.values - (noise + JITTER * self._variance(self.hyper)) * weights

    def expect(self, point: Array) -> None:
        value = self._extend(point)
        self._pending = np.concatenate([self._pending, point[None]])
        self.points = np.concatenate([self.points, point[None]])
        self.values = np.append(self.values, value)
        self._ones = np.append(self._ones, 1.0)
        expected = self.values[len(self.points) - len(self._pending) :]
        self._weights = self._solved(np.concatenate([self._seen, expected]) - self._mean * self._ones)

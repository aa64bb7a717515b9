"""The covariances of losses and of their slopes under a sum of Matern 5/2 kernels, with their derivatives."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isptune.optimizers._hyperparameters import Array, Layout

_ROOT5 = math.sqrt(5.0)
_JITTER = 1e-10
_ROWS = 64


def _matern(distance: Array) -> tuple[Array, Array, Array, Array]:
    """Matern 5/2 m at scaled distances r, h = m'/r, q = h'/r and t r^4 with t = q'/r."""
    scaled = _ROOT5 * distance
    decay = np.exp(-scaled)
    return (
        (1.0 + scaled * (1.0 + scaled / 3.0)) * decay,
        (-5.0 / 3.0) * (1.0 + scaled) * decay,
        (25.0 / 3.0) * decay,
        (-5.0 / 3.0) * scaled**3 * decay,
    )


class Blocks:
    """Differences between points: of losses with losses, losses with slopes, slopes with slopes.

    Args:
        points: (N, n).
        sloped: (S,) which of them have slopes.
    """

    def __init__(self, points: Array, sloped: NDArray[np.intp]) -> None:
        away = np.ascontiguousarray(np.moveaxis(points[:, None] - points[None], -1, 0))
        self.count, self.sloped = len(points), len(sloped)
        # (n, N, N), (n, N, S) and (n, S, S).
        self.away = away, away[:, :, sloped], away[:, sloped][:, :, sloped]
        self.size = self.count + points.shape[1] * self.sloped

    def split(self, matrix: Array) -> tuple[Array, Array, Array]:
        """(N, N), (n, N, S) and (n, n, S, S) blocks of an (M, M) matrix."""
        count, each = self.count, self.sloped
        n = self.away[0].shape[0]
        mixed = matrix[:count, count:].reshape(count, n, each)
        slopes = matrix[count:, count:].reshape(n, each, n, each)
        return matrix[:count, :count], mixed.transpose(1, 0, 2), slopes.transpose(0, 2, 1, 3)


@dataclass
class Parts:
    """The covariances at some hyperparameters, part by part."""

    at: Blocks
    layout: Layout
    hyper: Array

    def __post_init__(self) -> None:
        layout, hyper = self.layout, self.hyper
        shape = (-1, 1, 1)
        self.variances = np.exp(hyper[layout.alone]).reshape(shape)
        self.own = np.exp(hyper[layout.own]).reshape(shape)
        self.joint = math.exp(hyper[layout.joint])
        self.reach = np.exp(-2.0 * hyper[layout.reach])
        self.alone = [_matern(np.abs(away) / self.own) for away in self.at.away]
        self.distances = [np.sqrt(np.tensordot(self.reach, away * away, axes=1)) for away in self.at.away]
        self.together = [_matern(distance) for distance in self.distances]

    def _alone(self) -> tuple[Array, Array, Array]:
        """The functions of one coordinate: (n, N, N), (n, N, S) and (n, S, S)."""
        (near, *_), (_, mixed, *_), (_, h, q, _) = self.alone
        per = self.variances / self.own**2
        squares = (self.at.away[2] / self.own) ** 2
        return self.variances * near, -per * mixed * self.at.away[1], -per * (h + q * squares)

    def _joint(self) -> tuple[Array, Array, Array]:
        """The function of all coordinates: (N, N), (n, N, S) and (n, n, S, S)."""
        (near, *_), (_, mixed, *_), (_, h, q, _) = self.together
        scaled = self.reach[:, None, None] * self.at.away[2]
        slopes = -self.joint * q * scaled[:, None] * scaled[None]
        for place, reach in enumerate(self.reach):
            slopes[place, place] -= self.joint * reach * h
        weighted = self.reach[:, None, None] * self.at.away[1]
        return self.joint * near, -self.joint * mixed * weighted, slopes

    def matrix(self, noise: float, inexact: float) -> Array:
        """(M, M) covariances, in the lower half.

        Args:
            noise: the variance of a loss's noise.
            inexact: that of a slope's, as a share of the slope's own.
        """
        count, each, n = self.at.count, self.at.sloped, self.layout.dimension
        alone, joint = self._alone(), self._joint()
        found = np.zeros((self.at.size, self.at.size), order="F")
        found[:count, :count] = alone[0].sum(axis=0) + joint[0]
        found[count:, :count] = (alone[1] + joint[1]).transpose(0, 2, 1).reshape(n * each, count)
        slopes = joint[2]
        for place in range(n):
            slopes[place, place] += alone[2][place]
        found[count:, count:] = slopes.transpose(0, 2, 1, 3).reshape(n * each, n * each)
        near = float(self.variances.sum() + self.joint) * _JITTER + noise
        steep = inexact * (_slope_variances(self.variances, self.own, self.joint, self.reach))
        found[np.diag_indices(len(found))] += np.concatenate([np.full(count, near), np.repeat(steep, each)])
        return found

    def by_hyper(self, errors: Array, noise: float, inexact: float) -> Array:
        """Half the sum of (M, M) errors times the derivatives of ``matrix`` by each hyperparameter."""
        layout = self.layout
        found = np.zeros_like(self.hyper)
        near, mixed, slopes = self.at.split(errors)
        n = layout.dimension
        own_slopes = np.stack([slopes[place, place] for place in range(n)])
        traces = np.array([np.trace(one) for one in own_slopes])
        trace = float(np.trace(near))
        variances, own = self.variances[:, 0, 0], self.own[:, 0, 0]
        # By the variances, in which the matrix is linear.
        alone, joint = self._alone(), self._joint()
        steep = 5.0 / 3.0 * variances / own**2
        found[layout.alone] = (
            0.5 * _sums(alone[0] * near)
            + _sums(alone[1] * mixed)
            + 0.5 * _sums(alone[2] * own_slopes)
            + 0.5 * _JITTER * trace * variances
            + 0.5 * inexact * traces * steep
        )
        reached = 5.0 / 3.0 * self.joint * self.reach
        found[layout.joint] = (
            0.5 * (joint[0] * near).sum()
            + (joint[1] * mixed).sum()
            + 0.5 * (joint[2] * slopes).sum()
            + 0.5 * _JITTER * trace * self.joint
            + 0.5 * inexact * float(traces @ reached)
        )
        # By the lengths of one coordinate.
        (_, h0, *_), (_, h1, q1, _), (_, h2, q2, t2) = self.alone
        squares = [(away / self.own) ** 2 for away in self.at.away]
        per = self.variances / self.own**2
        found[layout.own] = (
            0.5 * _sums(-self.variances * h0 * squares[0] * near)
            + _sums(per * self.at.away[1] * (q1 * squares[1] + 2.0 * h1) * mixed)
            + 0.5 * _sums(per * (2.0 * h2 + 5.0 * q2 * squares[2] + t2) * own_slopes)
            - inexact * traces * steep
        )
        found[layout.reach] = self._by_reach(near, mixed, slopes, own_slopes) - inexact * traces * reached
        found[layout.noise] = trace * noise + noise * float(traces @ (steep + reached))
        return found

    def _by_reach(self, near: Array, mixed: Array, slopes: Array, own_slopes: Array) -> Array:
        reach = self.reach[:, None, None]
        (_, h0, *_), (_, h1, q1, _), (_, h2, q2, t2) = self.together
        away0, away1, away2 = self.at.away
        scaled1, scaled2 = reach * away1, reach * away2
        # (n, S, S): sum_j reach_j d_j E_kj.
        leaning = np.einsum("jpq,kjpq->kpq", scaled2, slopes)
        with np.errstate(divide="ignore", invalid="ignore"):
            third = np.where(self.distances[2] > 0, t2 / self.distances[2] ** 4, 0.0)
        far0 = 0.25 * h0 * near
        far1 = -0.5 * q1 * (scaled1 * mixed).sum(axis=0)
        far2 = -0.25 * (
            q2 * np.tensordot(self.reach, own_slopes, axes=1) + third * (scaled2 * leaning).sum(axis=0)
        )
        by_reach = _sums(away0**2 * far0) + _sums(away1**2 * far1) + _sums(away2**2 * far2)
        by_reach -= _sums(h1 * away1 * mixed)
        by_reach -= 0.5 * _sums(h2 * own_slopes) + _sums(q2 * away2 * leaning)
        found: Array = -2.0 * self.reach * self.joint * by_reach
        return found


def _sums(values: Array) -> Array:
    """(n,) sums over the two last axes."""
    found: Array = values.sum(axis=(1, 2))
    return found


def _slope_variances(variances: Array, own: Array, joint: float, reach: Array) -> Array:
    found: Array = 5.0 / 3.0 * (variances.ravel() / own.ravel() ** 2 + joint * reach)
    return found


def cross(points: Array, known: Array, sloped: NDArray[np.intp], layout: Layout, hyper: Array) -> Array:
    """(Q, M) covariances of losses at (Q, n) points with the losses (N, n) and the slopes of others."""
    own, reach = np.exp(-hyper[layout.own]), np.exp(-2.0 * hyper[layout.reach])
    variances, joint = np.exp(hyper[layout.alone]), math.exp(hyper[layout.joint])
    count, each = len(known), len(sloped)
    found = np.empty((len(points), count + layout.dimension * each))
    for begin in range(0, len(points), _ROWS):
        part = points[begin : begin + _ROWS]
        away = part.T[:, :, None] - known.T[:, None, :]
        scaled = _ROOT5 * np.sqrt(np.tensordot(reach, away * away, axes=1))
        decay = joint * np.exp(-scaled)
        total = (1.0 + scaled * (1.0 + scaled / 3.0)) * decay
        together = 5.0 / 3.0 * ((1.0 + scaled) * decay)[:, sloped]
        rows = found[begin : begin + len(part)]
        for place in range(layout.dimension):
            scaled = (_ROOT5 * own[place]) * np.abs(away[place])
            decay = variances[place] * np.exp(-scaled)
            total += (1.0 + scaled * (1.0 + scaled / 3.0)) * decay
            slope = (5.0 / 3.0 * own[place] ** 2) * ((1.0 + scaled) * decay)[:, sloped]
            start = count + place * each
            rows[:, start : start + each] = away[place][:, sloped] * (slope + reach[place] * together)
        rows[:, :count] = total
    return found

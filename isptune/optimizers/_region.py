"""A trust region: the box around the best candidate that a model of its neighbourhood is asked about."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from isptune.optimizers._acquisition import Array, log_expected_improvement
from isptune.optimizers._moves import Moves
from isptune.optimizers._surrogate import Surrogate

# After Eriksson et al., "Scalable global optimization via local Bayesian optimization" (2019).
_FIRST, _LARGEST, _SMALLEST = 0.8, 1.6, 0.8 * 0.5**7
_SUCCESSES = 3
# How many points are drawn in the box, and how many around the most promising of them, as shares of it.
_DRAWN, _AGAIN, _STEPS = 600, 200, (0.1, 0.02)
# The neighbourhood: a half of what was evaluated, within these bounds a parameter and in all.
_LEAST, _MOST = 6, 75


def side_of(batches: Iterable[Array], best: float, patience: int) -> float:
    """The side of the box, as a share of the ranges, after the losses of some batches.

    It doubles after three batches in a row that found something better, halves after ``patience`` that did
    not, and begins anew once it is tiny.

    Args:
        batches: (P,) losses of each batch, in their order.
        best: the lowest loss before them.
        patience: at least 1.
    """
    side, successes, failures = _FIRST, 0, 0
    for losses in batches:
        lowest = float(losses.min())
        if lowest < best:
            best, successes, failures = lowest, successes + 1, 0
        else:
            successes, failures = 0, failures + 1
        if successes >= _SUCCESSES:
            side, successes = min(2.0 * side, _LARGEST), 0
        if failures >= patience:
            side, failures = 0.5 * side, 0
        if side < _SMALLEST:
            side = _FIRST
    return side


class Region:
    """The box of a side, stretched where a parameter matters little, and a model of its neighbourhood.

    Args:
        moves: of the space.
        points: (N, n) evaluated candidates.
        losses: (N,) their losses, finite.
        side: of the box.
    """

    def __init__(self, moves: Moves, points: Array, losses: Array, side: float) -> None:
        self._moves = moves
        self._best = points[losses.argmin()]
        away = points - self._best
        away[:, moves.no_order] = away[:, moves.no_order] != 0.0
        nearest = np.argsort((away**2).sum(axis=1), kind="stable")
        count = min(max(_LEAST * points.shape[1], len(points) // 2), _MOST)
        kept = np.sort(nearest[:count])
        if not np.ptp(losses[kept]) > 0:
            kept = np.arange(len(points))
        self.model = Surrogate(points[kept], losses[kept], moves.no_order)
        stretched = self.model.lengths / np.exp(np.log(self.model.lengths).mean())
        half = np.where(moves.no_order, 1.0, 0.5 * side * stretched)
        self._low, self._high = np.maximum(self._best - half, 0.0), np.minimum(self._best + half, 1.0)

    def ranked(self, generator: np.random.Generator, weight: Callable[[Array], Array]) -> Array:
        """(M, n) candidates of the box by falling expected improvement.

        Args:
            generator: of the draws.
            weight: gives the logarithms (M,) of what the improvement of (M, n) candidates is weighed with.
        """

        def by_promise(points: Array) -> Array:
            points = self._moves.settled(points)
            best = float(self.model.smoothed().min())
            promise = log_expected_improvement(*self.model.predict(points), best) + weight(points)
            return points[np.argsort(-promise, kind="stable")]

        low, high = self._low, self._high
        drawn = low + (high - low) * generator.random((_DRAWN, len(low)))
        # One coordinate more often than all of them.
        some = generator.random(drawn.shape) < generator.random((_DRAWN, 1))
        some[np.arange(_DRAWN), generator.integers(len(low), size=_DRAWN)] = True
        found = by_promise(np.where(some, drawn, self._best))
        for step in _STEPS:
            normal = generator.standard_normal((_AGAIN, len(low)))
            # Choices stay as they are in the most promising candidate.
            moved = found[0] + np.where(self._moves.no_order, 0.0, step * (high - low)) * normal
            near = by_promise(np.concatenate([found[:1], np.clip(moved, low, high)]))
            found = np.concatenate([near, found[1:]])
        return found

"""Tuning by comparisons: a Gaussian process over settings that learns from which of two is preferred."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isptune.errors import ConfigurationError
from isptune_study.designs import generator_of
from isptune_study.laws import THURSTONE
from isptune_study.newton import maximise

Numbers = NDArray[np.float64]
Identify = Callable[[Numbers], list[bytes]]

_LENGTHS = (0.4, 0.7, 1.1, 1.7)
_AMPLITUDES = (2.0, 4.0, 8.0)
_LEARNED_EVERY = 10
"""Comparisons after which the kernel is learned anew; between them it stays."""

_RANDOM_FIRST = 4
"""So many random pairs for each parameter come first: settings far apart tell the shape soonest."""

_EVERYWHERE, _NEARBY = 400, 200
_SCALES = (0.02, 0.06, 0.15)
_JITTER = 1e-6


@dataclass(frozen=True)
class Kernel:
    """A Matern kernel of the smoothness 5/2.

    Attributes:
        length: over which the utility changes, as a share of a parameter's range.
        amplitude: the standard deviation of the utility, in standard deviations of a difference.
    """

    length: float = 0.7
    amplitude: float = 4.0

    def __call__(self, first: Numbers, second: Numbers) -> Numbers:
        from scipy.spatial.distance import cdist

        apart = np.sqrt(5) * cdist(first, second) / self.length
        found: Numbers = self.amplitude**2 * (1 + apart + apart**2 / 3) * np.exp(-apart)
        return found


class Preferences:
    """What comparisons tell of the utility of settings: Laplace's approximation of a Gaussian process.

    An answer follows Thurstone's law on the difference of two utilities, and "not sure" is half a win for
    either (W. Chu and Z. Ghahramani, "Preference learning with Gaussian processes", ICML 2005). All is
    computed for the differences that were compared, so the cost grows with the answers alone.

    Args:
        pairs: (C, 2, d) what was compared, in the unit cube of the free parameters.
        shares: (C,) of the first one: 1, 0.5 or 0.
        kernel: of the utility.
        start: (C,) where the search for the mode begins, such as ``pull`` of a similar kernel.
    """

    def __init__(self, pairs: Numbers, shares: Numbers, kernel: Kernel, start: Numbers | None = None) -> None:
        self.pairs, self.shares, self.kernel = pairs, shares, kernel
        count = len(pairs)
        self._prior = self._cross(pairs[:, 0]) - self._cross(pairs[:, 1]) + _JITTER * np.eye(count)
        # The mode, as the prior's covariance times ``pull``: the gradient of the answers there.
        self.pull = self._mode(np.zeros(count) if start is None else start)
        apart = self._prior @ self.pull
        up, down = THURSTONE.slope(apart), THURSTONE.slope(-apart)
        self._root = np.sqrt(shares * THURSTONE.bend(apart, up) + (1 - shares) * THURSTONE.bend(-apart, down))
        self._factor = np.linalg.cholesky(self._inner(self._root))
        told = shares @ THURSTONE.log(apart) + (1 - shares) @ THURSTONE.log(-apart)
        spread = float(np.log(np.diagonal(self._factor)).sum())
        self.evidence = float(told - self.pull @ apart / 2 - spread)

    def _inner(self, root: Numbers) -> Numbers:
        found: Numbers = np.eye(len(root)) + root[:, None] * self._prior * root[None, :]
        return found

    def _cross(self, points: Numbers) -> Numbers:
        """(P, C) covariances of utilities with the differences that were compared."""
        found: Numbers = self.kernel(points, self.pairs[:, 0]) - self.kernel(points, self.pairs[:, 1])
        return found

    def _mode(self, start: Numbers) -> Numbers:
        """Newton's method in the form that needs no inverse of the prior (C. E. Rasmussen, 2006, 3.1)."""
        share, prior = self.shares, self._prior

        def height(pull: Numbers) -> float:
            apart = prior @ pull
            told = share @ THURSTONE.log(apart) + (1 - share) @ THURSTONE.log(-apart)
            return float(told - pull @ apart / 2)

        def step_at(pull: Numbers) -> Numbers:
            apart = prior @ pull
            up, down = THURSTONE.slope(apart), THURSTONE.slope(-apart)
            slope = share * up - (1 - share) * down
            bend = share * THURSTONE.bend(apart, up) + (1 - share) * THURSTONE.bend(-apart, down)
            root = np.sqrt(bend)
            wanted = bend * apart + slope
            inner = np.linalg.solve(self._inner(root), root * (prior @ wanted))
            step: Numbers = wanted - root * inner - pull
            return step

        return maximise(height, step_at, start, 1e-6)

    def mean(self, points: Numbers) -> Numbers:
        """(P,) the expected utilities of points (P, d)."""
        found: Numbers = self._cross(points) @ self.pull
        return found

    def apart(self, points: Numbers, anchor: Numbers) -> tuple[Numbers, Numbers]:
        """(P,) by how much each of (P, d) points is expected to be better than the anchor (d,), and (P,) the
        standard deviations of that."""
        from scipy.linalg import solve_triangular

        anchor = anchor[None]
        cross = self._cross(points) - self._cross(anchor)
        known = solve_triangular(self._factor, self._root[:, None] * cross.T, lower=True, check_finite=False)
        # The kernel has one value where two points are the same.
        prior = 2 * (self.kernel.amplitude**2 - self.kernel(points, anchor)[:, 0])
        variance = np.maximum(prior - (known**2).sum(axis=0), 0.0)
        return cross @ self.pull, np.sqrt(variance)

    def draws(self, points: Numbers, count: int, generator: np.random.Generator) -> Numbers:
        """(count, P) utilities drawn from the posterior, each of all points together."""
        from scipy.linalg import solve_triangular

        cross = self._cross(points)
        known = solve_triangular(self._factor, self._root[:, None] * cross.T, lower=True, check_finite=False)
        covariance = self.kernel(points, points) - known.T @ known
        covariance[np.diag_indices(len(points))] += 1e-5 * self.kernel.amplitude**2
        factor = np.linalg.cholesky(covariance)
        found: Numbers = cross @ self.pull + generator.standard_normal((count, len(points))) @ factor.T
        return found


class PreferenceSearch:
    """Which settings a person should compare next, and which are the best so far.

    Random pairs first, then double Thompson sampling: two utilities are drawn from what is known, and the
    best setting of each is shown (H. Wu and X. Liu, "Double Thompson sampling for dueling bandits", NIPS
    2016). It keeps no state: all follows from the seed and the answers, so a search that was killed goes on
    as it would have.

    Args:
        dimensions: of the unit cube.
        seed: of all that is random.
        start: (d,) what the first pair holds beside a random setting, such as the factory's default; the
            cube's centre if None.
    """

    def __init__(self, dimensions: int, seed: int = 0, start: Numbers | None = None) -> None:
        if dimensions < 1:
            raise ConfigurationError("there is no free parameter to compare settings of")
        self.dimensions, self.seed = dimensions, seed
        self.start = np.full(dimensions, 0.5) if start is None else np.asarray(start, dtype=np.float64)
        # The kernel of the latest answers, by what it was learned from.
        self._kernel: tuple[bytes, Kernel] = b"", Kernel()

    def learned(self, pairs: Numbers, shares: Numbers) -> Preferences:
        """What answers (C, 2, d) and (C,) tell, by the kernel of the largest evidence."""
        last = len(shares) // _LEARNED_EVERY * _LEARNED_EVERY
        source = pairs[:last].tobytes() + shares[:last].tobytes()
        if source != self._kernel[0]:
            self._kernel = source, _of_most_evidence(pairs[:last], shares[:last]) if last else Kernel()
        return Preferences(pairs, shares, self._kernel[1])

    def next_pair(self, pairs: Numbers, shares: Numbers) -> Numbers:
        """(2, d) settings to compare after those answers."""
        return self.next_pairs(pairs, shares, 1, len(shares))[0]

    def next_pairs(
        self, pairs: Numbers, shares: Numbers, count: int, number: int, identify: Identify | None = None
    ) -> Numbers:
        """(count, 2, d) settings to compare at the same time after those answers.

        Each pair is of two draws of its own from what is known, so that those that are not answered yet
        differ as much as is unknown.

        Args:
            pairs, shares: the answers, as ``Preferences`` takes them.
            count: of the pairs.
            number: of the question, from 0: what is random follows from it and the seed.
            identify: gives keys to (P, d) settings that are equal where the settings are the same.
        """
        generator = generator_of(self.seed, "pair", number)
        if len(shares) < _RANDOM_FIRST * self.dimensions:
            drawn = generator.random((count, 2, self.dimensions))
            if number == 0:
                drawn[0, 0] = self.start
            return drawn
        known = self.learned(pairs, shares)
        points = self._points(known, generator)
        # What was compared before is shown again where it is the start or the best, beside something new.
        old = _among(points, pairs.reshape(-1, self.dimensions), identify)
        again = old.copy()
        again[[_EVERYWHERE, _EVERYWHERE + 1]] = False
        drawn = known.draws(points, 2 * count, generator)
        drawn[:, again] = -np.inf
        found = []
        for first, second in zip(drawn[::2], drawn[1::2], strict=True):
            one = int(np.argmax(first))
            # Two draws that agree would show the same setting twice.
            second = np.where(old, -np.inf, second) if old[one] else second
            second[one] = -np.inf
            other = int(np.argmax(second))
            drawn[:, [place for place in (one, other) if not old[place]]] = -np.inf
            found.append(points[[one, other]])
        return np.stack(found)

    def best(self, pairs: Numbers, shares: Numbers) -> Numbers:
        """(d,) the setting of the largest expected utility; the start before the first answer."""
        if not len(shares):
            return self.start
        known = self.learned(pairs, shares)
        generator = generator_of(self.seed, "best", len(shares))
        points = self._points(known, generator)
        best = points[int(np.argmax(known.mean(points)))]
        for scale in (0.1, 0.05, 0.02, 0.01):
            near = _inside(best + scale * generator.standard_normal((_NEARBY, self.dimensions)))
            near = np.vstack([best, near])
            best = near[int(np.argmax(known.mean(near)))]
        return best

    def _points(self, known: Preferences, generator: np.random.Generator) -> Numbers:
        """Settings everywhere, and near what is expected to be the best."""
        wide = generator.random((_EVERYWHERE, self.dimensions))
        seen = np.vstack([self.start, known.pairs.reshape(-1, self.dimensions)])
        best = seen[int(np.argmax(known.mean(seen)))]
        near = [
            best + scale * generator.standard_normal((_NEARBY // len(_SCALES), self.dimensions))
            for scale in _SCALES
        ]
        return np.vstack([wide, self.start, best, _inside(np.vstack(near))])


def _among(points: Numbers, others: Numbers, identify: Identify | None) -> NDArray[np.bool_]:
    """(P,) whether points are among others."""
    keys = identify or (lambda rows: [row.tobytes() for row in rows])
    known = set(keys(others))
    return np.array([key in known for key in keys(points)], dtype=bool)


def _of_most_evidence(pairs: Numbers, shares: Numbers) -> Kernel:
    tried: list[Preferences] = []
    for length in _LENGTHS:
        for amplitude in _AMPLITUDES:
            start = tried[-1].pull if tried else None
            tried.append(Preferences(pairs, shares, Kernel(length, amplitude), start))
    return max(tried, key=lambda one: one.evidence).kernel


def _inside(points: Numbers) -> Numbers:
    return np.clip(points, 0.0, 1.0)

"""One scale from comparisons of pairs, with intervals that hold where observers differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isptune.errors import ConfigurationError
from isptune_study.answers import Answers, Indices, Numbers
from isptune_study.laws import THURSTONE, Law
from isptune_study.newton import maximise

INTERVALS = ("sandwich", "bootstrap")
RESAMPLES = 200


@dataclass(frozen=True, eq=False)
class Scale:
    """Positions of images on a scale of quality; their sum is 0.

    Attributes:
        law: whose unit they have.
        positions: (N,).
        covariance: (N, N) of their errors, from how observers differ; NaN where fewer than 2 answered.
        observers: how many answered.
        level: of the intervals.
        parts: (N,) numbers of the parts of the graph of comparisons; the distance of two images in different
            parts follows from the prior alone.
    """

    law: Law
    positions: Numbers
    covariance: Numbers
    observers: int
    level: float
    parts: Indices

    @property
    def deviations(self) -> Numbers:
        """(N,) standard errors."""
        return np.sqrt(np.diagonal(self.covariance))

    @property
    def half_widths(self) -> Numbers:
        """(N,) half the widths of the intervals: standard errors times Student's t."""
        return self.factor * self.deviations

    @property
    def factor(self) -> float:
        """Student's t of the level, with one degree of freedom less than there are observers."""
        return student(self.observers, self.level)

    @property
    def jod(self) -> Numbers:
        """(N,) positions in just objectionable differences."""
        return self.positions * self.law.jod

    @property
    def is_connected(self) -> bool:
        return int(self.parts.max(initial=0)) == 0


def student(observers: int, level: float) -> float:
    """The quantile of Student's t for a two-sided interval; NaN for fewer than 2 observers."""
    from scipy.special import stdtrit

    return float(stdtrit(observers - 1, (1 + level) / 2)) if observers > 1 else float("nan")


def fit(
    answers: Answers,
    law: Law = THURSTONE,
    *,
    prior: float | None = None,
    intervals: str = "sandwich",
    level: float = 0.95,
    seed: int = 0,
) -> Scale:
    """The most probable positions of images, and how sure they are.

    Args:
        answers: of tests; others do not count. "Not sure" is half a win for either.
        law: of the preferences.
        prior: standard deviation of the normal prior of each position; the law's own if None.
        intervals: ``"sandwich"`` adds up how each observer pulls at the scale (P. J. Huber, 1967; K.-Y. Liang
            and S. L. Zeger, 1986), ``"bootstrap"`` draws observers again and fits 200 times. To either comes
            what the curvature of the likelihood leaves to chance, counted as that of one observer: pairs on
            which all agree show no difference between observers. Half a width is the deviation times
            Student's t of the number of observers. Percentiles of the bootstrap and the curvature alone give
            intervals that are too narrow where observers have tastes.
        level: of the intervals.
        seed: of the bootstrap.

    Raises:
        ConfigurationError: an unknown kind of interval, a level outside (0, 1), a prior that is not positive.

    Example:
        >>> found = fit(Answers.of([0, 1], [0, 0], [1, 1], [1.0, 1.0], images=2))
        >>> found.positions.round(2).tolist()
        [1.0, -1.0]
    """
    if intervals not in INTERVALS:
        raise ConfigurationError(f"intervals is '{intervals}'; allowed: {', '.join(INTERVALS)}")
    if not 0 < level < 1:
        raise ConfigurationError(f"level is {level}; allowed: between 0 and 1")
    prior = law.prior if prior is None else prior
    if not prior > 0 or not np.isfinite(prior):
        raise ConfigurationError(f"the prior is {prior}; allowed: above 0")
    tests = answers.tests()
    table = PairTable.of(tests)
    pooled = Likelihood(table, law, prior)
    positions = pooled.maximum()
    observers = table.wins.shape[1]
    if observers < 2:
        covariance = np.full((table.count, table.count), np.nan)
    elif intervals == "sandwich":
        covariance = _sandwich(tests, law, positions, pooled)
    else:
        covariance = _bootstrap(table, law, prior, positions, seed)
    if observers > 1:
        covariance = covariance + pooled.posterior(positions) / observers
    return Scale(law, positions, covariance, observers, level, parts_of(tests))


@dataclass(frozen=True, eq=False)
class PairTable:
    """How often each pair was compared and won, by observer.

    Attributes:
        count: of the images.
        first, second: (U,) each pair once.
        wins: (U, M) shares of the first one, one column for each observer who answered.
        total: (U, M) comparisons.
    """

    count: int
    first: Indices
    second: Indices
    wins: Numbers
    total: Numbers

    @classmethod
    def of(cls, answers: Answers) -> PairTable:
        count = len(answers.images)
        turned = answers.left > answers.right
        low, high = np.minimum(answers.left, answers.right), np.maximum(answers.left, answers.right)
        share = np.where(turned, 1 - answers.share, answers.share)
        keys, place = np.unique(low * count + high, return_inverse=True)
        present, who = np.unique(answers.observer, return_inverse=True)
        shape = (len(keys), len(present))
        cell = place * len(present) + who
        total = np.bincount(cell, minlength=shape[0] * shape[1]).astype(np.float64)
        wins = np.bincount(cell, share, shape[0] * shape[1]).astype(np.float64)
        return cls(count, keys // count, keys % count, wins.reshape(shape), total.reshape(shape))


class Likelihood:
    """The logarithm of the probability of answers, with the prior, as a function of positions.

    Args:
        table: of the answers.
        law: of the preferences.
        prior: standard deviation of a position.
        weights: (M,) how often each observer counts.
    """

    def __init__(self, table: PairTable, law: Law, prior: float, weights: Numbers | None = None) -> None:
        self.law, self.count = law, table.count
        self.first, self.second = table.first, table.second
        self.wins = table.wins.sum(axis=1) if weights is None else table.wins @ weights
        total = table.total.sum(axis=1) if weights is None else table.total @ weights
        self.losses = total - self.wins
        self.precision = 1 / prior**2

    def maximum(self, start: Numbers | None = None, settled: float = 1e-8) -> Numbers:
        return maximise(self.height, self.step_at, np.zeros(self.count) if start is None else start, settled)

    def height(self, positions: Numbers) -> float:
        apart = positions[self.first] - positions[self.second]
        told = self.wins @ self.law.log(apart) + self.losses @ self.law.log(-apart)
        return float(told - positions @ positions * self.precision / 2)

    def step_at(self, positions: Numbers) -> Numbers:
        from scipy.linalg import cho_factor, cho_solve

        apart = positions[self.first] - positions[self.second]
        up, down = self.law.slope(apart), self.law.slope(-apart)
        pull = self.wins * up - self.losses * down
        slope = -positions * self.precision
        slope += np.bincount(self.first, pull, self.count) - np.bincount(self.second, pull, self.count)
        factor = cho_factor(
            self._curvature(apart, up, down), lower=True, overwrite_a=True, check_finite=False
        )
        step: Numbers = cho_solve(factor, slope, check_finite=False)
        return step

    def curvature(self, positions: Numbers) -> Numbers:
        """(N, N) minus the second derivatives."""
        apart = positions[self.first] - positions[self.second]
        return self._curvature(apart, self.law.slope(apart), self.law.slope(-apart))

    def posterior(self, positions: Numbers) -> Numbers:
        """(N, N) the covariance of the distances from the mean, if all observers were alike."""
        found = np.linalg.inv(self.curvature(positions))
        rows = found.mean(axis=0)
        return found - rows[:, None] - rows[None, :] + rows.mean()

    def _curvature(self, apart: Numbers, up: Numbers, down: Numbers) -> Numbers:
        bend = self.wins * self.law.bend(apart, up) + self.losses * self.law.bend(-apart, down)
        found = np.zeros((self.count, self.count))
        found[self.first, self.second] = found[self.second, self.first] = -bend
        own = np.bincount(self.first, bend, self.count) + np.bincount(self.second, bend, self.count)
        found[np.arange(self.count), np.arange(self.count)] = own + self.precision
        return found


def _sandwich(answers: Answers, law: Law, positions: Numbers, pooled: Likelihood) -> Numbers:
    """Clustered by observer: what each one's answers pull, between two inverses of the curvature."""
    count = len(positions)
    present, who = np.unique(answers.observer, return_inverse=True)
    observers = len(present)
    apart = positions[answers.left] - positions[answers.right]
    pull = answers.share * law.slope(apart) - (1 - answers.share) * law.slope(-apart)
    pulls = np.bincount(who * count + answers.left, pull, observers * count)
    pulls -= np.bincount(who * count + answers.right, pull, observers * count)
    by_observer = pulls.reshape(observers, count)
    by_observer = by_observer - by_observer.mean(axis=0)
    moved = np.linalg.solve(pooled.curvature(positions), by_observer.T)
    found: NDArray[np.float64] = moved @ moved.T * observers / (observers - 1)
    return found


def _bootstrap(table: PairTable, law: Law, prior: float, positions: Numbers, seed: int) -> Numbers:
    observers = table.wins.shape[1]
    generator = np.random.default_rng(seed)
    drawn = np.empty((RESAMPLES, table.count))
    for number in range(RESAMPLES):
        weights = generator.multinomial(observers, np.full(observers, 1 / observers)).astype(np.float64)
        drawn[number] = Likelihood(table, law, prior, weights).maximum(positions, 1e-3)
    apart = drawn - drawn.mean(axis=0)
    # Resampling M observers gives the deviation with M in the denominator.
    found: NDArray[np.float64] = apart.T @ apart / (RESAMPLES - 1) * observers / (observers - 1)
    return found


def parts_of(answers: Answers) -> Indices:
    """(N,) which part of the graph of comparisons each image is in; all 0 where it is connected."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(answers.images)
    graph = coo_array((np.ones(len(answers)), (answers.left, answers.right)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)

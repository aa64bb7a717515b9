"""Percentile bootstrap: intervals of statistics, and of the difference of two objectives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isptune.errors import ConfigurationError
from isptune.iqa.evaluation.correlations import Numbers, fit_logistic, krcc, plcc, rmse, srcc

Statistics = Callable[[Numbers, Numbers], Mapping[str, float]]

NAMES = ("srcc", "plcc", "plcc_logistic", "krcc", "rmse_logistic")
"""The statistics that are reported; "_logistic" says that the scores went through the logistic first."""


@dataclass(frozen=True)
class Estimate:
    """A statistic with its interval; NaN for what could not be had."""

    value: float
    low: float = float("nan")
    high: float = float("nan")


@dataclass(frozen=True)
class Difference:
    """The statistic of ``first`` minus that of ``second`` on the same images, with its interval.

    ``decided`` says that 0 lies outside the interval.
    """

    first: str
    second: str
    statistic: str
    estimate: Estimate
    images: int

    @property
    def decided(self) -> bool:
        return self.estimate.low > 0 or self.estimate.high < 0


def measure(
    scores: Numbers,
    mos: Numbers,
    start: tuple[float, float, float, float] | None = None,
    tolerance: float = 1e-8,
) -> dict[str, float]:
    """All statistics by name; scores rise with the MOS where the two agree."""
    fit = fit_logistic(scores, mos, start, tolerance)
    mapped = fit(scores)
    return {
        "srcc": srcc(scores, mos),
        "plcc": plcc(scores, mos),
        "plcc_logistic": plcc(mapped, mos) if fit.converged else float("nan"),
        "krcc": krcc(scores, mos),
        "rmse_logistic": rmse(mapped, mos) if fit.converged else float("nan"),
    }


def check_settings(bootstrap: int, seed: int, batch_size: int = 1) -> None:
    """Refuse with a ConfigurationError what is out of range."""
    for what, value, least in (("bootstrap", bootstrap, 0), ("seed", seed, 0), ("batch size", batch_size, 1)):
        if value < least:
            raise ConfigurationError(f"the {what} is {value}; allowed: at least {least}")


def resamples(
    count: int, seed: int, images: int, groups: Sequence[str] | None = None
) -> Iterator[NDArray[np.int64]]:
    """Indices of ``count`` resamples with replacement.

    With groups whole groups are drawn, as many as there are: pictures of one content are not independent, and
    intervals that take them for it come out too narrow. ``scipy.stats.bootstrap``, which draws the same
    numbers, knows no groups, and gives no interval where one resample has no value.

    Raises:
        ConfigurationError: a negative count or seed, or groups of another length.
    """
    check_settings(count, seed)
    generator = np.random.default_rng(seed)
    if groups is None:
        for _ in range(count):
            yield generator.integers(images, size=images)
        return
    if len(groups) != images:
        raise ConfigurationError(f"there are {len(groups)} groups for {images} images")
    members: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    blocks = [np.array(block) for block in members.values()]
    for _ in range(count):
        yield np.concatenate([blocks[draw] for draw in generator.integers(len(blocks), size=len(blocks))])


def bootstrap(
    scores: ArrayLike,
    mos: ArrayLike,
    *,
    count: int = 1000,
    seed: int = 0,
    groups: Sequence[str] | None = None,
    level: float = 0.95,
    statistics: Statistics | None = None,
) -> dict[str, Estimate]:
    """Statistics with percentile intervals.

    Args:
        scores, mos: (N,) finite; scores rise with the MOS where the two agree.
        count: how many resamples; 0 gives no intervals.
        seed: of the resampling.
        groups: for each image its content; whole contents are resampled then.
        level: of the intervals.
        statistics: from scores and MOS to numbers by name; by default SRCC, PLCC, PLCC and RMSE after the
            logistic, and KRCC. The logistic is fitted again in each resample.

    Returns:
        By name. Resamples in which a statistic does not exist (all scores equal, no fit) do not count for its
        interval; where that is more than a tenth of them, the interval is NaN.

    Raises:
        ConfigurationError: as in ``srcc`` and ``resamples``; a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise ConfigurationError(f"level is {level}; allowed: between 0 and 1")
    x, y = np.asarray(scores, dtype=np.float64), np.asarray(mos, dtype=np.float64)
    again = statistics
    if statistics is None or again is None:
        statistics = measure
        # From the fit to all points the fit to a resample is a few steps away, and three digits of the
        # ends of an interval are enough.
        fit = fit_logistic(x, y)
        again = partial(measure, start=fit.parameters if fit.converged else None, tolerance=1e-5)
    whole = statistics(x, y)
    drawn: dict[str, list[float]] = {name: [] for name in whole}
    for chosen in resamples(count, seed, len(x), groups):
        for name, value in again(x[chosen], y[chosen]).items():
            drawn[name].append(value)
    return {name: Estimate(value, *_interval(drawn[name], level)) for name, value in whole.items()}


def paired_difference(
    first: ArrayLike,
    second: ArrayLike,
    mos: ArrayLike,
    *,
    names: tuple[str, str] = ("first", "second"),
    statistic: Callable[[Numbers, Numbers], float] = srcc,
    count: int = 1000,
    seed: int = 0,
    groups: Sequence[str] | None = None,
    level: float = 0.95,
) -> Difference:
    """How much more one set of scores agrees with the MOS than another, by a paired bootstrap.

    Both are judged on the same images in every resample, so what images have in common cancels out and the
    interval is narrower than the two intervals apart suggest.

    Args:
        first, second, mos: (N,) finite, in one order of images.
        names: of the two.
        statistic: from scores and MOS to a number.
        count, seed, groups, level: as in ``bootstrap``.

    Raises:
        ConfigurationError: as in ``bootstrap``.
    """
    a, b, y = (np.asarray(values, dtype=np.float64) for values in (first, second, mos))
    whole = statistic(a, y) - statistic(b, y)
    drawn = [
        statistic(a[chosen], y[chosen]) - statistic(b[chosen], y[chosen])
        for chosen in resamples(count, seed, len(y), groups)
    ]
    name = getattr(statistic, "__name__", "statistic")
    return Difference(*names, name, Estimate(whole, *_interval(drawn, level)), len(y))


def _interval(drawn: Sequence[float], level: float) -> tuple[float, float]:
    values = np.asarray(drawn, dtype=np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size or finite.size < 0.9 * values.size:
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)

"""The mean opinion score of a study of pairs: how often an image won."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isptune_study.answers import Answers, Numbers
from isptune_study.scaling import Scale, student


@dataclass(frozen=True, eq=False)
class WinCounts:
    """Wins of images.

    Attributes:
        opponents: what an image could win at most: how many others it met with each observer.
        by_observer: (M, N) wins, "not sure" one half; NaN where an observer did not see an image. Where
            it met others less often, its share of wins times ``opponents``.
        mos: (N,) the mean over observers, 0 to ``opponents``; NaN for an image that nobody saw.
        deviations: (N,) standard deviations of the observers' counts.
        half_widths: (N,) half the widths of the intervals of the MOS; NaN for fewer than 2 observers.
        level: of the intervals.
    """

    opponents: int
    by_observer: Numbers
    mos: Numbers
    deviations: Numbers
    half_widths: Numbers
    level: float


def wins_by_observer(answers: Answers) -> tuple[Numbers, Numbers]:
    """(M, N) wins and meetings of each image with each observer of the answers."""
    tests = answers.tests()
    shape = (len(answers.observers), len(answers.images))
    size = shape[0] * shape[1]
    left = tests.observer * shape[1] + tests.left
    right = tests.observer * shape[1] + tests.right
    wins = np.bincount(left, tests.share, size) + np.bincount(right, 1 - tests.share, size)
    met = np.bincount(left, minlength=size) + np.bincount(right, minlength=size)
    return wins.astype(np.float64).reshape(shape), met.astype(np.float64).reshape(shape)


def count_wins(answers: Answers, scale: Scale, level: float = 0.95) -> WinCounts:
    """Win counts with intervals.

    An interval allows for two things: that other observers would have answered, and, where all observers
    compared the same pairs, that an image would have met others. The latter follows from the preferences
    that a scale predicts; where each observer has pairs of its own, the observers' counts show both.
    An image that won always or never shows no difference between observers, though others would have made
    one: the variance counts, as that of one more observer, the one which the predicted preferences leave.

    Args:
        answers: of a design whose pairs do not follow from earlier answers; tests alone count.
        scale: fitted to them.
        level: of the intervals.
    """
    wins, met = wins_by_observer(answers)
    present = met.sum(axis=1) > 0
    wins, met = wins[present], met[present]
    opponents = int(met.max(initial=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        counts = opponents * wins / met
    seen = (~np.isnan(counts)).sum(axis=0)
    mos = np.divide(np.nansum(counts, axis=0), seen, out=np.full(len(seen), np.nan), where=seen > 0)
    squares = np.nansum((counts - mos) ** 2, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.where(seen > 1, squares / (seen - 1), np.nan)
        predicted, between = _predicted(answers, scale, opponents)
        error = np.where(seen > 1, (squares + predicted) / seen, np.nan) / seen
    error = error + (between if all_the_same(answers) else 0.0)
    factors = np.array([student(int(count), level) for count in seen])
    return WinCounts(opponents, counts, mos, np.sqrt(variance), factors * np.sqrt(error), level)


def _predicted(answers: Answers, scale: Scale, opponents: int) -> tuple[Numbers, Numbers]:
    """(N,) twice: the variance of a count for given pairs, and that of drawing the pairs."""
    count = len(answers.images)
    apart = scale.positions[:, None] - scale.positions[None, :]
    share = scale.law.probability(apart)
    others = ~np.eye(count, dtype=bool)
    each = max(count - 1, 1)
    mean = np.where(others, share, 0).sum(axis=1) / each
    within = opponents * np.where(others, share * (1 - share), 0).sum(axis=1) / each
    spread = np.where(others, (share - mean[:, None]) ** 2, 0).sum(axis=1) / max(count - 2, 1)
    # Of a finite number of others, drawn without putting them back.
    between = opponents * spread * (1 - opponents / each)
    return within, between


def all_the_same(answers: Answers) -> bool:
    """Whether each observer with answers compared the same pairs."""
    tests = answers.tests()
    count = len(answers.images)
    low, high = np.minimum(tests.left, tests.right), np.maximum(tests.left, tests.right)
    pairs = low * count + high
    distinct = len(np.unique(pairs))
    each = [len(np.unique(pairs[tests.observer == who])) for who in np.unique(tests.observer)]
    # An observer who stopped early still compared the others' pairs.
    return len(each) > 1 and distinct == max(each)

"""How far observers agree: Kendall's W, Krippendorff's alpha, split halves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isptune_study.answers import Answers, Numbers
from isptune_study.scaling import fit
from isptune_study.win_counts import wins_by_observer

SPLITS = 100
_SPLITS_OF_SCALES = 20


@dataclass(frozen=True)
class Agreement:
    """Three numbers, each 1 where all agree; NaN where one cannot be had.

    Attributes:
        kendall_w: of the ranks of the win counts of observers who saw all images, 0 to 1.
        alpha: Krippendorff's, of the win counts as numbers of an interval scale; 0 is chance.
        split_half: the mean SRCC between the opinions of two random halves of the observers.
    """

    kendall_w: float
    alpha: float
    split_half: float


def agreement(answers: Answers, *, win_counts: bool = True, seed: int = 0, splits: int = SPLITS) -> Agreement:
    """Agreement of the observers of a study.

    Args:
        answers: tests alone count.
        win_counts: whether these mean something; without them there are only split halves, of scales.
        seed: of the halves.
        splits: how many there are; at most 20 of scales.
    """
    wins, met = wins_by_observer(answers)
    present = met.sum(axis=1) > 0
    wins, met = wins[present], met[present]
    with np.errstate(invalid="ignore"):
        shares = np.where(met > 0, wins / met, np.nan)
    nothing = float("nan")
    if not win_counts:
        return Agreement(nothing, nothing, _halves_of_scales(answers, seed, min(splits, _SPLITS_OF_SCALES)))
    return Agreement(kendall_w(shares), krippendorff_alpha(shares), _halves(wins, met, seed, splits))


def kendall_w(ratings: Numbers) -> float:
    """Kendall's coefficient of concordance, with its correction for ties.

    M. G. Kendall and B. Babington Smith, "The problem of m rankings", 1939.

    Args:
        ratings: (M, N) of M raters; those with a NaN do not count.

    Returns:
        0 to 1; NaN for fewer than 2 raters or objects, or where all rate all alike.

    Example:
        >>> kendall_w(np.array([[1.0, 2.0, 3.0], [2.0, 5.0, 6.0]]))
        1.0
    """
    from scipy.stats import rankdata

    complete = ratings[~np.isnan(ratings).any(axis=1)]
    raters, objects = complete.shape
    if raters < 2 or objects < 2:
        return float("nan")
    ranks = rankdata(complete, axis=1)
    spread = ((ranks.sum(axis=0) - raters * (objects + 1) / 2) ** 2).sum()
    ties = sum(float((sizes**3 - sizes).sum()) for sizes in map(_tie_sizes, complete))
    most = raters**2 * (objects**3 - objects) - raters * ties
    return round(float(12 * spread / most), 15) if most > 0 else float("nan")


def _tie_sizes(row: Numbers) -> Numbers:
    return np.unique(row, return_counts=True)[1].astype(np.float64)


def krippendorff_alpha(ratings: Numbers) -> float:
    """Krippendorff's alpha for data of an interval scale, some of which may be missing.

    K. Krippendorff, "Content analysis", chapter on reliability: one less the ratio of the disagreement seen
    within the objects to that expected between any two ratings.

    Args:
        ratings: (M, N) of M raters; NaN where one is missing.

    Returns:
        At most 1; NaN where no object was rated twice, or all ratings are equal.

    Example:
        >>> krippendorff_alpha(np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]))
        1.0
    """
    known = ~np.isnan(ratings)
    paired = ratings[:, known.sum(axis=0) >= 2]
    known = ~np.isnan(paired)
    each = known.sum(axis=0)
    total = int(each.sum())
    if not total:
        return float("nan")
    values = np.where(known, paired, 0.0)
    # The squared differences of all ordered pairs of n values are 2 (n sum of squares - square of the sum).
    within = 2 * (each * (values**2).sum(axis=0) - values.sum(axis=0) ** 2) / (each - 1)
    between = 2 * (total * (values**2).sum() - values.sum() ** 2) / (total - 1)
    return round(float(1 - within.sum() / between), 15) if between > 0 else float("nan")


def _halves(wins: Numbers, met: Numbers, seed: int, splits: int) -> float:
    observers = len(wins)
    if observers < 2:
        return float("nan")
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(splits):
        order = generator.permutation(observers)
        one, other = order[: observers // 2], order[observers // 2 :]
        with np.errstate(invalid="ignore"):
            found.append(_srcc(*(wins[half].sum(axis=0) / met[half].sum(axis=0) for half in (one, other))))
    return float(np.mean(found))


def _halves_of_scales(answers: Answers, seed: int, splits: int) -> float:
    present = np.unique(answers.tests().observer)
    if len(present) < 2:
        return float("nan")
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(splits):
        order = generator.permutation(present)
        halves = order[: len(order) // 2], order[len(order) // 2 :]
        found.append(
            _srcc(*(fit(answers.where(np.isin(answers.observer, half))).positions for half in halves))
        )
    return float(np.mean(found))


def _srcc(first: Numbers, second: Numbers) -> float:
    from isptune.iqa.evaluation.correlations import srcc

    known = np.isfinite(first) & np.isfinite(second)
    return srcc(first[known], second[known]) if known.sum() > 1 else float("nan")

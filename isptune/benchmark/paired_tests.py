"""Objectives against one another on the same cells: signed ranks, Holm's correction, median differences."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from isptune.benchmark.cell_results import Benchmark, Run
from isptune.benchmark.summaries import Levels, group_runs, levels_of, median_estimate, value_of
from isptune.errors import ConfigurationError
from isptune.iqa.evaluation.correlations import Numbers
from isptune.iqa.evaluation.evaluating import check_settings
from isptune.iqa.evaluation.resampling import Estimate

PAIRED_BY = ("optimizer", "scene", "variant", "seed")
"""Two runs of different objectives are a pair where they share the levels of these factors."""

LOSSES = ("l1_normalised", "l1")

ALPHA = 0.05
"""The level of the tests where nothing else is asked for."""


@dataclass(frozen=True)
class Comparison:
    """Two objectives by the hidden losses that their runs reached on the same cells.

    Attributes:
        first, second: the objectives.
        pairs: how many cells both have a loss of.
        left_out: how many cells of either they have not, because one of the two runs is not in the grid,
            failed, is unfinished, or had no finite score.
        difference: the median of the losses of ``first`` minus those of ``second``, with its interval;
            negative where ``first`` is better.
        wins, losses, ties: in how many pairs ``first`` has the lower, the higher, the same loss.
        p: of the two-sided Wilcoxon signed-rank test; NaN with fewer than 2 pairs.
        p_holm: the same after Holm's correction over all pairs of objectives.
        winner: the objective that the signed ranks favour where ``p_holm`` is below ``alpha``, else None.
    """

    first: str
    second: str
    pairs: int
    left_out: int
    difference: Estimate
    wins: int
    losses: int
    ties: int
    p: float
    p_holm: float
    winner: str | None


def signed_rank_p(differences: ArrayLike) -> float:
    """The two-sided p-value of the Wilcoxon signed-rank test (Wilcoxon 1945), from scipy.

    Differences of 0 are dropped, as in Wilcoxon's paper. Small samples without ties are tested exactly.
    With few pairs no difference is large enough: the least p of n pairs is 2 ** (1 - n).

    Args:
        differences: (N,) finite, of paired values.

    Returns:
        1 where all differences are 0; NaN with fewer than 2 of them.
    """
    from scipy.stats import wilcoxon

    values = np.asarray(differences, dtype=np.float64)
    if len(values) < 2:
        return float("nan")
    if not values.any():
        return 1.0
    with warnings.catch_warnings():
        # Older versions of scipy warn of few pairs or ties where they approximate.
        warnings.simplefilter("ignore")
        return float(wilcoxon(values, alternative="two-sided").pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for the number of tests by Holm's step-down method (Holm 1979).

    The k-th smallest of m is multiplied by m - k + 1, is no smaller than the one before and at most 1;
    rejecting those below alpha keeps the chance of any false rejection at or below alpha.

    Args:
        p_values: in [0, 1]; NaN stands for a test that was not made, which is not counted and stays NaN.
    """
    made = [index for index, p in enumerate(p_values) if not math.isnan(p)]
    corrected = [float("nan")] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(made, key=lambda index: p_values[index])):
        highest = max(highest, min(1.0, (len(made) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected


def least_p(pairs: Sequence[int]) -> float:
    """The least p-value that any of several tests can have after Holm's correction.

    Args:
        pairs: of each test; those with fewer than 2 are not made.

    Returns:
        NaN where no test is made. At or above alpha, no difference can be called one: more runs are needed.

    Example:
        >>> least_p([10] * 3), round(least_p([10] * 105), 3)
        (0.005859375, 0.205)
    """
    made = [2.0 ** (1 - count) for count in pairs if count >= 2]
    return min(1.0, len(made) * min(made)) if made else float("nan")


def compare_objectives(
    benchmark: Benchmark,
    loss: str = "l1_normalised",
    *,
    alpha: float = ALPHA,
    bootstrap: int = 1000,
    seed: int = 0,
) -> list[Comparison]:
    """Every objective against every other, by the loss of the runs that share all other factors.

    The test takes pairs for independent; those on one scene are alike, so its p-values are somewhat too small
    where scenes are few. The interval of the median difference resamples scenes (``median_estimate``).

    Args:
        benchmark: its runs.
        loss: ``"l1_normalised"`` or ``"l1"``; scores of different objectives cannot be compared.
        alpha: the level of the tests.
        bootstrap, seed: resamples of the intervals, and their seed.

    Returns:
        In the order of the grid: the first objective against the second, the third, and so on.

    Raises:
        ConfigurationError: another loss, alpha outside (0, 1), options out of range.
    """
    if loss not in LOSSES:
        raise ConfigurationError(f"objectives cannot be compared by '{loss}'; allowed: {', '.join(LOSSES)}")
    if not 0 < alpha < 1:
        raise ConfigurationError(f"alpha is {alpha}; allowed: between 0 and 1")
    check_settings(bootstrap, seed)
    by_objective = {str(group[0]): runs for group, runs in group_runs(benchmark.runs, ["objective"]).items()}
    found = [
        _compare(first, second, by_objective[first], by_objective[second], loss, bootstrap, seed)
        for first, second in combinations(by_objective, 2)
    ]
    corrected = holm([one.p for one in found])
    return [
        replace(one, p_holm=p, winner=one.winner if p < alpha else None)
        for one, p in zip(found, corrected, strict=True)
    ]


def _compare(
    first: str,
    second: str,
    first_runs: Sequence[Run],
    second_runs: Sequence[Run],
    loss: str,
    bootstrap: int,
    seed: int,
) -> Comparison:
    """Before the correction: ``winner`` is whom the ranks favour."""
    ours, theirs = _losses(first_runs, loss), _losses(second_runs, loss)
    scenes: list[str] = []
    drawn: list[float] = []
    for key, value in ours.items():
        other = theirs.get(key)
        if value is not None and other is not None:
            scenes.append(str(key[PAIRED_BY.index("scene")]))
            drawn.append(value - other)
    differences = np.array(drawn, dtype=np.float64)
    p = signed_rank_p(differences)
    return Comparison(
        first=first,
        second=second,
        pairs=len(drawn),
        left_out=len(ours.keys() | theirs.keys()) - len(drawn),
        difference=median_estimate(differences, scenes, count=bootstrap, seed=seed),
        wins=int((differences < 0).sum()),
        losses=int((differences > 0).sum()),
        ties=int((differences == 0).sum()),
        p=p,
        p_holm=p,
        winner=first if _signed_ranks(differences) < 0 else second,
    )


def _losses(runs: Sequence[Run], loss: str) -> dict[Levels, float | None]:
    return {levels_of(run.cell, PAIRED_BY): value_of(run, loss) for run in runs}


def _signed_ranks(differences: Numbers) -> float:
    """The sum of the ranks of the sizes, each with the sign of its difference."""
    from scipy.stats import rankdata

    there = differences[differences != 0]
    return float((np.sign(there) * rankdata(np.abs(there))).sum()) if there.size else 0.0

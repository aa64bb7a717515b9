"""What the figures of a benchmark show, as numbers: no drawing here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from isptune.benchmark.cell_results import Benchmark, Run
from isptune.benchmark.paired_tests import ALPHA, compare_objectives
from isptune.benchmark.rank_agreement import rank_agreement
from isptune.benchmark.summaries import (
    Quantity,
    Summary,
    group_runs,
    knows_truth,
    measured,
    summarise,
    value_of,
)
from isptune.benchmark.targets import TARGETS, Profiles, StepCurve, performance_profiles, target_ecdf
from isptune.errors import ConfigurationError
from isptune.figures.convergence import ConvergenceCurves, Numbers, convergence
from isptune.wording.naming import listed

LOSS = "l1_normalised"

# The fewest pairs of runs that a signed-rank test takes.
_FEWEST_PAIRS = 2

T = TypeVar("T")
ByOptimizer = dict[str, dict[str, T]]
"""By optimizer, and then by objective, both in the order of the grid."""


class NothingToDrawError(ConfigurationError):
    """A benchmark lacks what a figure needs."""


@dataclass(frozen=True)
class Spread:
    """A quantity of an objective's runs.

    Attributes:
        objective: its label.
        values: (R,) of the runs that have one, in the order of the grid.
        summary: median with its bootstrap interval, quartiles, extremes.
    """

    objective: str
    values: Numbers
    summary: Summary


@dataclass(frozen=True)
class LossAndAgreement:
    """The final hidden losses of an objective's runs, and how its scores agree with the truth."""

    loss: Spread
    agreement: Spread


@dataclass(frozen=True)
class Differences:
    """Objectives against one another on the same cells, from the lowest median loss to the highest.

    Attributes:
        objectives: (K,) labels.
        medians: (K, K) of the losses of a row's objective minus those of a column's; negative where the row
            is better. NaN on the diagonal and where two have no cell in common.
        significant: (K, K) whether the signed-rank test, after Holm's correction, calls them different.
        pairs: (K, K) how many cells two have in common.
    """

    objectives: tuple[str, ...]
    medians: Numbers
    significant: NDArray[np.bool_]
    pairs: NDArray[np.int64]


def objectives_of(benchmark: Benchmark) -> list[str]:
    """Labels in the order of the grid."""
    return [str(group[0]) for group in group_runs(benchmark.runs, ["objective"])]


def loss_curves(benchmark: Benchmark) -> ByOptimizer[ConvergenceCurves]:
    """The hidden loss of the best-scored candidate so far against evaluations: median and quartiles of runs.

    Objectives without finished runs or without finite scores are left out.

    Raises:
        NothingToDrawError: no finished run knows its hidden distortion or has a finite score.
    """
    _need_truth(benchmark)
    found: ByOptimizer[ConvergenceCurves] = {}
    for (optimizer, objective), runs in group_runs(benchmark.done(), ["optimizer", "objective"]).items():
        histories = [run.history for run in runs if run.history is not None]
        curves = convergence(histories)
        if curves.l1_normalised is not None and np.isfinite(curves.l1_normalised.median).any():
            found.setdefault(str(optimizer), {})[str(objective)] = curves
    if not found:
        raise _no_score()
    return found


def final_losses(benchmark: Benchmark) -> list[Spread]:
    """Normalised l1 that the runs of each objective ended with, from the lowest median to the highest.

    Raises:
        NothingToDrawError: no finished run knows its hidden distortion or has a finite score.
    """
    _need_truth(benchmark)
    found = _spreads(benchmark, LOSS)
    if not found:
        raise _no_score()
    return sorted(found, key=lambda one: one.summary.median.value)


def final_losses_by_optimizer(benchmark: Benchmark) -> dict[str, list[Spread]]:
    """The same for each optimizer, in the order of the grid; those without a value are left out.

    Raises:
        NothingToDrawError: as for ``final_losses``.
    """
    _need_truth(benchmark)
    found = {}
    for (optimizer, *_), runs in group_runs(benchmark.runs, ["optimizer"]).items():
        spreads = _spreads(replace(benchmark, runs=list(runs)), LOSS)
        if spreads:
            found[str(optimizer)] = sorted(spreads, key=lambda one: one.summary.median.value)
    if not found:
        raise _no_score()
    return found


def targets_reached(benchmark: Benchmark) -> ByOptimizer[StepCurve]:
    """The share of pairs of a run and a target that are reached within a number of evaluations.

    Raises:
        NothingToDrawError: no finished run knows its hidden distortion, or none reached any target.
    """
    _need_truth(benchmark)
    targets = targets_of(benchmark)
    curves = target_ecdf(benchmark, targets, ["optimizer", "objective"])
    if not any(curve.share.any() for curve in curves.values()):
        raise _none_reached(targets)
    found: ByOptimizer[StepCurve] = {}
    for (optimizer, objective), curve in curves.items():
        if len(curve.x):
            found.setdefault(str(optimizer), {})[str(objective)] = curve
    return found


def profiles(benchmark: Benchmark) -> Profiles:
    """Performance profiles of the evaluations to targets.

    Raises:
        NothingToDrawError: no finished run knows its hidden distortion, there is one objective, no cell was
            finished with all of them, or none reached any target there.
    """
    _need_truth(benchmark)
    _need_objectives(benchmark)
    targets = targets_of(benchmark)
    found = performance_profiles(benchmark, targets)
    if not found.problems:
        raise NothingToDrawError("no cell of the grid was finished with every objective")
    if not any(curve.share.any() for curve in found.curves.values()):
        raise _none_reached(targets)
    return found


def losses_and_agreements(benchmark: Benchmark) -> list[LossAndAgreement]:
    """Final losses and rank agreement of score and truth per objective, from the lowest median loss on.

    Raises:
        NothingToDrawError: no finished run knows its hidden distortion, has a finite score, or has both
            scores and losses that differ among its candidates.
    """
    losses = final_losses(benchmark)
    agreements = {one.objective: one for one in _spreads(benchmark, measured(rank_agreement, "overall"))}
    found = [
        LossAndAgreement(loss, agreements[loss.objective]) for loss in losses if loss.objective in agreements
    ]
    if not found:
        raise NothingToDrawError(
            "in no run do both the scores and the hidden distortion of candidates differ"
        )
    return found


def differences(benchmark: Benchmark) -> Differences:
    """Pairwise median differences of the final losses with Wilcoxon signed-rank tests, Holm-corrected.

    Raises:
        NothingToDrawError: no finished run knows its hidden distortion, there is one objective, or no two of
            them have enough cells in common for a test.
    """
    _need_truth(benchmark)
    _need_objectives(benchmark)
    names = tuple(one.objective for one in final_losses(benchmark))
    count = len(names)
    medians = np.full((count, count), np.nan)
    significant = np.zeros((count, count), dtype=bool)
    pairs = np.zeros((count, count), dtype=np.int64)
    place = {name: number for number, name in enumerate(names)}
    # The medians alone: their intervals are in the tables.
    for one in compare_objectives(benchmark, LOSS, alpha=ALPHA, bootstrap=0):
        if one.first in place and one.second in place:
            row, column = place[one.first], place[one.second]
            medians[row, column], medians[column, row] = one.difference.value, -one.difference.value
            significant[row, column] = significant[column, row] = one.winner is not None
            pairs[row, column] = pairs[column, row] = one.pairs
    if pairs.max() < _FEWEST_PAIRS:
        raise NothingToDrawError(f"no two objectives have {_FEWEST_PAIRS} finished cells in common")
    return Differences(names, medians, significant, pairs)


def targets_of(benchmark: Benchmark) -> tuple[float, ...]:
    """The benchmark's own targets, or the usual ones."""
    return tuple(float(target) for target in benchmark.config.get("targets") or TARGETS)


def counted(counts: Sequence[int], what: str) -> str:
    """How many there are of something, such as ``"5 runs"`` or, where counts differ, ``"3 to 5 runs"``."""
    low, high = min(counts), max(counts)
    return f"{low} {what}{'' if low == 1 else 's'}" if low == high else f"{low} to {high} {what}s"


def _spreads(benchmark: Benchmark, quantity: Quantity) -> list[Spread]:
    """Per objective that has any value, in the order of the grid."""
    groups: dict[str, list[Run]] = {
        str(group[0]): runs for group, runs in group_runs(benchmark.runs, ["objective"]).items()
    }
    found = []
    for summary in summarise(benchmark, quantity=quantity):
        name = str(summary.group[0])
        values = [value for run in groups[name] if (value := value_of(run, quantity)) is not None]
        if values:
            found.append(Spread(name, np.array(values, dtype=np.float64), summary))
    return found


def _need_truth(benchmark: Benchmark) -> None:
    if not any(True for _ in benchmark.done()):
        raise NothingToDrawError("no run came to its end yet")
    if not knows_truth(benchmark):
        raise NothingToDrawError("no finished run knows its hidden distortion")


def _need_objectives(benchmark: Benchmark) -> None:
    if len(objectives_of(benchmark)) < 2:
        raise NothingToDrawError("the benchmark has 1 objective, and at least 2 are needed")


def _no_score() -> NothingToDrawError:
    return NothingToDrawError("no finished run has a finite score")


def _none_reached(targets: Sequence[float]) -> NothingToDrawError:
    shown = listed(f"{target:g}" for target in targets)
    return NothingToDrawError(f"no run reached any of the targets {shown}")

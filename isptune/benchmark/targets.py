"""How soon runs reach hidden losses: evaluations to targets, their distribution, performance profiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isptune.benchmark.cell_results import DONE, Benchmark, Run
from isptune.benchmark.paired_tests import PAIRED_BY
from isptune.benchmark.summaries import Levels, group_runs, levels_of
from isptune.errors import ConfigurationError
from isptune.iqa.evaluation.correlations import Numbers
from isptune.runs.history import History

TARGETS = (0.2, 0.1, 0.05, 0.02)
"""Shares of the stages' ranges that are aimed at unless others are given."""


@dataclass(frozen=True)
class StepCurve:
    """A share that rises in steps.

    Attributes:
        x: (K,) where it steps, rising; evaluations, or performance ratios.
        share: (K,) its value from there to the next, in [0, 1]; it is 0 before the first.
    """

    x: Numbers
    share: Numbers

    def at(self, x: ArrayLike) -> Numbers:
        """The share at other places, of any shape."""
        index = np.searchsorted(self.x, np.asarray(x, dtype=np.float64), side="right")
        return np.concatenate([[0.0], self.share])[index]


@dataclass(frozen=True)
class TargetHits:
    """How the runs of a group fared with one target.

    Attributes:
        group: the levels of the factors that the runs share.
        target: an ``l1_normalised``.
        runs: how many came to their end.
        reached: how many of them reached the target.
        median_evaluations, median_seconds: until they did; a run that never did counts as infinite, and
            where the median is infinite it is NaN.
        expected_evaluations: the evaluations of all runs up to the target, or to their end, per run that
            reached it (the expected running time of Hansen et al. 2021); NaN where none did.
    """

    group: Levels
    target: float
    runs: int
    reached: int
    median_evaluations: float
    median_seconds: float
    expected_evaluations: float

    @property
    def share(self) -> float:
        """Of the runs, those that reached the target; NaN without runs."""
        return self.reached / self.runs if self.runs else float("nan")


@dataclass(frozen=True)
class Profiles:
    """Performance profiles.

    Attributes:
        curves: by objective, over performance ratios of at least 1.
        problems: how many were counted, each a cell's other factors and a target.
        left_out: how many were not, because some objective has no finished run there.
    """

    curves: dict[str, StepCurve]
    problems: int
    left_out: int


def check_targets(targets: Sequence[float]) -> tuple[float, ...]:
    """Targets in the order given.

    Raises:
        ConfigurationError: none, one that is not a positive finite number, one that stands twice.
    """
    if not targets:
        raise ConfigurationError("there are no targets; allowed: at least one l1_normalised")
    for number, target in enumerate(targets):
        if not (math.isfinite(target) and target > 0):
            raise ConfigurationError(f"a target is {target:g}; allowed: positive finite numbers")
        if target in targets[:number]:
            raise ConfigurationError(f"the target {target:g} stands twice; allowed: once")
    return tuple(float(target) for target in targets)


def hidden_so_far(history: History) -> Numbers | None:
    """(E,) ``l1_normalised`` of the best-scored candidate so far, which stopping there would have given.

    NaN before the first finite score; None where no truth is known.
    """
    if history.l1_normalised is None:
        return None
    index = history.best_so_far
    return np.where(index >= 0, history.l1_normalised[index], np.nan)


def evaluations_to_targets(run: Run, targets: Sequence[float]) -> Numbers:
    """(T,) ``first_arrivals`` of a run; NaN for one that is not finished."""
    return np.full(len(targets), np.nan) if run.history is None else first_arrivals(run.history, targets)


def first_arrivals(history: History, targets: Sequence[float]) -> Numbers:
    """(T,) evaluations until ``hidden_so_far`` is first at or below each target.

    It is the first time: a best-scored candidate may be worse again later (``gaming``). NaN where it never
    is, and where nobody knows the truth.
    """
    found = np.full(len(targets), np.nan)
    losses = hidden_so_far(history)
    if losses is None:
        return found
    for number, target in enumerate(targets):
        below = np.flatnonzero(losses <= target)
        if below.size:
            found[number] = history.evaluations[below[0]]
    return found


def seconds_per_evaluation(run: Run) -> float:
    """Wall time of the run per evaluation; NaN without evaluations."""
    return run.seconds / run.evaluations if run.evaluations else float("nan")


def target_hits(
    benchmark: Benchmark, targets: Sequence[float] = TARGETS, by: Sequence[str] = ("objective",)
) -> list[TargetHits]:
    """How soon the finished runs reach targets, per group and target.

    Args:
        benchmark: its runs.
        targets: values of ``l1_normalised``.
        by: factors to group by.

    Raises:
        ConfigurationError: targets as in ``check_targets``, unknown factors.
    """
    chosen = check_targets(targets)
    found = []
    for group, runs in group_runs(benchmark.runs, by).items():
        done = [run for run in runs if run.status == DONE]
        evaluations = _stacked(done, chosen)
        seconds = evaluations * np.array([[seconds_per_evaluation(run)] for run in done]).reshape(-1, 1)
        made = np.array([run.evaluations for run in done], dtype=np.float64)
        for target, hits, times in zip(chosen, evaluations.T, seconds.T, strict=True):
            reached = np.isfinite(hits)
            found.append(
                TargetHits(
                    group=group,
                    target=target,
                    runs=len(done),
                    reached=int(reached.sum()),
                    median_evaluations=_median(hits),
                    median_seconds=_median(times),
                    expected_evaluations=float(np.where(reached, hits, made).sum() / reached.sum())
                    if reached.any()
                    else float("nan"),
                )
            )
    return found


def target_ecdf(
    benchmark: Benchmark, targets: Sequence[float] = TARGETS, by: Sequence[str] = ("objective",)
) -> dict[Levels, StepCurve]:
    """The share of pairs of a finished run and a target that are reached within a number of evaluations.

    The empirical distribution of run lengths of COCO (Hansen, Auger, Ros, Mersmann, Tusar and Brockhoff,
    COCO: a platform for comparing continuous optimizers in a black-box setting, 2021), with the hidden loss
    of the best-scored candidate in the place of the function value.

    Returns:
        By group; a curve ends at the most evaluations that a run of its group made, and is empty for a group
        without finished runs.

    Raises:
        ConfigurationError: targets as in ``check_targets``, unknown factors.
    """
    chosen = check_targets(targets)
    return {
        group: reached([run.history for run in runs if run.history is not None], chosen)
        for group, runs in group_runs(benchmark.runs, by).items()
    }


def reached(histories: Sequence[History], targets: Sequence[float]) -> StepCurve:
    """The share of pairs of a run and a target that are reached, see ``target_ecdf``; empty of no runs."""
    hits = np.array([first_arrivals(history, targets) for history in histories]).ravel()
    end = [float(max(history.evaluations[-1] for history in histories))] if histories else []
    return _steps(hits[np.isfinite(hits)], hits.size, end)


def performance_profiles(benchmark: Benchmark, targets: Sequence[float] = TARGETS) -> Profiles:
    """Performance profiles of the evaluations to targets (Dolan and More, Mathematical Programming 2002).

    A problem is an optimizer, a scene, a variant, a seed and a target. An objective's performance ratio there
    is its evaluations to the target by the fewest of any objective; its profile at a ratio tau is the share
    of problems in which its own is at most tau. At 1 that is how often it is the soonest, and far to the
    right how often it arrives at all; a problem that no objective solves counts for none of them.

    Raises:
        ConfigurationError: targets as in ``check_targets``.
    """
    chosen = check_targets(targets)
    lengths: dict[Levels, dict[str, Numbers]] = {}
    for run in benchmark.runs:
        place = lengths.setdefault(levels_of(run.cell, PAIRED_BY), {})
        if run.status == DONE:
            place[run.cell.objective] = evaluations_to_targets(run, chosen)
    objectives = [str(group[0]) for group in group_runs(benchmark.runs, ["objective"])]
    complete = [place for place in lengths.values() if len(place) == len(objectives)]
    table = np.array([[place[name] for place in complete] for name in objectives], dtype=np.float64)
    table = np.where(np.isfinite(table), table, np.inf).reshape(len(objectives), -1)
    solved = np.isfinite(table).any(axis=0)
    ratios = table[:, solved] / table[:, solved].min(axis=0)
    problems = len(complete) * len(chosen)
    curves = {
        name: _steps(row[np.isfinite(row)], problems, [1.0] if problems else [])
        for name, row in zip(objectives, ratios, strict=True)
    }
    return Profiles(curves, problems, (len(lengths) - len(complete)) * len(chosen))


def _stacked(runs: Sequence[Run], targets: Sequence[float]) -> Numbers:
    """(runs, T) evaluations to targets, also of no runs."""
    return np.array([evaluations_to_targets(run, targets) for run in runs]).reshape(len(runs), len(targets))


def _median(values: Numbers) -> float:
    """With NaN for infinity, in and out."""
    if not values.size:
        return float("nan")
    middle = float(np.median(np.where(np.isnan(values), np.inf, values)))
    return middle if math.isfinite(middle) else float("nan")


def _steps(values: Numbers, total: int, further: Sequence[float]) -> StepCurve:
    """The share of ``total`` that is at or below each value, with steps of height 0 at further places."""
    x: NDArray[np.float64] = np.unique(np.concatenate([values, further]))
    return StepCurve(
        x, np.searchsorted(np.sort(values), x, side="right") / total if total else np.zeros(len(x))
    )

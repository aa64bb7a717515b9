"""Summaries of a benchmark's runs: quartiles, extremes, and bootstrap intervals of the median."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from isptune.benchmark.cell_results import DONE, Benchmark, Cell, Run
from isptune.errors import ConfigurationError
from isptune.iqa.evaluation.correlations import Numbers
from isptune.iqa.evaluation.evaluating import check_settings
from isptune.iqa.evaluation.resampling import Estimate
from isptune.runs.history import History
from isptune.wording.naming import did_you_mean, listed

FACTORS = ("objective", "optimizer", "scene", "variant", "seed")
"""What a cell of the grid is told by; ``variant`` has the pipeline's name for it as well."""

QUANTITIES = ("l1_normalised", "l1", "score")
"""What a run has at its best-scored candidate."""

Levels = tuple[str | int, ...]
Quantity = str | Callable[[Run], float | None]

# Resamples that are held in memory at once.
CHUNK = 200


@dataclass(frozen=True)
class Summary:
    """What the runs of a group reached.

    Attributes:
        group: the levels of the factors that the runs share, in the order in which they were asked for.
        runs: how many runs have a value.
        missing: how many have none: failed, unfinished, or without a finite score.
        best, worst: extremes, by the orientation of what is summed up.
        lower, median, upper: quartiles (linear interpolation); the median with its interval.
        mean: over the runs.

    All numbers are NaN where no run has a value.
    """

    group: Levels
    runs: int
    missing: int
    best: float
    lower: float
    median: Estimate
    upper: float
    mean: float
    worst: float


def group_runs(runs: Iterable[Run], by: Sequence[str]) -> dict[Levels, list[Run]]:
    """Runs by the levels of some factors, groups in the order in which they first occur.

    Args:
        runs: of any status.
        by: names out of ``FACTORS``, or the pipeline's for a variant; without any there is one group.

    Raises:
        ConfigurationError: a factor that is unknown or named twice.
    """
    runs = list(runs)
    word = runs[0].cell.word if runs else "variant"
    known = [word if name == "variant" else name for name in FACTORS]
    meant = ["variant" if name == word else name for name in by]
    for number, name in enumerate(by):
        if name not in (*FACTORS, word):
            raise ConfigurationError(
                f"the factor '{name}' is unknown; allowed: {listed(known)}{did_you_mean(name, known)}"
            )
        if meant[number] in meant[:number]:
            raise ConfigurationError(f"the factor '{name}' is named twice; allowed: once")
    groups: dict[Levels, list[Run]] = {}
    for run in runs:
        groups.setdefault(levels_of(run.cell, by), []).append(run)
    return groups


def levels_of(cell: Cell, by: Sequence[str]) -> Levels:
    """A cell's levels of some factors."""
    return tuple(cell.level(name) for name in by)


def value_of(run: Run, quantity: Quantity) -> float | None:
    """A finite number of a finished run; None where there is none.

    Args:
        quantity: one of ``QUANTITIES``, or a function of the run, called only for finished ones.

    Raises:
        ConfigurationError: an unknown quantity.
    """
    if isinstance(quantity, str) and quantity not in QUANTITIES:
        raise ConfigurationError(
            f"the quantity '{quantity}' is unknown; allowed: {listed(QUANTITIES)}"
            + did_you_mean(quantity, QUANTITIES)
        )
    if run.status != DONE:
        return None
    value = getattr(run, quantity) if isinstance(quantity, str) else quantity(run)
    return None if value is None or not np.isfinite(value) else float(value)


def measured(measure: Callable[[History], object | None], name: str) -> Callable[[Run], float | None]:
    """A figure of a run's history as a quantity of the run.

    Args:
        measure: gives an object with the figure, or None where the run has none.
        name: of the object's attribute.
    """

    def value(run: Run) -> float | None:
        found = None if run.history is None else measure(run.history)
        return None if found is None else float(getattr(found, name))

    return value


def knows_truth(benchmark: Benchmark) -> bool:
    """Whether any finished run knows the hidden distortion of its candidates."""
    return any(run.history is not None and run.history.l1_normalised is not None for run in benchmark.done())


def median_estimate(
    values: ArrayLike, scenes: Sequence[str], *, count: int = 1000, seed: int = 0, level: float = 0.95
) -> Estimate:
    """The median of runs with a percentile interval of a two-stage bootstrap.

    A resample draws as many scenes as there are, with replacement, and from each scene drawn as many of its
    runs as it has, with replacement (Davison and Hinkley, Bootstrap methods and their application, 1997,
    section 3.8): runs on one scene are alike, and an interval that takes them for independent is too
    narrow. With one scene only runs are drawn, and the interval speaks of that scene alone. With few scenes
    it is rough, for a handful of them say little of others.

    Args:
        values: (N,) finite.
        scenes: for each value its scene.
        count: how many resamples; 0 gives no interval.
        seed: of the resampling; the same numbers and seed give the same interval to the last bit.
        level: of the interval.

    Returns:
        NaN where there is no value; the interval is NaN for a single value as well.

    Raises:
        ConfigurationError: values that are not (N,) finite numbers, another number of scenes, a negative
            count or seed, a level outside (0, 1).
    """
    check_settings(count, seed)
    if not 0 < level < 1:
        raise ConfigurationError(f"level is {level}; allowed: between 0 and 1")
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.shape != (len(scenes),) or not np.isfinite(numbers).all():
        raise ConfigurationError(
            f"a median needs one finite number per scene named, got the shape {numbers.shape} for "
            f"{len(scenes)} scenes and {np.count_nonzero(~np.isfinite(numbers))} not finite"
        )
    if not numbers.size:
        return Estimate(float("nan"))
    whole = float(np.median(numbers))
    if numbers.size < 2 or not count:
        return Estimate(whole)
    low, high = np.quantile(
        _resampled_medians(numbers, scenes, count, seed), [(1 - level) / 2, (1 + level) / 2]
    )
    return Estimate(whole, float(low), float(high))


def _resampled_medians(values: Numbers, scenes: Sequence[str], count: int, seed: int) -> Numbers:
    """(count,) medians of the resamples."""
    members: dict[str, list[float]] = {}
    for value, scene in zip(values.tolist(), scenes, strict=True):
        members.setdefault(scene, []).append(value)
    sizes = np.array([len(block) for block in members.values()])
    longest = int(sizes.max())
    # Rows are scenes; NaN fills up the shorter ones and is sorted behind all numbers.
    table = np.full((len(sizes), longest), np.nan)
    for row, block in zip(table, members.values(), strict=True):
        row[: len(block)] = block
    generator = np.random.default_rng(seed)
    medians = []
    for start in range(0, count, CHUNK):
        number = min(CHUNK, count - start)
        drawn = generator.integers(len(sizes), size=(number, len(sizes)))
        lengths = sizes[drawn]
        places = generator.integers(lengths[:, :, None], size=(number, len(sizes), longest))
        taken = table[drawn[:, :, None], places]
        taken[np.arange(longest) >= lengths[:, :, None]] = np.nan
        ordered = np.sort(taken.reshape(number, -1), axis=1)
        total = lengths.sum(axis=1)
        rows = np.arange(number)
        medians.append((ordered[rows, (total - 1) // 2] + ordered[rows, total // 2]) / 2)
    return np.concatenate(medians)


def summarise(
    benchmark: Benchmark,
    by: Sequence[str] = ("objective",),
    quantity: Quantity = "l1_normalised",
    *,
    higher_is_better: bool = False,
    bootstrap: int = 1000,
    seed: int = 0,
) -> list[Summary]:
    """What the runs reached, by the levels of some factors.

    Args:
        benchmark: its runs; those that failed or are unfinished are counted as missing.
        by: factors, such as ``("objective", "optimizer")``.
        quantity: ``"l1_normalised"``, ``"l1"`` or ``"score"``, or a function from a finished run to a number
            (None or not finite where it has none).
        higher_is_better: the orientation of the quantity; scores have their own.
        bootstrap, seed: resamples of the intervals of the medians, and their seed, the same for each group:
            a group's interval does not depend on the other groups.

    Returns:
        One summary per group, in the order of the grid.

    Raises:
        ConfigurationError: an unknown factor or quantity, options out of range, scores of both orientations
            in one group.
    """
    check_settings(bootstrap, seed)
    found = []
    for group, runs in group_runs(benchmark.runs, by).items():
        pairs = [(run.cell.scene, value_of(run, quantity)) for run in runs]
        scenes = [scene for scene, value in pairs if value is not None]
        values = np.array([value for _, value in pairs if value is not None], dtype=np.float64)
        higher = _orientation(group, runs) if quantity == "score" else higher_is_better
        found.append(_summary(group, values, scenes, len(runs) - len(values), higher, bootstrap, seed))
    return found


def _orientation(group: Levels, runs: Sequence[Run]) -> bool:
    found = {run.history.higher_is_better for run in runs if run.history is not None}
    if len(found) > 1:
        raise ConfigurationError(
            f"the group '{listed(map(str, group)) or 'all'}' holds scores of which higher ones and scores of "
            "which lower ones are better; allowed: groups by objective"
        )
    return found.pop() if found else True


def _summary(
    group: Levels, values: Numbers, scenes: Sequence[str], missing: int, higher: bool, count: int, seed: int
) -> Summary:
    if not values.size:
        nan = float("nan")
        return Summary(group, 0, missing, nan, nan, Estimate(nan), nan, nan, nan)
    least, most = float(values.min()), float(values.max())
    lower, upper = np.quantile(values, [0.25, 0.75])
    return Summary(
        group,
        len(values),
        missing,
        most if higher else least,
        float(lower),
        median_estimate(values, scenes, count=count, seed=seed),
        float(upper),
        float(values.mean()),
        least if higher else most,
    )

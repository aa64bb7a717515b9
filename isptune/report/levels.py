"""Recovered hidden levels per stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isptune.report.compute import by_objective
from isptune.report.records import Record
from isptune.runs.description import Truth

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Quartiles:
    """(K,) over runs."""

    low: Numbers
    median: Numbers
    high: Numbers


@dataclass(frozen=True)
class Recovered:
    """Hidden levels per stage, in the stages' own units and without sign.

    Attributes:
        labels, units, maxima: (K,) of the stages.
        start: at the defaults, else the middle of the ranges, over all runs.
        found: at the best-scored candidates, per objective.
        runs: how many runs stand behind each objective.
    """

    labels: tuple[str, ...]
    units: tuple[str, ...]
    maxima: Numbers
    start: Quartiles
    found: dict[str, Quartiles]
    runs: dict[str, int]


def recovered(records: Sequence[Record]) -> Recovered | None:
    """Hidden levels before and after tuning; None where no truth is known.

    Runs whose pipeline has other stages than the first run's are left out.
    """
    first: Truth | None = None
    starts: list[list[float]] = []
    found: dict[str, list[list[float]]] = {}
    for objective, group in by_objective(records).items():
        for record in group:
            truth = None if record.run is None else record.run.truth
            if truth is None or record.levels is None:
                continue
            first = first or truth
            if replace(truth, start=first.start) != first or tuple(record.levels) != truth.labels:
                continue
            starts.append([abs(level) for level in truth.start])
            found.setdefault(objective, []).append([abs(level) for level in record.levels.values()])
    if first is None or not starts:
        return None
    return Recovered(
        labels=first.labels,
        units=first.units,
        maxima=np.array(first.maxima, dtype=np.float64),
        start=_quartiles(starts),
        found={objective: _quartiles(rows) for objective, rows in found.items()},
        runs={objective: len(rows) for objective, rows in found.items()},
    )


def _quartiles(rows: list[list[float]]) -> Quartiles:
    low, median, high = np.percentile(np.array(rows), [25, 50, 75], axis=0)
    return Quartiles(low, median, high)

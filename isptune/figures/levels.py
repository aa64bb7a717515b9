"""Hidden levels per stage before and after tuning, as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from isptune.figures.convergence import Band, Numbers, band_of
from isptune.figures.records import Record, by_objective
from isptune.runs.description import Truth


@dataclass(frozen=True)
class RecoveredLevels:
    """Hidden levels per stage, in the stages' own units and without sign: medians and quartiles over runs.

    Attributes:
        labels, units, maxima: (K,) of the stages.
        start: at the defaults, else the middle of the ranges, over all runs.
        found: at the best-scored candidates, by kind of run.
        runs: how many runs stand behind each kind.
    """

    labels: tuple[str, ...]
    units: tuple[str, ...]
    maxima: Numbers
    start: Band
    found: Mapping[str, Band]
    runs: Mapping[str, int]

    def shares(self, band: Band) -> Band:
        """Levels as shares of the highest."""
        return Band(band.median / self.maxima, band.low / self.maxima, band.high / self.maxima)


def recovered_levels(runs: Sequence[tuple[str, Truth, Sequence[float]]]) -> RecoveredLevels:
    """Hidden levels before and after tuning.

    Args:
        runs: at least one; of each its kind, such as its objective, its pipeline's truth, and the levels
            that it found. Those whose pipeline has other stages than the first one's are left out.
    """
    first = runs[0][1]
    alike = [
        (kind, truth, found) for kind, truth, found in runs if replace(truth, start=first.start) == first
    ]
    found: dict[str, list[Sequence[float]]] = {}
    for kind, _, levels in alike:
        found.setdefault(kind, []).append(levels)
    return RecoveredLevels(
        labels=first.labels,
        units=first.units,
        maxima=np.array(first.maxima, dtype=np.float64),
        start=_band([truth.start for _, truth, _ in alike]),
        found={kind: _band(rows) for kind, rows in found.items()},
        runs={kind: len(rows) for kind, rows in found.items()},
    )


def levels_of_records(records: Sequence[Record]) -> RecoveredLevels | None:
    """The levels of runs by objective; None where no truth is known."""
    known = [
        (record.objective, record.run.truth, list(record.levels.values()))
        for group in by_objective(records).values()
        for record in group
        if record.run is not None and record.run.truth is not None and record.levels is not None
    ]
    return recovered_levels(known) if known else None


def _band(rows: Sequence[Sequence[float]]) -> Band:
    return band_of(np.abs(np.array(rows, dtype=np.float64)))

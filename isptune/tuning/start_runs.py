"""Candidates of several runs, tables and files as the start of one search: ranked, none nearly twice."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    # Parameters need torch, which checking settings does not.
    from isptune.parameters import ParameterSpace

# Candidates of runs whose numbers all differ by no more than this share of their ranges begin at one place.
NEAR = 0.01


@dataclass(frozen=True)
class Source:
    """One place that candidates come from.

    Attributes:
        place: the folder or the file; empty for what was given itself.
        rows: the candidates by parameter, the best first.
        space: of the run that they are of; None where no run made them.
    """

    place: str
    rows: list[dict[str, Any]]
    space: ParameterSpace | None = None


@dataclass(frozen=True)
class Start:
    """A candidate to begin at, where it was read, and whether a run made it."""

    row: dict[str, Any]
    place: str
    is_found: bool


def of_folder(directory: Path, place: str, most: int | None = None) -> Source:
    """The best candidates of a run, or the settings of a table over conditions: the common one first.

    Args:
        directory: the folder.
        place: the same as it was given.
        most: how many of a run are taken; None for all.

    Raises:
        RunDirectoryError: there is neither, or nothing in it has a finite score.
    """
    from isptune.conditions.table import TABLE_CONFIG, ParameterTable

    if (directory / TABLE_CONFIG).is_file():
        table = ParameterTable.read(directory)
        rows = [table.common, *(entry.parameters for entry in table.entries)]
        return Source(place, [dict(row) for row in rows], table.space)
    return _of_run(directory, place, most)


def _of_run(directory: Path, place: str, most: int | None) -> Source:
    """The best candidates of a run, of different values, the best first; of several objectives its front."""
    import torch

    from isptune.runs.run import Run

    run = Run.read(directory).require_best()
    history = run.history
    assert history.values is not None
    if len(run.labels) > 1:
        order = history.pareto.indices
    else:
        losses = history.losses[:, 0]
        order = np.argsort(losses, kind="stable")
        order = order[np.isfinite(losses[order])]
    _, first = np.unique(history.values[order], axis=0, return_index=True)
    rows = run.space.to_dicts(torch.from_numpy(history.values[order[np.sort(first)[:most]]]))
    return Source(place, rows, run.space)


def interleaved(sources: Sequence[Source], most: int) -> list[Start]:
    """The best of each source in turn, then the second best of each, and so on.

    Scores of other objectives, scenes or light levels cannot be compared; ranks within a run can. A candidate
    of a run is passed over where it lies near to one that is taken already (``NEAR``): the best ones of a run
    that has converged are all the same. What was given by hand is taken as it is.

    Args:
        sources: at least one.
        most: how many candidates are taken; each source has its best one in any case.
    """
    places = _places(sources)
    found: list[Start] = []
    taken: list[NDArray[np.float64]] = []
    following = [0] * len(sources)
    most = max(most, len(sources))
    going_on = True
    while going_on:
        going_on = False
        for number, source in enumerate(sources):
            row = following[number]
            if source.space is not None:
                while row < len(source.rows) and _is_near(places[number][row], taken):
                    row += 1
            following[number] = row + 1
            if row >= len(source.rows):
                continue
            if len(found) == most:
                return found
            found.append(Start(source.rows[row], source.place, source.space is not None))
            taken.append(places[number][row])
            going_on = True
    return found


def _is_near(place: NDArray[np.float64], taken: Sequence[NDArray[np.float64]]) -> bool:
    """Whether one that is taken sets the same parameters to nearly the same values."""
    if not taken:
        return False
    others = np.stack(taken)
    neither = np.isnan(others) & np.isnan(place)
    return bool(((np.abs(others - place) <= NEAR) | neither).all(axis=1).any())


def _places(sources: Sequence[Source]) -> list[NDArray[np.float64]]:
    """(R, n) coordinates of the candidates of each source; NaN where a candidate does not set a parameter.

    Numbers lie in the range that all runs have searched together; other values are numbered.
    """
    names = list(dict.fromkeys(name for source in sources for row in source.rows for name in row))
    scales = {name: _scale(name, sources) for name in names}
    numbers: dict[tuple[str, str], int] = {}

    def place(row: Mapping[str, Any], name: str) -> float:
        if name not in row:
            return math.nan
        value, scale = row[name], scales[name]
        if scale is None or isinstance(value, bool) or not isinstance(value, (int, float)):
            return numbers.setdefault((name, repr(value)), len(numbers))
        low, high, log = scale
        if log and value > 0:
            return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
        return (value - low) / (high - low)

    return [
        np.array([[place(row, name) for name in names] for row in source.rows], dtype=np.float64)
        for source in sources
    ]


def _scale(name: str, sources: Sequence[Source]) -> tuple[float, float, bool] | None:
    """The range of a number over all runs, and whether it is searched in its logarithm; None for others."""
    from isptune.parameters.kinds import Float, Number

    found = [
        parameter
        for source in sources
        if source.space is not None
        for parameter in source.space
        if parameter.name == name and isinstance(parameter, Number)
    ]
    if not found:
        return None
    low, high = min(float(one.low) for one in found), max(float(one.high) for one in found)
    return low, high, low > 0 and any(isinstance(one, Float) and one.log for one in found)

"""Parallel coordinates of candidates: axes and lines as plain data for the page's scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from isptune.parameters import Choice
from isptune.parameters.identity import counts
from isptune.report.charts import Spec, plain, rounded
from isptune.report.compute import best_candidates
from isptune.report.records import Record
from isptune.runs.run import Run
from isptune.wording.showing import value_text


def parallel_chart(objectives: Sequence[str], records: Sequence[Record]) -> Spec | None:
    """Best candidates on one axis per parameter: of a single run its 40 best, else the best of each run.

    Runs with other parameters than the first one's are left out; None where no run's parameters are known.
    """
    lines: list[Spec] = []
    first: Run | None = None
    for record in records:
        run = record.run
        if run is None:
            continue
        first = first or run
        if run.space != first.space:
            continue
        if len(records) == 1:
            chosen = best_candidates(record)
        else:
            best = record.history.best
            chosen = np.array([] if best is None else [best], dtype=np.int64)
        colour = objectives.index(record.objective)
        for place, line in enumerate(candidate_lines(record, run, chosen)):
            index = int(chosen[place])
            name = f"rank {place + 1}, evaluation {index + 1}" if len(records) == 1 else record.name
            score = rounded(float(record.history.score[index]))
            lines.append(
                {"name": name, "objective": record.objective, "colour": colour, "scores": [score], **line}
            )
    if first is None or not lines:
        return None
    scores = [{"name": "score", "higherIsBetter": records[0].history.higher_is_better}]
    return {"kind": "parallel", "views": candidate_views(first, lines), "scores": scores, "lines": lines}


def candidate_views(run: Run, lines: Sequence[Spec]) -> list[Spec]:
    """The axes of the free parameters, and of the hidden levels where every line has them.

    A view names the entries of a line that hold its places on the axes (shares, from 0 to 1) and its texts.
    """
    parameters = [_axis(parameter) for parameter in run.space.free]
    views: list[Spec] = [
        {"label": "parameters", "places": "parameters", "texts": "written", "axes": parameters}
    ]
    truth = run.truth
    if truth is not None and all("levels" in line for line in lines):
        axes = [
            {"name": label, "low": "0", "high": f"{most:g} {unit}".strip()}
            for label, most, unit in zip(truth.labels, truth.maxima, truth.units, strict=True)
        ]
        views.append({"label": "hidden levels", "places": "levels", "texts": "writtenLevels", "axes": axes})
    return views


def _axis(parameter: Any) -> Spec:
    low, high = (
        (str(parameter.options[0]), str(parameter.options[-1]))
        if isinstance(parameter, Choice)
        else (f"{parameter.low:g}", f"{parameter.high:g}")
    )
    return {"name": parameter.name, "low": low, "high": f"{high} {parameter.unit}".strip()}


def candidate_lines(record: Record, run: Run, chosen: NDArray[np.int64]) -> list[Spec]:
    """Free parameters, and where known hidden loss and levels, of some evaluations of a run."""
    history, space = record.history, run.space
    values = space.to_values(torch.from_numpy(history.candidates[chosen]))
    # The middle of its step where a parameter has steps, so that equal values lie on each other.
    unit = space.to_unit(values).numpy()
    for column, steps in enumerate(counts(space)):
        if steps > 1:
            # The first and the last step stand at the ends of the axis, where they are written.
            unit[:, column] = (unit[:, column] * steps - 0.5) / (steps - 1)
    written = space.to_dicts(values)
    shares = levels = None
    if run.truth is not None and history.levels is not None:
        levels = np.abs(history.levels[chosen])
        shares = levels / np.array(run.truth.maxima)
    found = []
    for place, index in enumerate(chosen.tolist()):
        line: Spec = {
            "parameters": plain(unit[place]),
            "written": [_written(written[place][parameter.name]) for parameter in space.free],
        }
        if levels is not None and shares is not None and history.l1_normalised is not None:
            line["loss"] = rounded(float(history.l1_normalised[index]))
            line["levels"] = plain(shares[place].tolist())
            line["writtenLevels"] = [_written(level) for level in levels[place].tolist()]
        found.append(line)
    return found


def _written(value: Any) -> str:
    return value_text(value, 4)

"""What the page's scripts draw: the computed numbers as plain data that JSON can hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from isptune.figures import Band
from isptune.parameters import Choice, Int, ParameterSpace
from isptune.report.compute import (
    Slice,
    by_objective,
    changes,
    curves,
    reached,
    scatter,
)
from isptune.report.levels import Recovered
from isptune.report.records import Record
from isptune.report.sensitivity import Sensitivity
from isptune.wording.words import NORMALISED_L1

Spec = dict[str, Any]

LOSS = NORMALISED_L1
EVALUATIONS = "evaluations"
_DIGITS = 5


def plain(values: Iterable[float] | NDArray[np.float64]) -> list[float | None]:
    """Numbers to five significant digits; None where one is not finite."""
    return [rounded(float(value)) for value in values]


def rounded(value: float | None) -> float | None:
    return float(f"{value:.{_DIGITS}g}") if value is not None and math.isfinite(value) else None


def score_chart(objective: str, colour: int, parts: Sequence[Slice]) -> Spec:
    """Best score so far of one objective against evaluations."""

    def series(name: str, records: Sequence[Record]) -> Spec | None:
        if name != objective:
            return None
        curve = curves(records)
        return _band(curve.evaluations, curve.score, len(records))

    x = {"label": EVALUATIONS, "canLog": True, "whole": True}
    found = _slices(parts, lambda _: colour, series)
    return {"kind": "lines", "step": True, "x": x, "y": {"label": "best score so far"}, "slices": found}


def loss_chart(objectives: Sequence[str], parts: Sequence[Slice]) -> Spec | None:
    """Normalised l1 at the best-scored candidate so far; None where no objective's runs all know it."""

    def series(_: str, records: Sequence[Record]) -> Spec | None:
        curve = curves(records)
        known = curve.l1_normalised
        return None if known is None else _band(curve.evaluations, known, len(records))

    found = _slices(parts, objectives.index, series)
    x = {"label": EVALUATIONS, "canLog": True, "whole": True}
    y = {"label": LOSS, "canLog": True, "zero": True}
    return {"kind": "lines", "step": True, "x": x, "y": y, "slices": found} if found else None


def reached_chart(objectives: Sequence[str], parts: Sequence[Slice], targets: Sequence[float]) -> Spec | None:
    """The share of targets reached against evaluations; None where no truth is known."""

    def series(_: str, records: Sequence[Record]) -> Spec | None:
        steps = reached(records, targets)
        if steps is None:
            return None
        return {"runs": len(records), "x": plain(steps.evaluations), "y": plain(steps.shares)}

    found = _slices(parts, objectives.index, series)
    x = {"label": EVALUATIONS, "canLog": True, "log": True, "whole": True}
    y = {"label": "share of targets reached", "zero": True, "most": 1, "share": True}
    return {"kind": "lines", "step": True, "x": x, "y": y, "slices": found} if found else None


def _slices(
    parts: Sequence[Slice],
    colour: Callable[[str], int],
    series: Callable[[str, Sequence[Record]], Spec | None],
) -> list[Spec]:
    """The series of every part, objective by objective; objectives and parts without one are left out."""
    found = []
    for part in parts:
        lines = [
            {"name": objective, "colour": colour(objective), **line}
            for objective, records in by_objective(part.records).items()
            if (line := series(objective, records)) is not None
        ]
        if lines:
            found.append({"label": part.label, "series": lines})
    return found


def _band(axis: NDArray[np.float64], band: Band, runs: int) -> Spec:
    kept = changes(band)
    series: Spec = {"runs": runs, "x": plain(axis[kept])}
    series["y"] = plain(band.median[kept])
    if runs > 1:
        series |= {"low": plain(band.low[kept]), "high": plain(band.high[kept])}
    return series


def scatter_charts(objectives: Sequence[str], records: Sequence[Record]) -> list[tuple[str, str, Spec]]:
    """Per objective its name, a sentence of figures, and score against normalised l1 of its evaluations."""
    found = []
    for objective, group in by_objective(records).items():
        cloud = scatter(group)
        if cloud is None:
            continue
        shown = len(cloud.scores)
        sample = (
            f"{shown:,} of {cloud.total:,} evaluations" if shown < cloud.total else f"{shown:,} evaluations"
        )
        spec = {
            "kind": "points",
            "colour": objectives.index(objective),
            "x": {"label": "score"},
            "y": {"label": LOSS, "zero": True},
            "points": [plain(cloud.scores), plain(cloud.losses)],
            "best": [plain(cloud.best_scores), plain(cloud.best_losses)],
            "bestNames": [record.name for record in group if _has_both(record)],
        }
        words = f"Rank agreement with the truth {_signed(cloud.agreement)}; {sample}."
        found.append((objective, words, spec))
    return found


def _has_both(record: Record) -> bool:
    return record.knows_truth and record.score is not None and record.l1_normalised is not None


def _signed(value: float) -> str:
    return "unknown" if math.isnan(value) else f"{value:+.2f}".replace("-", "−")


def levels_chart(objectives: Sequence[str], levels: Recovered) -> Spec:
    """Hidden levels per stage as shares of the highest, before and after."""
    maxima = levels.maxima
    return {
        "kind": "levels",
        "x": {"label": "hidden level / highest level (0 is undistorted)"},
        "stages": list(levels.labels),
        "start": {
            "y": plain(levels.start.median / maxima),
            "low": plain(levels.start.low / maxima),
            "high": plain(levels.start.high / maxima),
        },
        "series": [
            {
                "name": objective,
                "colour": objectives.index(objective),
                "runs": levels.runs[objective],
                "y": plain(found.median / maxima),
                "low": plain(found.low / maxima),
                "high": plain(found.high / maxima),
            }
            for objective, found in levels.found.items()
        ],
    }


def sensitivity_charts(
    record: Record, space: ParameterSpace, fit: Sensitivity, colour: int
) -> list[tuple[str, Spec]]:
    """Per free parameter its name and the scores near the fit's centre against it, with the fitted curve."""
    unit = record.history.candidates[fit.nearest]
    scores = plain(record.history.score[fit.nearest])
    found = []
    for number, (index, parameter) in enumerate(zip(space.free_indices, space.free, strict=True)):
        span = np.linspace(float(unit[:, number].min()), float(unit[:, number].max()), 41)
        if isinstance(parameter, Int):
            # One point a whole number, in the middle of its step: within a step the curve would be a saw.
            span = parameter.to_unit(parameter.from_unit(torch.from_numpy(span))).unique().numpy()

        def in_units(rows: NDArray[np.float64], index: int = index) -> list[float | None]:
            return plain(space.to_values(torch.from_numpy(rows))[:, index].tolist())

        label = f"{parameter.name} ({parameter.unit})" if parameter.unit else parameter.name
        spec: Spec = {
            "kind": "points",
            "colour": colour,
            "x": {
                "label": label,
                "log": bool(getattr(parameter, "log", False)),
                "whole": isinstance(parameter, Int),
            },
            "y": {"label": "score"},
            "points": [in_units(np.ascontiguousarray(unit)), scores],
            "curve": [
                plain(parameter.from_unit(torch.from_numpy(span)).tolist()),
                plain(fit.along(number, span)),
            ],
            "mark": in_units(fit.centre[None, :].copy())[0],
        }
        if isinstance(parameter, Choice):
            # Between options there is nothing for a curve to run through.
            del spec["curve"]
            spec["x"]["names"] = [str(option) for option in parameter.options]
        found.append((parameter.name, spec))
    return found

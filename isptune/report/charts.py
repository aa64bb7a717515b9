"""What the page's scripts draw: the computed figures as plain data that JSON can hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from isptune.benchmark.targets import StepCurve, reached
from isptune.figures.candidates import Candidates, Places
from isptune.figures.cloud import MOST_POINTS
from isptune.figures.convergence import Band, ConvergenceCurves, changes, convergence
from isptune.figures.front import compromises, even_sample, front_names, pareto_points
from isptune.figures.levels import RecoveredLevels
from isptune.figures.records import ANSWER, Record, Slice, by_objective
from isptune.runs.history import History
from isptune.wording.words import NORMALISED_L1

Spec = dict[str, Any]
T = TypeVar("T")
Part = tuple[str, dict[str, T]]
"""What menus call some of the runs, and something of each of their objectives."""

LOSS = NORMALISED_L1
MOST_PLACES = 240
_EVALUATIONS = {"label": "evaluations", "canLog": True, "whole": True}
_DIGITS = 5


def plain(values: Iterable[float] | NDArray[np.float64]) -> list[float | None]:
    """Numbers to five significant digits; None where one is not finite."""
    return [rounded(float(value)) for value in values]


def rounded(value: float | None) -> float | None:
    return float(f"{value:.{_DIGITS}g}") if value is not None and math.isfinite(value) else None


def curves(parts: Sequence[Slice]) -> list[Part[ConvergenceCurves]]:
    """Best score and hidden loss so far by part and objective, at a few places of a long axis."""
    found = []
    for label, runs in by_part(parts):
        histories = {name: [record.history for record in group] for name, group in runs.items()}
        found.append((label, {name: convergence(group, MOST_PLACES) for name, group in histories.items()}))
    return found


def by_part(parts: Sequence[Slice]) -> list[Part[list[Record]]]:
    """The runs by part and objective."""
    return [(part.label, by_objective(part.records)) for part in parts]


def score_chart(objective: str, colour: int, parts: Sequence[Part[ConvergenceCurves]]) -> Spec:
    """Best score so far of one objective against evaluations."""

    def series(name: str, curve: ConvergenceCurves) -> Spec | None:
        return _steps(curve, curve.score) if name == objective else None

    return _lines(parts, lambda _: colour, series, {"label": "best score so far"})


def loss_chart(objectives: Sequence[str], parts: Sequence[Part[ConvergenceCurves]]) -> Spec | None:
    """Normalised l1 at the best-scored candidate so far; None where no objective's runs all know it."""

    def series(_: str, curve: ConvergenceCurves) -> Spec | None:
        return None if curve.l1_normalised is None else _steps(curve, curve.l1_normalised)

    spec = _lines(parts, objectives.index, series, {"label": LOSS, "canLog": True, "zero": True})
    return spec if spec["slices"] else None


def reached_chart(
    objectives: Sequence[str], parts: Sequence[Part[list[Record]]], targets: Sequence[float]
) -> Spec | None:
    """The share of targets reached against evaluations; None where no truth is known."""

    def series(_: str, records: list[Record]) -> Spec | None:
        curve = _reached(records, targets)
        if curve is None:
            return None
        x = np.union1d(curve.x, [1.0])
        return {"runs": len(records), "x": plain(x), "y": plain(curve.at(x))}

    y = {"label": "share of targets reached", "zero": True, "most": 1, "share": True}
    spec = _lines(parts, objectives.index, series, y)
    return {**spec, "x": {**_EVALUATIONS, "log": True}} if spec["slices"] else None


def share_reached(records: Sequence[Record], target: float) -> float | None:
    """Of the runs, those that reached a target; None where no truth is known."""
    curve = _reached(records, [target])
    return None if curve is None else float(curve.share[-1])


def _reached(records: Sequence[Record], targets: Sequence[float]) -> StepCurve | None:
    known = [record.history for record in records if record.knows_truth]
    return reached(known, targets) if known and targets else None


def _lines(
    parts: Sequence[Part[T]],
    colour: Callable[[str], int],
    series: Callable[[str, T], Spec | None],
    y: Spec,
) -> Spec:
    """Steps against evaluations, a slice per part; parts and objectives without a series are left out."""
    found = []
    for label, drawn in parts:
        lines = [
            {"name": name, "colour": colour(name), **line}
            for name, one in drawn.items()
            if (line := series(name, one)) is not None
        ]
        if lines:
            found.append({"label": label, "series": lines})
    return {"kind": "lines", "step": True, "x": _EVALUATIONS, "y": y, "slices": found}


def _steps(curve: ConvergenceCurves, band: Band) -> Spec:
    kept = changes(band)
    series = {"runs": curve.runs, "x": plain(curve.evaluations[kept]), "y": plain(band.median[kept])}
    return series | ({"low": plain(band.low[kept]), "high": plain(band.high[kept])} if curve.runs > 1 else {})


def levels_chart(objectives: Sequence[str], levels: RecoveredLevels) -> Spec:
    """Hidden levels per stage as shares of the highest, before and after."""

    def whiskers(band: Band) -> Spec:
        shares = levels.shares(band)
        return {"y": plain(shares.median), "low": plain(shares.low), "high": plain(shares.high)}

    series = [
        {"name": name, "colour": objectives.index(name), "runs": levels.runs[name], **whiskers(found)}
        for name, found in levels.found.items()
    ]
    return {
        "kind": "levels",
        "x": {"label": "hidden level / highest level (0 is undistorted)"},
        "stages": list(levels.labels),
        "start": whiskers(levels.start),
        "series": series,
    }


def parallel_chart(objectives: Sequence[str], shown: Candidates, answer: bool = False) -> Spec:
    """Candidates on parallel axes.

    Args:
        objectives: in the order of their colours.
        shown: the candidates; those of other objectives have the first colour.
        answer: the first of them is what the run hands over.
    """
    views: list[Spec] = []
    lines: list[Spec] = [
        {
            "name": name,
            "objective": objective,
            "colour": objectives.index(objective) if objective in objectives else 0,
            "scores": plain(scores),
        }
        for name, objective, scores in zip(shown.names, shown.objectives, shown.scores, strict=True)
    ]

    def view(label: str, key: str, places: Places | None) -> None:
        """A view names the entries of a line that hold its places on the axes and its texts."""
        if places is None:
            return
        texts = f"{key}Written"
        views.append(
            {"label": label, "places": key, "texts": texts, "axes": [vars(axis) for axis in places.axes]}
        )
        for line, shares, words in zip(lines, places.shares, places.texts, strict=True):
            line |= {key: plain(shares), texts: list(words)}

    view("scores", "shares", shown.quality)
    view("parameters", "parameters", shown.parameters)
    view("hidden levels", "levels", shown.levels)
    if shown.losses is not None:
        for line, loss in zip(lines, plain(shown.losses), strict=True):
            line["loss"] = loss
    scores = [
        {"name": label, "higherIsBetter": higher}
        for label, higher in zip(shown.labels, shown.orientations, strict=True)
    ]
    spec = {"kind": "parallel", "views": views, "scores": scores, "lines": lines}
    return spec | ({"answer": ANSWER} if answer else {})


def plane_chart(history: History) -> Spec:
    """The front of two objectives, the best compromise first, over what it dominates."""
    points = pareto_points(history)
    low, high = points.window().tolist()
    axes = [
        {"label": f"{label} ({'higher' if higher else 'lower'} is better)", "window": [first, last]}
        for label, higher, first, last in zip(points.labels, points.orientations, low, high, strict=True)
    ]
    others = points.others[even_sample(len(points.others), MOST_POINTS)]
    spec: Spec = {
        "kind": "front",
        "colour": 0,
        "answer": ANSWER,
        "x": axes[0],
        "y": axes[1],
        "others": [plain(column) for column in others.T],
        "front": [plain(column) for column in points.front.T],
        "stairs": [plain(column) for column in points.stairs().T],
        "names": front_names(history.pareto.indices.tolist()),
    }
    if points.l1_normalised is not None:
        spec["losses"] = plain(points.l1_normalised)
    return spec


def front_loss_chart(record: Record, parts: Sequence[Part[ConvergenceCurves]]) -> Spec | None:
    """The hidden loss of the best compromise so far, and of each objective's own best candidate.

    Args:
        record: of several objectives.
        parts: the curves of the run as each of them sees it.

    Returns:
        None where no truth is known.
    """
    curve = compromises(record.history)
    spec = loss_chart(list(record.scores), parts)
    if curve is None or spec is None:
        return None
    kept = np.isfinite(curve.losses)
    answer = {
        "name": ANSWER,
        "colour": len(record.scores),
        "runs": 1,
        "x": plain(curve.evaluations[kept]),
        "y": plain(curve.losses[kept]),
    }
    spec["slices"][0]["series"].append(answer)
    return spec

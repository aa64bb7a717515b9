"""What the page's scripts draw: the computed figures as plain data that JSON can hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from isptune.benchmark.targets import StepCurve, reached
from isptune.figures.candidates import Candidates, Places
from isptune.figures.cloud import MOST_POINTS, scatter
from isptune.figures.convergence import Band, ConvergenceCurves, changes, convergence
from isptune.figures.front import compromises, even_sample, front_names, pareto_points
from isptune.figures.levels import RecoveredLevels
from isptune.figures.records import ANSWER, Record, Slice, by_objective, slices
from isptune.figures.sensitivity import Sensitivity
from isptune.parameters import Choice, Int, ParameterSpace
from isptune.runs.history import History
from isptune.wording.words import NORMALISED_L1

Spec = dict[str, Any]

LOSS = NORMALISED_L1
MOST_PLACES = 240
_EVALUATIONS = {"label": "evaluations", "canLog": True, "whole": True}
_DIGITS = 5


def plain(values: Iterable[float] | NDArray[np.float64]) -> list[float | None]:
    """Numbers to five significant digits; None where one is not finite."""
    return [rounded(float(value)) for value in values]


def rounded(value: float | None) -> float | None:
    return float(f"{value:.{_DIGITS}g}") if value is not None and math.isfinite(value) else None


def curves(records: Sequence[Record]) -> ConvergenceCurves:
    """Best score and hidden loss so far of runs of one objective, at a few places of a long axis."""
    return convergence([record.history for record in records], MOST_PLACES)


def score_chart(objective: str, colour: int, parts: Sequence[Slice]) -> Spec:
    """Best score so far of one objective against evaluations."""

    def series(name: str, records: Sequence[Record]) -> Spec | None:
        if name != objective:
            return None
        curve = curves(records)
        return _steps(curve.evaluations, curve.score, len(records))

    return _lines(parts, lambda _: colour, series, {"label": "best score so far"})


def loss_chart(objectives: Sequence[str], parts: Sequence[Slice]) -> Spec | None:
    """Normalised l1 at the best-scored candidate so far; None where no objective's runs all know it."""

    def series(_: str, records: Sequence[Record]) -> Spec | None:
        curve = curves(records)
        known = curve.l1_normalised
        return None if known is None else _steps(curve.evaluations, known, len(records))

    spec = _lines(parts, objectives.index, series, {"label": LOSS, "canLog": True, "zero": True})
    return spec if spec["slices"] else None


def reached_chart(objectives: Sequence[str], parts: Sequence[Slice], targets: Sequence[float]) -> Spec | None:
    """The share of targets reached against evaluations; None where no truth is known."""

    def series(_: str, records: Sequence[Record]) -> Spec | None:
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
    parts: Sequence[Slice],
    colour: Callable[[str], int],
    series: Callable[[str, Sequence[Record]], Spec | None],
    y: Spec,
) -> Spec:
    """Steps against evaluations, a slice per part; parts and objectives without a series are left out."""
    found = []
    for part in parts:
        lines = [
            {"name": objective, "colour": colour(objective), **line}
            for objective, records in by_objective(part.records).items()
            if (line := series(objective, records)) is not None
        ]
        if lines:
            found.append({"label": part.label, "series": lines})
    return {"kind": "lines", "step": True, "x": _EVALUATIONS, "y": y, "slices": found}


def _steps(axis: NDArray[np.float64], band: Band, runs: int) -> Spec:
    kept = changes(band)
    series = {"runs": runs, "x": plain(axis[kept]), "y": plain(band.median[kept])}
    return series | ({"low": plain(band.low[kept]), "high": plain(band.high[kept])} if runs > 1 else {})


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


def front_loss_chart(record: Record, columns: Sequence[Record]) -> Spec | None:
    """The hidden loss of the best compromise so far, and of each objective's own best candidate.

    Args:
        record: of several objectives.
        columns: the run as each of them sees it.

    Returns:
        None where no truth is known.
    """
    curve = compromises(record.history)
    spec = loss_chart([column.objective for column in columns], slices(columns))
    if curve is None or spec is None:
        return None
    kept = np.isfinite(curve.losses)
    answer = {
        "name": ANSWER,
        "colour": len(columns),
        "runs": 1,
        "x": plain(curve.evaluations[kept]),
        "y": plain(curve.losses[kept]),
    }
    spec["slices"][0]["series"].append(answer)
    return spec


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

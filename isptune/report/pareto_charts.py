"""The charts of a run of several objectives, as plain data for the page's scripts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isptune.figures import pareto_points
from isptune.report.charts import Spec, loss_chart, plain
from isptune.report.compute import MOST_POINTS, slices
from isptune.report.markup import written
from isptune.report.parallel import candidate_lines, candidate_views
from isptune.report.pareto import compromises, even_sample, front_names
from isptune.report.records import ANSWER, Record
from isptune.runs.run import Run
from isptune.tuning.result import History

MOST_LINES = 300


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


def front_chart(record: Record, run: Run) -> Spec:
    """The front on parallel axes: its scores where there are more than two, parameters and hidden levels.

    Of a large front an even sample is shown.
    """
    points = pareto_points(record.history)
    pareto = record.history.pareto
    chosen = even_sample(len(pareto), MOST_LINES)
    indices = pareto.indices[chosen]
    lines = [
        {
            "name": name,
            "objective": "front",
            "colour": 0,
            "scores": plain(scores),
            "shares": plain(shares),
            "writtenScores": [written(score) for score in scores.tolist()],
            **line,
        }
        for name, scores, shares, line in zip(
            front_names(indices.tolist()),
            points.front[chosen],
            points.shares[chosen],
            candidate_lines(record, run, indices),
            strict=True,
        )
    ]
    views = candidate_views(run, lines)
    if len(points.labels) > 2:
        axes = [
            {"name": label, "low": written(worst), "high": written(best)}
            for label, worst, best in zip(points.labels, *points.ends.tolist(), strict=True)
        ]
        views = [{"label": "scores", "places": "shares", "texts": "writtenScores", "axes": axes}, *views]
    scores = [
        {"name": label, "higherIsBetter": higher}
        for label, higher in zip(points.labels, points.orientations, strict=True)
    ]
    return {"kind": "parallel", "views": views, "scores": scores, "lines": lines, "answer": ANSWER}


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

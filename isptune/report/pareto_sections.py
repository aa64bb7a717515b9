"""The parts of the page that only a run of several objectives has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from isptune.parameters import Choice, Int, ParameterSpace
from isptune.report import pareto_charts
from isptune.report.charts import sensitivity_charts
from isptune.report.compute import failed_card, slices
from isptune.report.markup import Cell, cards, chart, duration, grid, paragraph, table
from isptune.report.page import Page
from isptune.report.pareto import trade_offs
from isptune.report.records import Record
from isptune.report.sections import (
    NO_TRUTH,
    TOO_FEW,
    checkpoints,
    lead_of_truth,
    parameters_table,
    plain_cell,
    score_figures,
)
from isptune.report.sensitivity import Sensitivity
from isptune.wording.naming import listed
from isptune.wording.words import L1, NORMALISED_L1

MOST_ROWS = 50
_SHORT = 10
_MOST_FITS = 20


def lead(record: Record) -> str:
    """The result in a few sentences."""
    count = _size(record)
    scores = listed([f"{label} {score:.4g}" for label, score in record.scores.items()], len(record.scores))
    sentence = (
        f"Of {len(record.history):,} evaluations by {record.optimizer}, {count:,} "
        f"{'are' if count > 1 else 'is'} on the front: no other is better in one objective without being "
        f"worse in another. The best compromise has {scores}."
    )
    if record.l1_normalised is not None:
        sentence += f" {lead_of_truth(record)}"
    return sentence


def front_cards(record: Record) -> str:
    """The best compromise and the front in a few figures."""
    facts = [(f"{label} of the best compromise", f"{score:.4g}") for label, score in record.scores.items()]
    facts.append(("candidates on the front", f"{_size(record):,}"))
    if record.l1_normalised is not None:
        facts.append((NORMALISED_L1, f"{record.l1_normalised:.3g}"))
        facts.append((L1, f"{record.l1:.3g}"))
    facts += [
        (f"optimizer, seed {record.seed}", record.optimizer),
        ("evaluations", f"{len(record.history):,}"),
        *failed_card([record]),
        ("time", duration(record.seconds)),
    ]
    return cards(facts)


def _size(record: Record) -> int:
    return len(record.history.pareto)


def add_front(page: Page, record: Record) -> None:
    """The front as charts and as a table, and the parameters of the best compromise."""
    assert record.run is not None
    lines = page.charts["front-candidates"] = pareto_charts.front_chart(record, record.run)
    size, shown = _size(record), len(lines["lines"])
    sample = f" {shown:,} of the {size:,} candidates are shown, evenly chosen." if shown < size else ""
    sentence = (
        "The front holds the candidates that no other beats in every objective. The best compromise is the "
        "one whose worst rank among all evaluations, objective by objective, is the best. "
    )
    content = ""
    if len(record.scores) == 2:
        page.charts["front"] = pareto_charts.plane_chart(record.history)
        first, second = record.scores
        content = chart("front", "", f"Evaluations by {first} and {second}, the front on stairs.")
        words = "A line is a candidate of the front; it crosses every axis at its value."
        heading = "Candidates of the front"
    else:
        words = (
            "A line is a candidate of the front. Each axis of the scores runs from the worst (at the bottom, "
            "or on the left) to the best of the front."
        )
        heading = "The front on parallel axes"
    content += chart(
        "front-candidates", heading, "Parallel coordinates of the front's candidates.", words + sample
    )
    content += _front_table(record) + parameters_table(record)
    page.add("front", "Pareto front", paragraph(sentence) + content)


def _front_table(record: Record) -> str:
    """Scores, normalised l1 and parameters; folded where there are many rows."""
    pareto, share = record.history.pareto, record.history.l1_normalised
    assert record.run is not None
    space = record.run.space
    size = len(pareto)
    found = space.to_dicts(space.to_values(torch.from_numpy(pareto.candidates[:MOST_ROWS])))
    rows: list[list[Cell]] = []
    for place, (index, parameters) in enumerate(zip(pareto.indices[:MOST_ROWS].tolist(), found, strict=True)):
        row: list[Cell] = [place + 1, index + 1, *pareto.scores[place].tolist()]
        if share is not None:
            row.append(float(share[index]))
        rows.append([*row, *(plain_cell(value) for value in parameters.values())])
    heads = ["rank", "evaluation", *pareto.labels, *([NORMALISED_L1] if share is not None else [])]
    which = f"The first {MOST_ROWS} of {size:,} candidates" if size > MOST_ROWS else "The candidates"
    title = f"{which} on the front, the best compromise first"
    content = table(title, [*heads, *space.names], rows, "front-table")
    if size <= _SHORT:
        return content
    return f"<details><summary>The front as a table</summary>{content}</details>"


def add_front_convergence(page: Page, record: Record, columns: Sequence[Record]) -> None:
    """Best score so far in each objective, and normalised l1, against evaluations."""
    figures = grid(score_figures(page, columns, slices(columns)))
    loss = pareto_charts.front_loss_chart(record, columns)
    sentence = (
        "The best score so far in each objective for itself: no single candidate need have them together. "
    )
    if loss is None:
        sentence += NO_TRUTH
    else:
        page.charts["loss"] = loss
        sentence += (
            "Normalised l1 is that of the best compromise so far, and for comparison that of the candidate "
            "that is best in one objective alone. Both can rise where objectives prefer a worse picture."
        )
        figures = chart(
            "loss", "Normalised l1 of the best compromise", "Normalised l1 of the best compromise so far "
            "against evaluations, and of each objective's best candidate."
        ) + figures  # fmt: skip
    content = paragraph(sentence) + figures + checkpoints(slices(columns))
    page.add("convergence", "Convergence", content)


def add_trade_offs(page: Page, record: Record, columns: Sequence[Record]) -> None:
    """What each objective gains or loses where one parameter leaves the best compromise."""
    fits = trade_offs(record, columns)
    if fits is None:
        page.add("trade-offs", "Trade-offs", paragraph(TOO_FEW))
        return
    assert record.run is not None
    space = record.run.space
    figures: list[str] = []
    if len(columns) * len(space.free) <= _MOST_FITS:
        for colour, (column, fit) in enumerate(zip(columns, fits, strict=True)):
            for name, spec in sensitivity_charts(column, space, fit, colour):
                key = f"trade-off-{len(figures)}"
                direction = "higher" if column.history.higher_is_better else "lower"
                page.charts[key] = {**spec, "y": {"label": f"score ({direction} is better)"}}
                words = f"{column.objective} against {name} near the best compromise, with the fitted curve."
                figures.append(chart(key, f"{column.objective}: {name}", words))
    # A change counts by the spread of its objective's scores.
    changes = [_known_changes(fit, space) for fit in fits]
    spreads = [
        np.std(column.history.score[fit.nearest]) or 1.0 for column, fit in zip(columns, fits, strict=True)
    ]
    shares = [np.abs(known) / spread for known, spread in zip(changes, spreads, strict=True)]
    order = np.argsort(-np.nan_to_num(shares).max(axis=(0, 2)), kind="stable")
    rows: list[list[Cell]] = []
    for i in order.tolist():
        name = space.free[i].name
        cells = [float(change) for known in changes for change in known[i]]
        rows.append([name, plain_cell(record.parameters[name]), *cells])
    labels = [column.objective for column in columns]
    size = f"{100 * fits[0].step:.2g} %"
    explained = [
        f"{label} {100 * fit.r_squared:.0f} %" if np.isfinite(fit.r_squared) else f"{label} does not vary"
        for label, fit in zip(labels, fits, strict=True)
    ]
    sentence = (
        "Which way to turn a parameter, and what it costs: a quadratic in each parameter was fitted to the "
        f"{len(fits[0].nearest):,} logged evaluations nearest to the best compromise. It explains of the "
        f"variance of the scores: {listed(explained, len(explained))}. A dash stands where a step would "
        "leave the range, or means nothing. Nothing was rendered anew."
    )
    heads = ["parameter", "best compromise"]
    heads += [f"{label}, {size} {way}" for label in labels for way in ("down", "up")]
    title = "Change of each fitted score, the parameter with the strongest first"
    content = paragraph(sentence) + table(title, heads, rows, "trade-offs-table") + grid(figures)
    page.add("trade-offs", "Trade-offs around the best compromise", content)


def _known_changes(fit: Sensitivity, space: ParameterSpace) -> NDArray[np.float64]:
    """(n, 2) changes over a step down and up; NaN where there is no such step, or no score that varies."""
    steps = fit.centre[:, None] + fit.step * np.array([-1.0, 1.0])
    known = np.where((steps >= 0) & (steps <= 1) & bool(np.isfinite(fit.r_squared)), fit.changes, np.nan)
    for number, parameter in enumerate(space.free):
        # Between two options there is nothing, and less than one whole number changes nothing.
        small = isinstance(parameter, Int) and fit.step * (parameter.high - parameter.low) < 1
        if isinstance(parameter, Choice) or small:
            known[number] = np.nan
    return np.asarray(known)

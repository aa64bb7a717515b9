"""The parts of the page that only a run of several objectives has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from isptune.figures.candidates import candidates_of_front
from isptune.figures.records import Record, slices
from isptune.figures.sensitivity import Sensitivity, known_changes, trade_offs
from isptune.figures.shown_numbers import Cell
from isptune.parameters import ParameterSpace
from isptune.report import charts, point_charts
from isptune.report.page import Chart, Page, Table
from isptune.report.sections import checkpoints, parameters_table, plain_cell, score_figures
from isptune.wording.naming import listed
from isptune.wording.words import NORMALISED_L1

MOST_ROWS = 50
_SHORT = 10
_MOST_FITS = 20


def add_front(page: Page, record: Record) -> None:
    """The front as charts and as a table, and the parameters of the best compromise."""
    candidates = candidates_of_front(record)
    size, shown = len(record.history.pareto), len(candidates.names)
    sample = f" {shown:,} of the {size:,} candidates are shown, evenly chosen." if shown < size else ""
    figures = []
    if len(record.scores) == 2:
        first, second = record.scores
        words = f"Evaluations by {first} and {second}, the front on stairs."
        figures.append(page.draw(charts.plane_chart(record.history), Chart("front", words)))
        heading = "Candidates of the front"
        caption = "A line is a candidate of the front; it crosses every axis at its value."
    else:
        heading = "The front on parallel axes"
        caption = (
            "A line is a candidate of the front. Each axis of the scores runs from the worst (at the bottom, "
            "or on the left) to the best of the front."
        )
    words = "Parallel coordinates of the front's candidates."
    spec = charts.parallel_chart(page.objectives, candidates, answer=True)
    figures.append(page.draw(spec, Chart("front-candidates", words, heading, caption + sample)))
    page.add(
        "front",
        "Pareto front",
        "front.html",
        figures=figures,
        front=_front_table(record),
        short=size <= _SHORT,
        parameters=parameters_table(record),
    )


def _front_table(record: Record) -> Table:
    """Scores, normalised l1 and parameters."""
    pareto, share = record.history.pareto, record.history.l1_normalised
    assert record.run is not None
    space = record.run.space
    found = space.to_dicts(space.to_values(torch.from_numpy(pareto.candidates[:MOST_ROWS])))
    rows: list[list[Cell]] = []
    for place, (index, parameters) in enumerate(zip(pareto.indices[:MOST_ROWS].tolist(), found, strict=True)):
        loss = [] if share is None else [float(share[index])]
        scores = pareto.scores[place].tolist()
        rows.append([place + 1, index + 1, *scores, *loss, *map(plain_cell, parameters.values())])
    heads = ["rank", "evaluation", *pareto.labels, *([NORMALISED_L1] if share is not None else [])]
    which = (
        f"The first {MOST_ROWS} of {len(pareto):,} candidates"
        if len(pareto) > MOST_ROWS
        else "The candidates"
    )
    return Table(f"{which} on the front, the best compromise first", [*heads, *space.names], rows)


def add_front_convergence(page: Page, record: Record, columns: Sequence[Record]) -> None:
    """Best score so far in each objective, and normalised l1, against evaluations."""
    curves = charts.curves(slices(columns))
    spec = charts.front_loss_chart(record, curves)
    figure = Chart(
        "loss",
        "Normalised l1 of the best compromise so far against evaluations, "
        "and of each objective's best candidate.",
        "Normalised l1 of the best compromise",
    )
    page.add(
        "convergence",
        "Convergence",
        "front_convergence.html",
        scores=score_figures(page, columns, curves),
        loss=None if spec is None else page.draw(spec, figure),
        checkpoints=checkpoints(curves),
    )


def add_trade_offs(page: Page, record: Record, columns: Sequence[Record]) -> None:
    """What each objective gains or loses where one parameter leaves the best compromise."""
    fits = trade_offs(record, columns)
    identifier, title = "trade-offs", "Trade-offs around the best compromise"
    if fits is None:
        page.add(identifier, "Trade-offs", "trade_offs.html", fits=None)
        return
    assert record.run is not None
    space = record.run.space
    figures: list[Chart] = []
    if len(columns) * len(space.free) <= _MOST_FITS:
        for colour, (column, fit) in enumerate(zip(columns, fits, strict=True)):
            direction = "higher" if column.history.higher_is_better else "lower"
            for name, spec in point_charts.sensitivity_charts(column, space, fit, colour):
                spec["y"] = {"label": f"score ({direction} is better)"}
                words = f"{column.objective} against {name} near the best compromise, with the fitted curve."
                figure = Chart(f"trade-off-{len(figures)}", words, f"{column.objective}: {name}")
                figures.append(page.draw(spec, figure))
    explained = [
        f"{column.objective} {100 * fit.r_squared:.0f} %"
        if np.isfinite(fit.r_squared)
        else f"{column.objective} does not vary"
        for column, fit in zip(columns, fits, strict=True)
    ]
    page.add(
        identifier,
        title,
        "trade_offs.html",
        fits=fits,
        explained=listed(explained, len(explained)),
        changes=_changes_table(record, columns, fits, space),
        figures=figures,
    )


def _changes_table(
    record: Record, columns: Sequence[Record], fits: Sequence[Sensitivity], space: ParameterSpace
) -> Table:
    """A change counts by the spread of its objective's scores."""
    changes = [known_changes(fit, space) for fit in fits]
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
    size = f"{100 * fits[0].step:.2g} %"
    heads = [f"{column.objective}, {size} {way}" for column in columns for way in ("down", "up")]
    title = "Change of each fitted score, the parameter with the strongest first"
    return Table(title, ["parameter", "best compromise", *heads], rows)

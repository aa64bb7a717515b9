"""The parts of the page that show how runs went: each computes its figures and fills its template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import torch

from isptune.figures.candidates import best_of_runs
from isptune.figures.convergence import ConvergenceCurves
from isptune.figures.levels import levels_of_records
from isptune.figures.records import Record, Slice, by_objective, in_order, variant_word
from isptune.figures.sensitivity import Sensitivity, sensitivity
from isptune.figures.shown_numbers import Cell
from isptune.parameters import Choice, ParameterSpace
from isptune.report import charts, page_pictures, point_charts
from isptune.report.page import Chart, Page, Table
from isptune.storage.paths import shown
from isptune.wording.naming import listed
from isptune.wording.words import FOUND, NORMALISED_L1, START

T = TypeVar("T")

_CHECKPOINTS = (0.1, 0.25, 0.5, 1.0)


def add_pictures(page: Page, records: Sequence[Record]) -> None:
    """The scenes at the start and as found, or a sentence where the runs hold no pictures."""
    found, total = page_pictures.comparisons(records)
    reason = "The runs hold no pictures: they are made when a run ends."
    if len(records) == 1:
        reason = (
            "The run holds no pictures: they are made when it ends. "
            f"'isptune resume {shown(records[0].directory)}' goes on with it and makes what is missing."
        )
    page.add(
        "pictures",
        "Pictures",
        "pictures.html",
        scenes=page_pictures.encoded(found),
        total=total,
        several=len(records) > 1,
        reason=reason,
    )


def add_convergence(page: Page, records: Sequence[Record], parts: Sequence[Slice]) -> None:
    """Best score and normalised l1 so far against evaluations."""
    curves = charts.curves(parts)
    spec = charts.loss_chart(page.objectives, curves)
    figure = Chart(
        "loss",
        "Normalised l1 of the best-scored candidate so far against evaluations, one line per objective.",
        "Normalised l1 of the best-scored candidate",
    )
    page.add(
        "convergence",
        "Convergence",
        "convergence.html",
        several=len(records) > 1,
        apart=len(page.objectives) > 1,
        scores=score_figures(page, records, curves),
        loss=None if spec is None else page.draw(spec, figure),
        checkpoints=checkpoints(curves),
    )


def score_figures(
    page: Page, records: Sequence[Record], curves: Sequence[charts.Part[ConvergenceCurves]]
) -> list[Chart]:
    """A chart of the best score so far per objective of the records."""
    return [
        page.draw(
            charts.score_chart(objective, number, curves),
            Chart(
                f"score-{number}",
                f"Best {objective} score so far against evaluations.",
                f"{objective} ({'higher' if group[0].history.higher_is_better else 'lower'} is better)",
            ),
        )
        for number, (objective, group) in enumerate(by_objective(records).items())
    ]


def checkpoints(curves: Sequence[charts.Part[ConvergenceCurves]]) -> Table:
    """The curves at a few evaluations."""
    rows: list[list[Cell]] = []
    for name, curve in _named(curves):
        count = len(curve.evaluations)
        for share in _CHECKPOINTS:
            index = max(0, int(np.ceil(share * count)) - 1)
            loss = None if curve.l1_normalised is None else float(curve.l1_normalised.median[index])
            rows.append([name, int(curve.evaluations[index]), float(curve.score.median[index]), loss])
    heads = ["objective", "evaluations", "median best score", f"median {NORMALISED_L1}"]
    if all(row[-1] is None for row in rows):
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    return Table("Convergence at a tenth, a quarter, half and all of the budget", heads, rows)


def _named(parts: Sequence[charts.Part[T]]) -> list[tuple[str, T]]:
    """What is pooled, by what tables call it."""
    return [
        (name if len(parts) == 1 else f"{name}, {label}", one)
        for label, each in parts
        for name, one in each.items()
    ]


def add_levels(page: Page, records: Sequence[Record]) -> None:
    """Hidden level per stage at the start and as found, as a chart and in the stages' units."""
    levels = levels_of_records(records)
    if levels is None:
        return
    several = sum(levels.runs.values()) > 1
    rows: list[list[Cell]] = [
        [label, start, *found, most, unit]
        for label, start, found, most, unit in zip(
            levels.labels,
            levels.start.median.tolist(),
            np.stack([band.median for band in levels.found.values()], axis=1).tolist(),
            levels.maxima.tolist(),
            levels.units,
            strict=True,
        )
    ]
    names = [f"found by {name}" for name in levels.found] if len(levels.found) > 1 else ["found"]
    words = "Hidden level of each stage as a share of its highest, at the start and as found."
    page.add(
        "levels",
        "Recovered levels",
        "levels.html",
        records=records,
        several=several,
        misled=sum(record.misled for record in records),
        figure=page.draw(charts.levels_chart(page.objectives, levels), Chart("levels", words)),
        levels=Table(
            f"Hidden levels in the stages' own units{', medians over runs' if several else ''}",
            ["stage", START, *names, "highest", "unit"],
            rows,
        ),
    )


def add_truth(page: Page, records: Sequence[Record]) -> None:
    """Score against normalised l1 of the evaluations, a panel per objective."""
    figures = [
        page.draw(
            spec,
            Chart(f"truth-{number}", f"Score of {name} against {NORMALISED_L1}. {words}", name, words),
        )
        for number, (name, words, spec) in enumerate(point_charts.scatter_charts(page.objectives, records))
    ]
    if figures:
        page.add("truth", "Objective against truth", "truth.html", figures=figures)


def add_targets(
    page: Page, records: Sequence[Record], parts: Sequence[Slice], targets: Sequence[float]
) -> None:
    """The share of targets of normalised l1 that were reached."""
    runs = charts.by_part(parts)
    spec = charts.reached_chart(page.objectives, runs, targets)
    if spec is None:
        return
    rows: list[list[Cell]] = []
    for name, group in _named(runs):
        for target in targets:
            share = charts.share_reached(group, target)
            if share is not None:
                rows.append([name, target, f"{100 * share:.0f} %"])
    words = "Share of targets of normalised l1 reached against evaluations."
    page.add(
        "targets",
        "Targets reached",
        "targets.html",
        targets=listed([f"{target:g}" for target in targets]),
        figure=page.draw(spec, Chart("targets", words)),
        reached=Table("Runs that reached a target", ["objective", f"{NORMALISED_L1} at most", "runs"], rows),
    )


def add_candidates(page: Page, records: Sequence[Record]) -> None:
    """Parallel coordinates of the best candidates, and their parameters."""
    best = best_of_runs(records)
    if best is None:
        return
    variants = len(in_order(records, lambda record: record.variant)) > 1
    page.add(
        "candidates",
        "Best candidates",
        "candidates.html",
        records=records,
        variants=variant_word(records) if variants else "",
        figure=page.draw(
            charts.parallel_chart(page.objectives, best),
            Chart("candidates", "Parallel coordinates of the best candidates."),
        ),
        parameters=parameters_table(records[0]) if len(records) == 1 else _parameters_of(records),
    )


def _parameters_of(records: Sequence[Record]) -> Table:
    """The parameters that several runs found, a row for each run."""
    names = list(dict.fromkeys(name for record in records for name in record.parameters))
    several = len(in_order(records, lambda record: record.objective)) > 1
    rows = [
        [
            record.name,
            *([record.objective] if several else []),
            record.score,
            record.l1_normalised,
            *(plain_cell(record.parameters.get(name)) for name in names),
        ]
        for record in records
    ]
    heads = ["run", *(["objective"] if several else []), "score", NORMALISED_L1, *names]
    return Table("The best-scored candidate of each run", heads, rows)


def parameters_table(record: Record) -> Table:
    """A run's parameters at the start and as found, a row for each."""
    assert record.run is not None
    space = record.run.space
    start, remarks = space.to_dicts(space.start())[0], space.remarks(record.parameters)
    rows = [
        [name, plain_cell(start.get(name)), plain_cell(value), remarks[name]]
        for name, value in record.parameters.items()
    ]
    return Table(f"Parameters of the {record.answer}", ["parameter", START, FOUND, "allowed"], rows)


def plain_cell(value: object) -> Cell:
    """A parameter's value as a table shows it."""
    return value if isinstance(value, str | float | int) else None if value is None else str(value)


def add_sensitivity(page: Page, record: Record) -> None:
    """How the score of one run depends on each parameter near the optimum."""
    fit = sensitivity(record.history)
    if fit is None:
        page.add("sensitivity", "Sensitivity", "sensitivity.html", fit=None)
        return
    assert record.run is not None
    space, colour = record.run.space, page.objectives.index(record.objective)
    figures = [
        page.draw(
            spec,
            Chart(
                f"sensitivity-{number}",
                f"Score against {name} for the evaluations near the best candidate, with the fitted curve.",
                name,
            ),
        )
        for number, (name, spec) in enumerate(point_charts.sensitivity_charts(record, space, fit, colour))
    ]
    page.add(
        "sensitivity",
        "Sensitivity around the optimum",
        "sensitivity.html",
        fit=fit,
        figures=figures,
        effects=_effects(fit, space),
    )


def _effects(fit: Sensitivity, space: ParameterSpace) -> Table:
    """The strongest parameter first. Choices come last: a part of the way between options means nothing."""
    values = space.to_dicts(space.to_values(torch.from_numpy(fit.centre[None, :])))[0]
    rows: list[list[Cell]] = []
    for index in np.argsort(-np.abs(np.nan_to_num(fit.effects)), kind="stable").tolist():
        parameter = space.free[index]
        effect = None if isinstance(parameter, Choice) else float(fit.effects[index])
        rows.append([parameter.name, plain_cell(values[parameter.name]), effect])
    rows.sort(key=lambda row: row[-1] is None)
    heads = ["parameter", "best value", f"change of the score for ±{100 * fit.step:.2g} % of the range"]
    return Table("Mean change of the fitted score, the strongest first", heads, rows)

"""The parts of the page that show how runs went: each computes its charts and writes its HTML."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from isptune.parameters import Choice
from isptune.report import charts
from isptune.report.compute import Slice, by_objective, curves, in_order, reached
from isptune.report.levels import recovered
from isptune.report.markup import Cell, chart, grid, paragraph, table
from isptune.report.page import Page
from isptune.report.parallel import parallel_chart
from isptune.report.records import Record, variant_word
from isptune.report.sensitivity import sensitivity
from isptune.tuning.misled import MISLED
from isptune.wording.naming import listed
from isptune.wording.words import FOUND, NORMALISED_L1, START, START_WORDS

NO_TRUTH = (
    "The pipeline does not know how far a candidate is from pristine, so the parts of a report that need "
    "this hidden truth are left out: normalised l1, recovered levels, objective against truth, and targets."
)
TOO_FEW = "The run's log holds too few different evaluations to tell how much each parameter matters."
_CHECKPOINTS = (0.1, 0.25, 0.5, 1.0)


def lead_of_truth(record: Record) -> str:
    """How much distortion is left, for the head of the page."""
    assert record.l1_normalised is not None
    share = f"{100 * record.l1_normalised:.3g} %"
    return (
        f"Its {NORMALISED_L1} is {record.l1_normalised:.3g}: {share} of the stages' highest levels are left."
    )


def add_convergence(page: Page, records: Sequence[Record], parts: Sequence[Slice]) -> None:
    """Best score and normalised l1 so far against evaluations."""
    several = len(records) > 1
    band = (
        "Lines are medians over runs, bands reach from the lower to the upper quartile. " if several else ""
    )
    loss = charts.loss_chart(page.objectives, parts)
    figures = score_figures(page, records, parts)
    if loss is not None:
        page.charts["loss"] = loss
        figure = chart(
            "loss", "Normalised l1 of the best-scored candidate", "Normalised l1 of the best-scored "
            "candidate so far against evaluations, one line per objective."
        )  # fmt: skip
        # Scores of several objectives have no common scale: the common measure stands first, by itself.
        figures = [figure, grid(figures)] if len(page.objectives) > 1 else [grid([*figures, figure])]
    else:
        figures = [grid(figures)]
    sentence = band + (
        "Normalised l1, the mean share of the stages' highest levels, is that of the candidate with the best "
        "score so far: what a user would have who "
        "stopped there. It can rise where an objective prefers a worse picture."
        if loss is not None
        else NO_TRUTH
    )
    page.add("convergence", "Convergence", paragraph(sentence) + "".join(figures) + checkpoints(parts))


def score_figures(page: Page, records: Sequence[Record], parts: Sequence[Slice]) -> list[str]:
    """A chart of the best score so far per objective of the records."""
    figures = []
    for number, (objective, group) in enumerate(by_objective(records).items()):
        identifier = f"score-{number}"
        page.charts[identifier] = charts.score_chart(objective, number, parts)
        direction = "higher" if group[0].history.higher_is_better else "lower"
        figures.append(
            chart(
                identifier,
                f"{objective} ({direction} is better)",
                f"Best {objective} score so far against evaluations.",
            )
        )
    return figures


def checkpoints(parts: Sequence[Slice]) -> str:
    """The curves at a few evaluations, as a table behind a summary."""
    rows: list[list[Cell]] = []
    for objective, group in _by_part(parts):
        curve = curves(group)
        last = len(curve.evaluations) - 1
        for share in _CHECKPOINTS:
            index = max(0, int(np.ceil(share * (last + 1))) - 1)
            loss = None if curve.l1_normalised is None else float(curve.l1_normalised.median[index])
            row = [int(curve.evaluations[index]), float(curve.score.median[index]), loss]
            rows.append([objective, *row])
    heads = ["objective", "evaluations", "median best score", f"median {NORMALISED_L1}"]
    if all(row[-1] is None for row in rows):
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    content = table(
        "Convergence at a tenth, a quarter, half and all of the budget", heads, rows, "checkpoints"
    )
    return f"<details><summary>The curves as a table</summary>{content}</details>"


def _by_part(parts: Sequence[Slice]) -> list[tuple[str, list[Record]]]:
    """The runs that are pooled, by what tables call them."""
    return [
        (objective if len(parts) == 1 else f"{objective}, {part.label}", group)
        for part in parts
        for objective, group in by_objective(part.records).items()
    ]


def add_levels(page: Page, records: Sequence[Record]) -> None:
    """Hidden level per stage at the start and as found, as a chart and in the stages' units."""
    levels = recovered(records)
    if levels is None:
        return
    page.charts["levels"] = charts.levels_chart(page.objectives, levels)
    several = sum(levels.runs.values()) > 1
    rows: list[list[Cell]] = []
    for number, (label, unit) in enumerate(zip(levels.labels, levels.units, strict=True)):
        found = [float(quartiles.median[number]) for quartiles in levels.found.values()]
        rows.append([label, float(levels.start.median[number]), *found, float(levels.maxima[number]), unit])
    names = [f"found by {name}" for name in levels.found] if len(levels.found) > 1 else ["found"]
    sentence = (
        f"How much of each stage's distortion is left at the {records[0].answer}, beside that at the "
        f"start ({START_WORDS}), where an untuned camera may stand."
    )
    misled = [record.name for record in records if record.misled]
    if misled:
        which = "this run" if len(records) == 1 else f"{len(misled)} of {len(records)} runs"
        sentence += f" In {which} the {MISLED}: the objective prefers worse pictures than that at the start."
    if several:
        sentence += " Marks are medians over runs, bars reach from the lower to the upper quartile."
    page.add(
        "levels",
        "Recovered levels",
        paragraph(sentence)
        + chart(
            "levels", "", "Hidden level of each stage as a share of its highest, at the start and as found."
        )
        + table(
            f"Hidden levels in the stages' own units{', medians over runs' if several else ''}",
            ["stage", START, *names, "highest", "unit"],
            rows,
            "levels-table",
        ),
    )


def add_truth(page: Page, records: Sequence[Record]) -> None:
    """Score against normalised l1 of the evaluations, a panel per objective."""
    figures = []
    for number, (objective, words, spec) in enumerate(charts.scatter_charts(page.objectives, records)):
        page.charts[f"truth-{number}"] = spec
        figures.append(
            chart(
                f"truth-{number}", objective, f"Score of {objective} against {NORMALISED_L1}. {words}", words
            )
        )
    if figures:
        sentence = (
            "Every point is an evaluated candidate; rings are the candidates that the runs would hand over. "
            "An objective that sees what is wrong with a picture gives its best scores to the lowest "
            "normalised l1. The rank agreement is Spearman's: +1 where the score orders candidates as the "
            "truth does, −1 where it orders them the other way round."
        )
        page.add("truth", "Objective against truth", paragraph(sentence) + grid(figures))


def add_targets(
    page: Page, records: Sequence[Record], parts: Sequence[Slice], targets: Sequence[float]
) -> None:
    """The share of targets of normalised l1 that were reached."""
    spec = charts.reached_chart(page.objectives, parts, targets)
    if spec is None:
        return
    page.charts["targets"] = spec
    rows: list[list[Cell]] = []
    for objective, group in _by_part(parts):
        for target in targets:
            steps = reached(group, [target])
            if steps is not None:
                rows.append([objective, target, f"{100 * float(steps.shares[-1]):.0f} %"])
    sentence = (
        "The share of pairs of a run and a target (normalised l1 of at most "
        f"{listed([f'{target:g}' for target in targets])}) that were reached within so many evaluations: "
        "the further up and to the left, the better."
    )
    page.add(
        "targets",
        "Targets reached",
        paragraph(sentence)
        + chart("targets", "", "Share of targets of normalised l1 reached against evaluations.")
        + "<details><summary>The targets as a table</summary>"
        + table(
            "Runs that reached a target",
            ["objective", f"{NORMALISED_L1} at most", "runs"],
            rows,
            "reached-table",
        )
        + "</details>",
    )


def add_candidates(page: Page, records: Sequence[Record]) -> None:
    """Parallel coordinates of the best candidates, and their parameters."""
    spec = parallel_chart(page.objectives, records)
    if spec is None:
        return
    page.charts["candidates"] = spec
    single = len(records) == 1
    sentence = (
        "A line is a candidate; it crosses every axis at its value. "
        + ("Shown are the candidates of best score in this run. " if single else "Shown is each run's best. ")
        + "Where lines run together, the score pins a parameter down; where they spread, it hardly matters."
    )
    if len(in_order(records, lambda record: record.variant)) > 1:
        sentence += (
            f" Runs on different {variant_word(records)}s need different parameters for the same picture: "
            "compare them by their hidden levels."
        )
    content = chart("candidates", "", "Parallel coordinates of the best candidates.")
    page.add("candidates", "Best candidates", paragraph(sentence) + content + _parameters(records))


def _parameters(records: Sequence[Record]) -> str:
    """The parameters found: a row per parameter for one run, a row per run for several."""
    if len(records) == 1:
        return parameters_table(records[0])
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
    content = table("The best-scored candidate of each run", heads, rows, "parameters-table")
    return f"<details><summary>All {len(records)} best candidates as a table</summary>{content}</details>"


def parameters_table(record: Record) -> str:
    """A run's parameters at the start and as found, a row for each."""
    assert record.run is not None
    space = record.run.space
    start, remarks = space.to_dicts(space.start())[0], space.remarks(record.parameters)
    rows = [
        [name, plain_cell(start.get(name)), plain_cell(value), remarks[name]]
        for name, value in record.parameters.items()
    ]
    heads = ["parameter", START, FOUND, "allowed"]
    return table(f"Parameters of the {record.answer}", heads, rows, "parameters-table")


def plain_cell(value: object) -> Cell:
    """A parameter's value as a table shows it."""
    return value if isinstance(value, str | float | int) else None if value is None else str(value)


def add_sensitivity(page: Page, record: Record) -> None:
    """How the score of one run depends on each parameter near the optimum."""
    assert record.run is not None
    space = record.run.space
    fit = sensitivity(record.history)
    if fit is None:
        page.add("sensitivity", "Sensitivity", paragraph(TOO_FEW))
        return
    figures = []
    colour = page.objectives.index(record.objective)
    for number, (name, spec) in enumerate(charts.sensitivity_charts(record, space, fit, colour)):
        page.charts[f"sensitivity-{number}"] = spec
        words = f"Score against {name} for the evaluations near the best candidate, with the fitted curve."
        figures.append(chart(f"sensitivity-{number}", name, words))
    order = np.argsort(-np.abs(np.nan_to_num(fit.effects)), kind="stable")
    names = [parameter.name for parameter in space.free]
    values = space.to_dicts(space.to_values(torch.from_numpy(fit.centre[None, :])))[0]
    # A fraction of the way from one option to the next means nothing.
    choices = {parameter.name for parameter in space.free if isinstance(parameter, Choice)}
    rows = [
        [names[i], plain_cell(values[names[i]]), None if names[i] in choices else float(fit.effects[i])]
        for i in sorted(order, key=lambda i: names[i] in choices)
    ]
    sentence = (
        f"A quadratic in each parameter was fitted to the {len(fit.nearest):,} logged evaluations nearest to "
        f"the best candidate; it explains {100 * fit.r_squared:.0f} % of the variance of their scores. The "
        "vertical line is the best candidate, the curve the fit with all other parameters held there. "
        "Nothing was rendered anew."
    )
    heads = ["parameter", "best value", f"change of the score for ±{100 * fit.step:.2g} % of the range"]
    page.add(
        "sensitivity",
        "Sensitivity around the optimum",
        paragraph(sentence)
        + grid(figures)
        + table("Mean change of the fitted score, the strongest first", heads, rows, "sensitivity-table"),
    )

"""The part of the page about scenes that only judge."""

from __future__ import annotations

from isptune.figures.records import Record
from isptune.figures.shown_numbers import Cell
from isptune.report.charts import Spec, plain
from isptune.report.page import Chart, Page, Table
from isptune.runs.held_out import HeldOut, JudgedScene
from isptune.wording.words import FOUND, START

_SIDES = ("tuned scenes", "held-out scenes")


def add_held_out(page: Page, record: Record) -> None:
    """Gains scene by scene, how both sides went along the search, and scores; nothing without such scenes."""
    held = None if record.run is None else record.run.result.holdout
    if held is None:
        return
    figures = [
        page.draw(
            _gains_chart(held, label, higher, number),
            Chart(
                f"gains-{number}",
                f"Gain in {label} of each tuned and each held-out scene.",
                f"Gain in {label}, scene by scene",
                "A point is a scene, a ring the mean of its side; above 0 what was found is better than the "
                "start.",
            ),
        )
        for number, (label, higher) in enumerate(zip(held.labels, held.orientations, strict=True))
    ]
    if len(held.way) > 1:
        words = "Score on tuned and on held-out scenes of candidates that were the best at their time."
        chart = Chart(
            "way", words, f"{held.labels[0]} along the search", "Candidates that were the best then."
        )
        figures.append(page.draw(_way_chart(held), chart))
    page.add(
        "held-out",
        "Held-out scenes",
        "held_out.html",
        held=held,
        figures=figures,
        scenes=_table(held),
    )


def _gains_chart(held: HeldOut, label: str, higher: bool, colour: int) -> Spec:
    """Points over the two sides, and the means."""
    sign = 1.0 if higher else -1.0
    sides = (held.tuned, held.held_out)
    points = [
        (float(place), sign * (scene.found[label] - scene.start[label]))
        for place, scenes in enumerate(sides)
        for scene in scenes
    ]
    (mean,) = (one for one in held.gains if one.label == label)
    return {
        "kind": "points",
        "colour": colour,
        "x": {"label": "role", "names": list(_SIDES)},
        "y": {"label": "gain", "zero": True},
        "points": [plain([x for x, _ in points]), plain([y for _, y in points])],
        "pointNames": [scene.name for scenes in sides for scene in scenes],
        "best": [[0.0, 1.0], plain([mean.tuned, mean.held_out])],
        "bestNames": [f"{side}, mean" for side in _SIDES],
    }


def _way_chart(held: HeldOut) -> Spec:
    x = plain([step["evaluation"] for step in held.way])
    series = [
        {"name": name, "colour": colour, "runs": 1, "x": x, "y": plain([step[key] for step in held.way])}
        for colour, (name, key) in enumerate(zip(_SIDES, ("tuned", "held_out"), strict=True))
    ]
    return {
        "kind": "lines",
        "x": {"label": "evaluations", "canLog": True, "whole": True},
        "y": {"label": held.labels[0]},
        "slices": [{"label": "all runs", "series": series}],
    }


def _table(held: HeldOut) -> Table:
    heads = ["scene", "role"]
    for label in held.labels:
        heads += [f"{label}, {START}", f"{label}, {FOUND}", f"gain in {label}"]
    likeness = held.shows_psnr
    heads += [f"PSNR, {START}", f"PSNR, {FOUND}"] if likeness else []

    def row(role: str, scene: JudgedScene) -> list[Cell]:
        cells: list[Cell] = [scene.name, role]
        for label, higher in zip(held.labels, held.orientations, strict=True):
            before, after = scene.start[label], scene.found[label]
            cells += [before, after, after - before if higher else before - after]
        return cells + ([scene.psnr_start, scene.psnr_found] if likeness else [])

    rows = [row("tuned", scene) for scene in held.tuned] + [row("held out", one) for one in held.held_out]
    return Table("Scores scene by scene; a gain is positive where what was found is better", heads, rows)

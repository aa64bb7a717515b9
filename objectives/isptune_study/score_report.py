"""The report of a study: its scores as one HTML page, which holds all that it shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from isptune.figures.shown_numbers import Cell, written
from isptune.iqa.evaluation.resampling import Estimate
from isptune.report.charts import Spec, plain, rounded
from isptune.report.page import Chart, Page, Table
from isptune.wording.showing import counted
from isptune_study.judging import PEOPLE, Judged
from isptune_study.opening import Opened
from isptune_study.panels import ScenePanels, scene_panels
from isptune_study.score_pictures import matrix_of, samples_of
from isptune_study.scoring import StudyScores
from isptune_study.screening import LEAST_SENSITIVITY, Screened

_LAWS = {"thurstone": "Thurstone's law", "bradley-terry": "the law of Bradley and Terry"}

_USUAL, _FLAGGED = 0, 1
"""Colours of observers."""


def report_of_study(study: Opened, scores: StudyScores, judged: Sequence[Judged] = ()) -> str:
    """A whole HTML document about the scores of a study.

    Args:
        study: where the images lie.
        scores: of its answers.
        judged: objectives that were compared with them.
    """
    panels = scene_panels(scores)
    images = sum(len(one.names) for one in panels)
    lead = (
        f"{counted(images, 'image')}{_of_scenes(panels)}, compared by "
        f"{counted(len(scores.observers), 'observer')} in {counted(len(scores.answers), 'answer')}."
    )
    names = ["usual", "flagged"]
    page = Page(study.title or "Study", lead, names, templates=("isptune_study",))
    page.add("overview", "Overview", "study_overview.html", **_overview(scores, panels))
    page.add("opinions", "Opinions", "study_opinions.html", **_opinions(page, scores, panels))
    shown = [{"title": one.title, "samples": samples_of(one, study.files)} for one in panels]
    if any(one["samples"] for one in shown):
        words = f"From the worst to the best, with the {panels[0].unit} and half the width of its interval."
        page.add("samples", "Images by score", "study_samples.html", scenes=shown, words=words)
    page.add("wins", "Wins", "study_wins.html", matrices=[matrix_of(one) for one in panels])
    page.add("observers", "Observers", "study_observers.html", **_observers(page, scores))
    if judged:
        page.add("objectives", "Objectives on people", "study_objectives.html", **_objectives(page, judged))
    return page.to_html()


def _of_scenes(panels: Sequence[ScenePanels]) -> str:
    return f" of {counted(len(panels), 'scene')}" if len(panels) > 1 else ""


def _overview(scores: StudyScores, panels: Sequence[ScenePanels]) -> dict[str, Any]:
    agreed = [one.agreement for one in scores.scenes]
    facts: list[tuple[str, Cell]] = [
        ("images", sum(len(one.names) for one in panels)),
        ("observers who count", len(scores.observers) - len(scores.left_out)),
        ("answers", len(scores.answers)),
        ("flagged observers", sum(one.flagged for one in scores.observers)),
    ]
    cells: list[list[Cell]] = [
        [one.scene or "all", two.kendall_w, two.alpha, two.split_half]
        for one, two in zip(scores.scenes, agreed, strict=True)
    ]
    heads = ["scene", "Kendall's W", "Krippendorff's alpha", "SRCC of split halves"]
    return {
        "facts": [(name, written(value)) for name, value in facts],
        "notes": scores.notes,
        "agreement": Table("Agreement of the observers", heads, cells),
    }


def _opinions(page: Page, scores: StudyScores, panels: Sequence[ScenePanels]) -> dict[str, Any]:
    scenes = []
    for number, one in enumerate(panels):
        name = f" of {one.title}" if one.title else ""
        found = one.histogram
        scenes.append(
            {
                "title": one.title,
                "ranked": page.draw(
                    _ranked(one),
                    Chart(
                        f"ranked-{number}",
                        f"Opinions{name} from the worst to the best image with 95% intervals.",
                        f"{one.unit} from the worst to the best",
                    ),
                ),
                "histogram": page.draw(
                    _histogram(one),
                    Chart(
                        f"histogram-{number}",
                        f"How many images{name} have which opinion.",
                        "How opinions are spread",
                        f"A chi-square of {found.chi_square:.1f} against equal counts in "
                        f"{len(found.counts)} bins (as large by chance: {found.chance:.2g}).",
                    ),
                ),
                "widths": page.draw(
                    _widths(one),
                    Chart(
                        f"widths-{number}",
                        f"Half the width of each interval{name} against the opinion.",
                        "Half the width of each interval",
                    ),
                ),
            }
        )
    counts = not scores.refusal
    words = (
        f"JOD are distances on the scale of {_LAWS[scores.scenes[0].scale.law.name]}: at 1 JOD three of four "
        "prefer the better image. Intervals of 95% are over observers. Images stand in the order of that "
        "scale."
    )
    if counts:
        words = f"The MOS says how often an image won (a tie is half a win). {words}"
    return {
        "scenes": scenes,
        "words": words,
        "table": _images(scores, counts, len(panels) > 1),
    }


def _images(scores: StudyScores, counts: bool, several: bool) -> Table:
    keys = ["name", *(["scene"] if several else []), *(["mos", "mos_half_width"] if counts else [])]
    keys += ["jod", "jod_half_width", "comparisons"]
    heads = {
        "name": "image",
        "mos": "MOS",
        "mos_half_width": "± MOS",
        "jod": "JOD",
        "jod_half_width": "± JOD",
    }
    rows: list[list[Cell]] = [[_cell(row[key]) for key in keys] for row in scores.rows()]
    return Table("Images, the best first", [heads.get(key, key) for key in keys], rows)


def _cell(value: Any) -> Cell:
    return round(value, 3) if isinstance(value, float) and math.isfinite(value) else value


def _ranked(panels: ScenePanels) -> Spec:
    series: Spec = {
        "name": panels.unit,
        "colour": 0,
        "runs": 1,
        "x": list(range(1, len(panels.names) + 1)),
        "y": plain(panels.opinions),
    }
    if np.isfinite(panels.half_widths).any():
        series["low"] = plain(panels.opinions - panels.half_widths)
        series["high"] = plain(panels.opinions + panels.half_widths)
    return {
        "kind": "lines",
        "step": True,
        "x": {"label": "rank of the image", "whole": True},
        "y": {"label": panels.unit},
        "slices": [{"label": "", "series": [series]}],
    }


def _histogram(panels: ScenePanels) -> Spec:
    found = panels.histogram
    edges, counts = found.edges, [*found.counts.tolist(), 0.0]
    even = float(found.counts.mean())
    # From the axis up, along the bins, and down again.
    x = [float(edges[0]), *edges.tolist()]
    y = [0.0, *counts]
    bars = {"name": "images", "colour": 0, "runs": 1, "x": plain(x), "y": y}
    flat = {"name": "if even", "colour": 1, "runs": 1, "x": plain(edges[[0, -1]]), "y": [even, even]}
    return {
        "kind": "lines",
        "step": True,
        "x": {"label": panels.unit},
        "y": {"label": "images", "zero": True},
        "slices": [{"label": "", "series": [bars, flat]}],
    }


def _widths(panels: ScenePanels) -> Spec:
    return {
        "kind": "points",
        "colour": 0,
        "x": {"label": panels.unit},
        "y": {"label": f"half width, {panels.unit}", "zero": True},
        "points": [plain(panels.opinions), plain(panels.half_widths)],
        "pointNames": list(panels.names),
    }


def _observers(page: Page, scores: StudyScores) -> dict[str, Any]:
    ordered = sorted(scores.observers, key=lambda one: -np.nan_to_num(one.sensitivity, nan=-9.0))
    rows = [
        {
            "name": one.name,
            "value": rounded(one.sensitivity),
            "low": None,
            "high": None,
            "colour": _FLAGGED if one.flagged else _USUAL,
            "note": "; ".join(one.reasons),
        }
        for one in ordered
    ]
    spec: Spec = {
        "kind": "intervals",
        "x": {"label": "sensitivity (median observer: 1)", "zero": True},
        "mark": LEAST_SENSITIVITY,
        "rows": rows,
    }
    heads = [
        "observer",
        "answers",
        "sensitivity",
        "left",
        "unsure",
        "repeats alike",
        "golden right",
        "seconds",
    ]
    with_plates = any(one.plates for one in ordered)
    heads += ["plates right"] if with_plates else []
    cells = [_observer(one, one.name in scores.left_out, with_plates) for one in ordered]
    return {
        "figure": page.draw(spec, Chart("sensitivity", "Sensitivity of each observer.")),
        "table": Table("How each observer answered", [*heads, "flagged"], cells),
        "least": f"{LEAST_SENSITIVITY:g}",
    }


def _observer(one: Screened, left_out: bool, with_plates: bool) -> list[Cell]:
    said = "; ".join(one.reasons)
    return [
        one.name,
        one.answers,
        _cell(one.sensitivity),
        _cell(one.left),
        _cell(one.unsure),
        f"{one.alike} of {one.repeats}" if one.repeats else "–",
        f"{one.right:g} of {one.golden}" if one.golden else "–",
        _cell(one.seconds),
        *([f"{one.plates.right} of {one.plates.shown}" if one.plates else "–"] if with_plates else []),
        f"{said} (left out)" if left_out else said,
    ]


def _objectives(page: Page, judged: Sequence[Judged]) -> dict[str, Any]:
    def rows(of: Any) -> list[Spec]:
        return [_estimate(one.name, of(one)) for one in judged if math.isfinite(of(one).value)]

    charts = {
        "SRCC": (lambda one: one.estimates["srcc"], {"label": "SRCC"}),
        "Answers predicted": (lambda one: one.accuracy, {"label": "share of answers"}),
        "Regret": (lambda one: one.regret_jod, {"label": "JOD lost by its choice", "zero": True}),
    }
    figures = []
    for number, (title, (of, axis)) in enumerate(charts.items()):
        found = rows(of)
        if found:
            spec: Spec = {"kind": "intervals", "x": axis, "mark": None, "rows": found}
            words = f"{title} of each objective with a 95% interval."
            figures.append(page.draw(spec, Chart(f"objectives-{number}", words, title)))
    heads = ["objective", "SRCC", "PLCC", "KRCC", "answers predicted", "regret, JOD", "regret, MOS"]
    cells: list[list[Cell]] = [
        [
            one.name,
            *(_interval(one.estimates[name]) for name in ("srcc", "plcc", "krcc")),
            _interval(one.accuracy),
            _interval(one.regret_jod),
            _cell(one.regret_mos),
        ]
        for one in judged
    ]
    return {"figures": figures, "table": Table("Agreement with people", heads, cells), "people": PEOPLE}


def _estimate(name: str, estimate: Estimate) -> Spec:
    return {
        "name": name,
        "value": rounded(estimate.value),
        "low": rounded(estimate.low),
        "high": rounded(estimate.high),
        "colour": 2 if name == PEOPLE else 0,
        "note": "",
    }


def _interval(estimate: Estimate) -> str:
    if not math.isfinite(estimate.value):
        return "–"
    if not math.isfinite(estimate.low):
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"

"""What the scores of a study are written as: tables, the meta file of a data set, figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from isptune.errors import ConfigurationError
from isptune.storage.writing import make_folder, write_whole
from isptune.wording.text_tables import csv_text
from isptune_study.judging import Judged
from isptune_study.opening import Opened
from isptune_study.scoring import StudyScores

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_scores(
    folder: Path, study: Opened, scores: StudyScores, judged: Sequence[Judged] = ()
) -> list[Path]:
    """Write tables and figures into a folder, which is made.

    ``scores.csv`` and ``meta.csv`` of the images, ``observers.csv``, ``objectives.csv`` where some were
    judged, ``scores.json`` with everything, ``report.html`` to look at, and the figures.

    Returns:
        The files.
    """
    make_folder(folder, ConfigurationError)
    rows = scores.rows()
    texts = {
        "scores.csv": csv_text([*rows[0]], [[*row.values()] for row in rows]),
        "meta.csv": meta_csv(scores),
        "observers.csv": observers_csv(scores),
    }
    if judged:
        texts["objectives.csv"] = objectives_csv(judged)
    from isptune_study.score_command import plain, summary
    from isptune_study.score_report import report_of_study

    texts["report.html"] = report_of_study(study, scores, judged)
    texts["scores.json"] = json.dumps(plain(summary(study, scores, [*judged])), indent=1) + "\n"
    found = [write_whole(folder / name, text, ConfigurationError) for name, text in texts.items()]
    return [*found, *draw_all(folder, study, scores, judged)]


def meta_csv(scores: StudyScores) -> str:
    """``name,mos,std`` and the reference of each image's scene, as data sets of opinions are described.

    The MOS is that of win counts; where these mean nothing it is the position in JOD, without a ``std``.
    """
    counts = not scores.refusal
    several = len(scores.scenes) > 1
    head = ["name", "mos", *(["std"] if counts else []), *(["ref_name"] if several else [])]
    lines = [
        [
            row["name"],
            row["mos"] if counts else row["jod"],
            *([row["std"]] if counts else []),
            *([row["scene"]] if several else []),
        ]
        for row in scores.rows()
    ]
    return csv_text(head, lines)


def observers_csv(scores: StudyScores) -> str:
    """How each observer answered, with the reasons of flags."""
    rows = [
        asdict(one)
        | {
            "plates": one.plates.shown if one.plates else None,
            "plates_right": one.plates.right if one.plates else None,
            "left_out": int(one.name in scores.left_out),
            "reasons": "; ".join(one.reasons),
            "remarks": "; ".join(one.plates.remarks) if one.plates else "",
        }
        for one in scores.observers
    ]
    return csv_text([*rows[0]], [[*row.values()] for row in rows])


def objectives_csv(judged: Sequence[Judged]) -> str:
    """The agreement of objectives with the opinions; intervals in columns of their own."""
    lines = []
    for one in judged:
        line: dict[str, object] = {"objective": one.name}
        estimates = {**one.estimates, "accuracy": one.accuracy, "regret_jod": one.regret_jod}
        for name, estimate in estimates.items():
            line |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        lines.append(line | {"regret_mos": one.regret_mos})
    return csv_text([*lines[0]], [[*line.values()] for line in lines])


def draw_all(folder: Path, study: Opened, scores: StudyScores, judged: Sequence[Judged] = ()) -> list[Path]:
    """Draw the figures into a folder; of several scenes each has a number in the names."""
    from isptune.figures.style import save
    from isptune_study import study_figures as drawing
    from isptune_study.panels import scene_panels

    figures: dict[str, Figure] = {"observers": drawing.draw_observers(scores.observers)}
    panels = scene_panels(scores)
    for number, one in enumerate(panels, start=1):
        mark = f"-{number}" if len(panels) > 1 else ""
        figures[f"opinions{mark}"] = drawing.draw_opinions(one)
        figures[f"wins{mark}"] = drawing.draw_wins(one)
        if any(name in study.files for name in one.names):
            figures[f"samples{mark}"] = drawing.draw_samples(one, study.files)
    if judged:
        figures["objectives"] = drawing.draw_objectives(judged)
    # Of pictures PNG would be ten times as large.
    kinds = {name: ".jpg" if name.startswith("samples") else ".png" for name in figures}
    return [save(figure, folder / f"{name}{kinds[name]}") for name, figure in figures.items()]

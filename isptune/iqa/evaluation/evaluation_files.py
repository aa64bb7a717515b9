"""An evaluation as Markdown, CSV and JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path

from isptune.iqa.evaluation.findings import Evaluation
from isptune.iqa.evaluation.resampling import NAMES, Difference, Estimate
from isptune.storage.paths import file_name
from isptune.storage.writing import make_folder, write_whole
from isptune.wording.text_tables import csv_text, markdown_table

TITLES = {
    "srcc": "SRCC",
    "plcc": "PLCC",
    "plcc_logistic": "PLCC after logistic",
    "krcc": "KRCC",
    "rmse_logistic": "RMSE after logistic",
}
MARKDOWN_NAME, CSV_NAME = "evaluation.md", "evaluation.csv"
JSON_NAME, SCORES_NAME = "evaluation.json", "scores.csv"


def write_reports(evaluation: Evaluation, folder: str | Path) -> list[Path]:
    """Write ``evaluation.md``, ``evaluation.csv``, ``evaluation.json``, ``scores.csv`` and the scatter plots.

    There is one plot per objective, of the first split. The folder is made where it is missing.

    Returns:
        The files.

    Raises:
        RunDirectoryError: the folder cannot be written.
        DiskFullError: there is no room for a file; those before it are whole.
    """
    from isptune.figures.style import save
    from isptune.iqa.evaluation.scatter import draw_scatter, scatter_points

    folder = Path(folder)
    texts = {
        JSON_NAME: json.dumps(evaluation.to_dict(), indent=2, allow_nan=False, ensure_ascii=False) + "\n",
        CSV_NAME: agreement_csv(evaluation),
        SCORES_NAME: scores_csv(evaluation),
        MARKDOWN_NAME: markdown(evaluation),
    }
    make_folder(folder)
    files = [write_whole(folder / name, text) for name, text in texts.items()]
    for scores in evaluation.scores:
        points = scatter_points(evaluation, scores.name)
        if len(points.scores) >= 2:
            files.append(save(draw_scatter(points), folder / f"scatter_{file_name(scores.name)}.png"))
    return files


def markdown(evaluation: Evaluation) -> str:
    """Tables and notes, readable as they are."""
    data = evaluation.dataset
    contents = f", {len(set(data.contents))} contents" if data.has_groups else ""
    lines = [f"# {data.name}: {len(data)} images{contents}", "", tables(evaluation), ""]
    lines += [f"- {note}" for note in evaluation.notes]
    if evaluation.failures:
        lines += ["", "## Images that failed", "", *(f"- {sentence}" for sentence in evaluation.failures)]
    return "\n".join([*lines, ""])


def tables(evaluation: Evaluation) -> str:
    """The tables alone: agreement, over the splits, differences."""
    return "\n\n".join(markdown_table(*table) for table in table_cells(evaluation))


def table_cells(evaluation: Evaluation) -> list[tuple[list[str], list[list[str]], int]]:
    """The tables as heads, rows and how many of the first columns are texts."""
    head = ["objective", "split", "images", *TITLES.values()]
    rows = [
        [
            one.objective,
            one.split,
            f"{one.images} of {one.images + one.failed}" if one.failed else str(one.images),
            *(estimate_text(one.estimates[name]) for name in NAMES),
        ]
        for one in evaluation.agreements
    ]
    rows += [
        [
            one.objective,
            f"mean ± std of {one.splits}",
            "",
            *(f"{_text(one.mean[name])} ± {_text(one.std[name])}" for name in NAMES),
        ]
        for one in evaluation.summaries
    ]
    found = [(head, rows, 2)]
    if evaluation.differences:
        head = ["SRCC of", "minus that of", "split", "images", "difference", "0 outside the interval"]
        rows = [
            [
                one.first,
                one.second,
                split,
                str(one.images),
                estimate_text(one.estimate),
                _decided(one),
            ]
            for split, one in evaluation.differences
        ]
        found.append((head, rows, 3))
    return found


def _decided(difference: Difference) -> str:
    if not math.isfinite(difference.estimate.low):
        return "no interval"
    return "yes" if difference.decided else "no"


def estimate_text(estimate: Estimate) -> str:
    """``0.812 [0.790, 0.833]``; ``none`` where there is no value."""
    text = _text(estimate.value)
    if math.isfinite(estimate.value) and math.isfinite(estimate.low):
        text += f" [{_text(estimate.low)}, {_text(estimate.high)}]"
    return text


def _text(value: float) -> str:
    if not math.isfinite(value):
        return "none"
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.4g}"


def agreement_csv(evaluation: Evaluation) -> str:
    """One row per objective and split, then the rows of mean and standard deviation over the splits."""
    head = ["objective", "split", "images", "failed"]
    head += [f"{name}{end}" for name in NAMES for end in ("", "_low", "_high")]
    rows = [
        [one.objective, one.split, one.images, one.failed, *_cells(one.estimates)]
        for one in evaluation.agreements
    ]
    for summary in evaluation.summaries:
        for kind, values in (("mean", summary.mean), ("std", summary.std)):
            estimates = {name: Estimate(value) for name, value in values.items()}
            rows.append(
                [summary.objective, f"{kind} of {summary.splits} splits", None, None, *_cells(estimates)]
            )
    return csv_text(head, rows)


def _cells(estimates: Mapping[str, Estimate]) -> list[float]:
    return [value for name in NAMES for value in astuple(estimates[name])]


def scores_csv(evaluation: Evaluation) -> str:
    """One row per image: name, MOS, each objective's score in its own orientation; empty where it failed."""
    rows = [
        [record.name, record.mos, *(float(one.values[index]) for one in evaluation.scores)]
        for index, record in enumerate(evaluation.dataset.records)
    ]
    return csv_text(["name", "mos", *(one.name for one in evaluation.scores)], rows)

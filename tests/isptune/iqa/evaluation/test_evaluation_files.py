"""The tables and the scatter plot: what they say, and that they can be read back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isptune.errors import RunDirectoryError, UnknownNameError
from isptune.iqa.datasets import Dataset
from isptune.iqa.evaluation import Evaluation, Scores, compare, draw_scatter, evaluate, write_reports
from isptune.iqa.evaluation.scatter import scatter_points
from isptune.scenes import read_image
from isptune.wording.text_tables import markdown_table

Make = Callable[..., Any]


@pytest.fixture
def found(dataset: Dataset, objective: Make) -> Evaluation:
    pair = [objective("a:b/c"), objective("down", higher_is_better=False)]
    pair[1].bad = {30: ValueError("boom")}
    return evaluate(pair, dataset, splits=["all", "fold_split:train"], bootstrap=20)


def test_files(found: Evaluation, tmp_path: Path) -> None:
    files = write_reports(found, tmp_path / "deep" / "out")
    assert [file.name for file in files] == [
        "evaluation.json",
        "evaluation.csv",
        "scores.csv",
        "evaluation.md",
        "scatter_a_b_c.png",
        "scatter_down.png",
    ]
    assert min(read_image(files[-1]).shape[1:]) > 300
    data = json.loads(files[0].read_text())
    assert data == found.to_dict()
    rows = list(csv.DictReader(io.StringIO(files[1].read_text())))
    assert [(row["objective"], row["split"]) for row in rows] == [
        ("a:b/c", "all"),
        ("down", "all"),
        ("a:b/c", "fold_split:train"),
        ("down", "fold_split:train"),
        ("a:b/c", "mean of 2 splits"),
        ("a:b/c", "std of 2 splits"),
        ("down", "mean of 2 splits"),
        ("down", "std of 2 splits"),
    ]
    # To the last bit.
    assert float(rows[0]["srcc_low"]) == found.agreements[0].estimates["srcc"].low
    scores = list(csv.DictReader(io.StringIO(files[2].read_text())))
    assert list(scores[0]) == ["name", "mos", "a:b/c", "down"]
    assert scores[2] == {"name": "2.png", "mos": "4.0", "a:b/c": scores[2]["a:b/c"], "down": ""}
    assert [float(row["a:b/c"]) for row in scores] == found.scores[0].values.tolist()


def test_markdown(found: Evaluation, tmp_path: Path) -> None:
    text = write_reports(found, tmp_path)[3].read_text()
    lines = text.splitlines()
    assert lines[0] == "# meta: 12 images"
    assert lines[2].startswith("| objective | split ")
    assert {len(line) for line in lines[2:9]} == {len(lines[2])}
    assert "| 11 of 12 |" in text
    assert "mean ± std of 2" in text
    assert "| SRCC of | minus that of |" in text
    assert "- The sign of down is turned, so that a positive correlation means agreement." in lines
    assert lines[-1].endswith("failed on '2.png': ValueError: boom")


def test_bars_in_names_do_not_break_a_table() -> None:
    assert markdown_table(["a", "n"], [["x|y", "1"]], left=1) == "\n".join(
        ["| a    |   n |", "| ---- | --: |", "| x\\|y |   1 |"]
    )


def test_a_folder_that_cannot_be_written(found: Evaluation, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunDirectoryError, match="cannot write the folder '.*file/out': Not a directory"):
        write_reports(found, tmp_path / "file" / "out")


def test_the_curve_lies_among_the_points(dataset: Dataset) -> None:
    scores = Scores("down", -np.arange(12.0), higher_is_better=False)
    points = scatter_points(compare(dataset, [scores], bootstrap=0), "down")
    assert points.curve is not None
    along, mapped = points.curve
    assert (along[0], along[-1]) == (-11, 0)
    assert mapped[0] > mapped[-1]
    assert np.abs(np.interp(points.scores[::-1], along, mapped)[::-1] - points.mos).max() < 2.5
    with pytest.raises(UnknownNameError, match="'dwn' was not evaluated on 'all'; did you mean 'down'?"):
        scatter_points(compare(dataset, [scores], bootstrap=0), "dwn")


@pytest.mark.parametrize("name", ["mean", "an-objective-of-a-very-long-name:with-a-variant-and-more-of-it"])
def test_the_figure(dataset: Dataset, name: str) -> None:
    figure = draw_scatter(
        scatter_points(compare(dataset, [Scores(name, np.arange(12.0))], bootstrap=5), name)
    )
    (axes,) = figure.axes
    assert axes.get_xlabel().replace("\n", " ").replace("- ", "-") == f"{name} (higher is better)"
    assert axes.get_ylabel() == "MOS"
    texts = [text.get_text() for text in axes.texts]
    assert texts[0].startswith("SRCC 0.958   PLCC 0.958   after logistic 0.9")
    assert texts[1] == "4-parameter logistic"
    assert [text.get_text() for text in figure.texts] == ["meta (12 images)"]
    assert len(axes.collections[0].get_offsets()) == 12
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    boxes = [text.get_window_extent(renderer) for text in (*axes.texts, *figure.texts, axes.xaxis.label)]
    for box in boxes:
        assert 0 <= box.x0 < box.x1 <= figure.bbox.width
        assert 0 <= box.y0 < box.y1 <= figure.bbox.height
    assert boxes[0].x1 < boxes[1].x0


def test_the_figure_without_a_curve(dataset: Dataset) -> None:
    flat = compare(dataset, [Scores("flat", np.ones(12))], bootstrap=0)
    (axes,) = draw_scatter(scatter_points(flat, "flat")).axes
    assert [text.get_text() for text in axes.texts] == ["SRCC none   PLCC none"]
    assert not axes.lines

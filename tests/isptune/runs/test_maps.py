"""Maps of a run: made at its end, kept, drawn, shown in the report without the objective."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import isptune
from isptune import figures
from isptune.contracts.objective import Objective
from isptune.errors import RunDirectoryError
from isptune.report import report_of_runs
from isptune.runs.maps import SceneMaps, read_maps
from isptune.runs.picture_files import read_picture


class Halves(Objective):
    """Distance from 0.2, with maps of 2 x 3 places."""

    higher_is_better = False
    labels = ("distance", "brightness", "nothing")
    label_orientations = (-1, 1, 0)
    name = "halves"

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        return (images - 0.2).abs().mean(dim=(1, 2, 3))

    def maps(self, images: Tensor) -> Tensor:
        small = torch.nn.functional.adaptive_avg_pool2d(images.mean(dim=1, keepdim=True), (2, 3))
        return torch.cat([(small - 0.2).abs(), small, small * 100], dim=1)


class Wrong(Halves):
    name = "wrong"

    def maps(self, images: Tensor) -> Tensor:
        return super().maps(images)[:, :2]


def tuned(flat: Callable[..., Any], objective: Objective, out: Path) -> isptune.TuneResult:
    pipeline = flat(((16, 24),))
    options = {"optimizer": "random", "budget": 4, "population": 4}
    return isptune.tune(pipeline, objective, out=out, **options)  # type: ignore[arg-type]


@pytest.fixture
def run(flat: Callable[..., Any], tmp_path: Path) -> isptune.Run:
    result = tuned(flat, Halves(), tmp_path / "run")
    assert {tmp_path / "run/maps.json", tmp_path / "run/maps.png"} <= set(result.files)
    return isptune.Run.read(tmp_path / "run")


def test_the_maps_of_a_run_are_kept_and_shown_without_its_objective(run: isptune.Run) -> None:
    (one,) = run.maps
    assert (one.objective, one.labels, one.orientations) == ("halves", Halves.labels, (-1, 1, 0))
    (held,) = run.pictures
    assert held.start is not None
    for kind, file in (("start", held.start), ("found", held.found)):
        again = Halves().maps(read_picture(file)[None])[0]
        # The pictures are of 8 bits.
        np.testing.assert_allclose(one.cells[kind], again, atol=0.4)
        np.testing.assert_allclose(one.cells[kind][:2], again[:2], atol=0.004)
    document = report_of_runs([run.path])
    section = document[document.index('<section id="maps"') :]
    section = section[: section.index("</section>")]
    # Brightness is better high, so it is shown where it is lowest; what is neither is not shown.
    assert "What halves sees in parts of the pictures" in section
    assert '<p class="chart-title">distance: at worst' in section
    assert "brightness: at worst" in section
    assert "nothing" not in section
    assert section.count("<img") == 2 * 3
    assert (run.path / "maps.png").is_file()


def test_a_damaged_file_is_said_to_be_so(run: isptune.Run) -> None:
    path = run.path / "maps.json"
    whole = json.loads(path.read_text())
    for damage in ("{", json.dumps([{**whole[0], "found": [[1]]}]), json.dumps([{"scene": "a"}])):
        path.write_text(damage)
        with pytest.raises(RunDirectoryError, match=r"maps.json' is damaged; delete it, and 'isptune resume"):
            read_maps(run.path)


def test_maps_of_another_shape_cost_the_run_nothing(
    flat: Callable[..., Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        result = tuned(flat, Wrong(), tmp_path / "run")
    assert "the maps of the run are not made: the objective 'wrong'" in caplog.text
    assert "no tensor of the shape (1, 3, h, w)" in caplog.text
    assert result.best_parameters
    assert not (tmp_path / "run/maps.json").exists()
    assert '<section id="maps"' not in report_of_runs([tmp_path / "run"])


def maps(start: Any, found: Any, signs: tuple[int, ...]) -> SceneMaps:
    labels = tuple("abcdef"[: len(signs)])
    cells = {"start": np.array(start, np.float64), "found": np.array(found, np.float64)}
    return SceneMaps("scene", "judge", labels, signs, cells)


def test_the_worst_label_of_the_start_comes_first_and_its_colours_are_one_scale() -> None:
    start = [[[0.1, 0.2]], [[0.0, 0.9]], [[-3.0, 5.0]], [[9.0, 9.0]]]
    found = [[[0.0, 0.0]], [[0.3, np.nan]], [[-3.0, 5.0]], [[9.0, 9.0]]]
    pictures = {"scene": {kind: torch.full((3, 8, 16), 0.5) for kind in ("start", "found")}}
    # Of the third, which is better high, -3 is worst; the fourth is neither.
    third, second = figures.worst_maps([maps(start, found, (-1, -1, 1, 0))], pictures, most=2)
    assert (third.label, second.label) == ("c", "b")
    assert (third.low, third.high, third.ends) == (-3.0, 5.0, ("5", "-3"))
    assert second.caption == "b: at worst 0.9 at the start (right), 0.3 as found"
    assert second.ends == ("0", "0.9")
    overlay = second.overlay("start").astype(int)
    assert overlay.shape == (8, 16, 3)
    # The worst place is the brightest.
    assert overlay[4, 15].sum() > overlay[4, 8].sum() > overlay[4, 0].sum()
    assert third.overlay("start")[4, 0].sum() > third.overlay("start")[4, 15].sum()
    assert (second.bar(40, 3)[0, -1] == second.overlay("start")[0, 15]).all()
    width, height = figures.draw_maps([third, second]).get_size_inches()
    assert width < height * 4


def test_a_label_has_one_scale_in_all_scenes() -> None:
    signs = (-1,)
    first, second = maps([[[0.1, 0.2]]], [[[0.0, 0.1]]], signs), maps([[[0.5, 0.9]]], [[[0.4, 0.4]]], signs)
    second = replace(second, scene="other")
    images = {kind: torch.full((3, 4, 8), 0.5) for kind in ("start", "found")}
    shown = figures.worst_maps([first, second], {"scene": images, "other": images})
    assert [(one.scene, one.low, one.high) for one in shown] == [("scene", 0.0, 0.9), ("other", 0.0, 0.9)]
    # Scenes without pictures are left out.
    assert [one.scene for one in figures.worst_maps([first, second], {"other": images})] == ["other"]

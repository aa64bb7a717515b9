"""``isptune measure``, and tuning on a chart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from isptune.cli import run
from isptune.contracts.chart import Chart
from isptune.scenes import chart, read_image, write_image
from isptune_charts.kinds import checker_field
from isptune_raw import simulate, write_dng

# Plots take most of the time; one test draws all of them.
DRAWING = "isptune_charts.drawing.draw_all"
CORNERS = "178,5,275,5,275,102,178,102"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    # Workers of a parallel run are told a width.
    monkeypatch.delenv("COLUMNS", raising=False)
    return tmp_path


def test_the_generated_chart(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["measure", "chart:384x256", "--json", "--out", "plots"]) == 0
    found = json.loads(capsys.readouterr().out)
    # The edges of the chart are averaged over a pixel along their normal: sinc(f) is a half at 0.603.
    assert [edge["mtf50"] for edge in found["edges"]] == pytest.approx([0.603] * 4, abs=0.03)
    assert found["textures"][0]["acutance"] == pytest.approx(1)
    assert found["fields"][0]["ciede2000_largest"] < 0.05
    assert sorted(path.name for path in Path("plots").iterdir()) == [
        "colours.png",
        "noise.png",
        "sfr.png",
        "texture.png",
    ]


def test_a_raw_file_agrees_with_colour_science(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, colour: Any
) -> None:
    monkeypatch.setattr(DRAWING, lambda *given: [])
    write_dng(Path("night.dng"), simulate(chart(384, 256), iso=400))
    assert run(["measure", "night.dng", "--corners", CORNERS, "--pipeline", "raw", "--json"]) == 0
    field = json.loads(capsys.readouterr().out)["fields"][0]
    assert run(["render", "night.dng", "--pipeline", "raw", "--out", "night.tif", "--bits", "16"]) == 0
    picture = read_image("night.tif").double()
    corners = [float(value) for value in CORNERS.split(",")]
    located = checker_field(
        Chart("colour-checker", tuple(zip(corners[::2], corners[1::2], strict=True))), (256, 384)
    )
    d50 = np.array([0.34567, 0.35850])
    for patch, seen in zip(located.patches, field["patches"], strict=True):
        cut, inside = patch.of(picture)
        light = colour.cctf_decoding(cut.numpy(), function="sRGB")[:, inside.numpy() > 0].mean(axis=1)
        xyz = colour.RGB_to_XYZ(
            light, colour.RGB_COLOURSPACES["sRGB"], d50, "Bradford", apply_cctf_decoding=False
        )
        lab = colour.XYZ_to_Lab(xyz, d50)
        assert np.abs(np.array(seen["lab"]) - lab).max() < 0.05
        apart = colour.delta_E(lab, np.array(seen["known_lab"]), method="CIE 2000")
        assert seen["ciede2000"] == pytest.approx(apart, abs=0.03)


def test_a_photograph_with_a_file_beside_it(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DRAWING, lambda *given: [])
    write_image("photo.png", chart(384, 256))
    Path("photo.chart.yaml").write_text(
        "charts:\n"
        "- {kind: slanted-edge, corners: [[250, 132], [276, 132], [276, 182], [250, 182]]}\n"
        "- {kind: dead-leaves, corners: [[3, 3], [173, 3], [173, 208], [3, 208]]}\n"
    )
    assert run(["measure", "photo.png"]) == 0
    said = capsys.readouterr()
    assert "edge 1 at 250, 132     5.0" in said.out
    assert said.err == (
        "isptune: left out: the dead leaves at 3, 3 are measured against what was photographed; give that "
        "picture, of the same size, as the reference\n"
    )
    assert run(["measure", "photo.png", "--reference", "photo.png"]) == 0
    assert "leaves at 3, 3    1.0000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "nothing says which chart 'photo.png' shows: give --chart FILE or --corners, or describe it in a file such as photo.chart.yaml beside the picture"),
        (["--corners", "1,2,3"], "--corners is '1,2,3'; allowed: eight numbers between commas, x and y of four corners"),
        (["--corners", "10,10,90,10,10,60,90,60"], "--corners: the corners of the chart 'colour-checker' cross or lie on one line; give them in order around the chart"),
        (["--corners", "10,10,500,10,500,60,10,60"], "--corners: corner 2 of the chart 'colour-checker' is at 500, 10, outside the picture of 384x256 pixels"),
        (["--corners", CORNERS, "--kind", "colorchecker"], "'colorchecker' is no kind of chart; did you mean 'colour-checker'?; allowed: slanted-edge, dead-leaves, colour-checker, grey-scale"),
        (["--corners", CORNERS, "--chart", "x.yaml"], "--chart and --corners both say where charts lie; give one of them"),
        (["--corners", CORNERS, "--reference", "small.png"], "the reference '{folder}/small.png' has 96x64 pixels, and 'photo.png' has 384x256; they must be of one size"),
        (["--corners", CORNERS, "--pixels-per-degree", "1"], "pixels_per_degree is 1.0; allowed: 5 to 300"),
    ],
)  # fmt: skip
def test_refusals(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    write_image("photo.png", torch.full((3, 256, 384), 0.5))
    write_image("small.png", chart(96, 64))
    assert run(["measure", "photo.png", *options]) == 2
    assert capsys.readouterr().err == f"isptune: error: {sentence.replace('{folder}', str(folder))}\n"
    assert not Path("runs").exists()


def test_a_run_is_tuned_on_the_chart(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tune = ["tune", "chart:288x192", "--pipeline", "chain", "--pipeline-option", "stages=[gaussian_blur]"]
    tune += ["--budget", "4", "--population", "4", "--optimizer", "random", "--out", "run"]
    assert run([*tune, "--objective", "mtf50"]) == 0
    assert "gaussian_blur.level" in capsys.readouterr().out
    write_image("photo.png", chart(96, 64))
    tune[1] = "photo.png"
    assert run([*tune[:-1], "other", "--objective", "mtf50"]) == 2
    assert "the scene 'photo.png' shows none" in capsys.readouterr().err
    assert not Path("other").exists()

"""An ISP of one's own, a numpy function of eight parameters without truth: tuned, killed, resumed, shown and read."""

from __future__ import annotations

import json
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import isptune
from isptune.cli import run as command
from isptune.plugins import registry

SCRIPT = """
import os
import signal
import sys

import numpy as np
import torch

import isptune
from isptune import Bool, Choice, Float, Int


def developed(raw, gain, black, gamma, saturation, is_on, kernel, rows, columns):
    image = np.clip(raw - black / 1023, 0, 1)
    if is_on:
        for axis, strength in enumerate((rows, columns)):
            around = [np.roll(image, shift, axis) for shift in (-1, 0, 1)]
            image += strength * ({"mean": np.mean, "median": np.median}[kernel](around, axis=0) - image)
    grey = image.mean(axis=-1, keepdims=True)
    return np.clip(gain * (grey + saturation * (image - grey)), 0, 1) ** (1 / gamma)


class Camera(isptune.Pipeline):
    name = "camera"
    has_reference = True
    development = isptune.Development(isolated=False)

    def __init__(self):
        self.space = isptune.ParameterSpace({
            "exposure.gain": Float(0.25, 4.0, log=True, default=1.0, unit="x"),
            "tone.black": Int(0, 64, default=0, unit="DN", description="what the sensor gives for no light"),
            "tone.gamma": Float(1.0, 3.0, default=1.8),
            "color.saturation": Float(0.0, 2.0, default=1.0),
            "denoise.enabled": Bool(default=False),
            "denoise.kernel": Choice(("mean", "median"), active_if={"enabled": True}),
            "denoise.rows": Float(0.0, 1.0, default=0.5, active_if={"enabled": True}),
            "denoise.columns": Float(0.0, 1.0, default=0.5),
        })
        wanted = np.random.default_rng(0).random((24, 32, 3))
        raw = 0.5 * wanted**2.2 + 24 / 1023
        target = torch.from_numpy(wanted).permute(2, 0, 1).float()
        self.scenes = [isptune.Scene("bench", (24, 32), reference=target, payload=raw)]

    def develop(self, values, scene):
        return developed(scene.payload, *values.values())


def tune(out, budget=180, **more):
    asked = {"tone.gamma": {"fix": 2.2}, "denoise.columns": {"tie": "denoise.rows"}}
    settings = {"budget": budget, "population": 12, "seed": 3, "parameters": asked, "out": out}
    return isptune.tune(Camera(), "psnr", **settings, **more)


if __name__ == "__main__":
    def kill(progress):
        if progress.generation == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    tune(sys.argv[1], callbacks=[kill])
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Any, Path]]:
    """A run that was never disturbed, its result, and one that was killed and resumed; their ISP is gone."""
    folder = tmp_path_factory.mktemp("camera")
    script = folder / "camera.py"
    script.write_text(SCRIPT)
    killed = subprocess.run([sys.executable, str(script), str(folder / "killed")], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(log_of(folder / "killed")) == 2
    assert not (folder / "killed" / "result.json").exists()
    tune = runpy.run_path(str(script))["tune"]
    result = tune(folder / "whole")
    tune(folder / "killed", resume=True)
    script.unlink()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(registry.pipelines, "create", None)
        patched.setattr(registry.objectives, "create", None)
        yield folder / "whole", result, folder / "killed"


def log_of(run: Path) -> list[dict[str, Any]]:
    lines = (run / "evaluations.jsonl").read_text().splitlines()
    return [{key: value for key, value in json.loads(line).items() if key != "seconds"} for line in lines]


def test_what_is_fixed_tied_or_inactive_is_no_part_of_the_search(runs: tuple[Path, Any, Path]) -> None:
    whole, result, _ = runs
    best = result.best_parameters
    assert list(best) == [
        *("exposure.gain", "tone.black", "tone.gamma", "color.saturation"),
        *("denoise.enabled", "denoise.kernel", "denoise.rows", "denoise.columns"),
    ]
    assert best["tone.gamma"] == 2.2
    assert best["denoise.columns"] == best["denoise.rows"]
    assert isinstance(best["tone.black"], int)
    assert {len(candidate) for line in log_of(whole) for candidate in line["candidates"]} == {6}
    assert result.levels is None
    # Of a candidate without denoising nobody sees its kernel and strength: they are the defaults.
    values = [dict(zip(best, row, strict=True)) for row in result.history.values.tolist()]
    off = [row for row in values if not row["denoise.enabled"]]
    assert off
    assert {row["denoise.rows"] for row in off} == {0.5}


def test_it_is_tuned_towards_the_target(runs: tuple[Path, Any, Path]) -> None:
    _, result, _ = runs
    assert result.best_score == result.history.scores.max() > 22
    assert result.best_score > result.history.scores[:12].max()
    assert 1.5 < result.best_parameters["exposure.gain"] < 2.7


def test_killed_and_resumed_it_has_the_same_log_and_result(runs: tuple[Path, Any, Path]) -> None:
    whole, _, killed = runs
    assert log_of(killed) == log_of(whole)
    results = [json.loads((run / "result.json").read_text()) for run in (whole, killed)]
    assert results[0]["best_parameters"] == results[1]["best_parameters"]
    assert results[0]["best_score"] == results[1]["best_score"]


def test_the_run_is_read_without_its_plugins(runs: tuple[Path, Any, Path]) -> None:
    _, result, killed = runs
    run = isptune.Run.read(killed)
    assert run.config.optimizer.name == "bo"
    assert (run.labels, run.orientations) == (("psnr",), (True,))
    assert run.truth is None
    assert [(scene.name, scene.width, scene.height) for scene in run.scenes] == [("bench", 32, 24)]
    assert run.space.fixed == {"tone.gamma": 2.2}
    assert run.space.ties == {"denoise.columns": "denoise.rows"}
    assert run.space["tone.black"].description == "what the sensor gives for no light"
    assert run.space["exposure.gain"].log
    assert run.space["denoise.kernel"].active_if == {"denoise.enabled": (True,)}
    assert np.array_equal(run.history.scores, result.history.scores)
    assert np.array_equal(run.history.values, result.history.values)
    assert run.best_parameters == result.best_parameters
    assert run.is_finished


def test_it_is_plotted_and_reported_without_its_plugins(
    runs: tuple[Path, Any, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole, result, killed = runs
    monkeypatch.chdir(tmp_path)
    assert command(["plot", str(whole), "--out", "convergence.png"]) == 0, capsys.readouterr().err
    assert command(["report", str(killed), "--out", "report.html"]) == 0, capsys.readouterr().err
    drawn = [np.asarray(Image.open(place / "convergence.png")) for place in (tmp_path, whole)]
    assert drawn[0].shape == drawn[1].shape
    page = Path("report.html").read_text()
    assert "psnr on bench" in page
    assert "tied to denoise.rows" in page
    assert "isptune tune bench" not in page
    assert "the same call of isptune.tune makes it again." in page
    assert f"{result.best_score:.4g}" in page
    for name in run_names(result):
        assert name in page
    with Image.open(killed / "before_after.png") as picture:
        assert picture.width > 3 * 32


def run_names(result: Any) -> list[str]:
    return list(result.best_parameters)

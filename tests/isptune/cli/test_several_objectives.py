"""``isptune tune`` with several objectives, as a user calls it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from syrupy.assertion import SnapshotAssertion

Call = Callable[..., tuple[int, str, str]]


@pytest.mark.draws
def test_a_whole_command(call: Call, nsga2: str) -> None:
    settings = ("--optimizer", nsga2, "--population", "20", "--budget", "60", "--out", "run")
    code, out, err = call("tune", "chart:96x64", "--objective", "psnr,contrast", *settings)
    assert code == 0, err
    assert "psnr+contrast, nsga2: 3 generations of 20, seed 0" in err
    assert "front of" in err
    found = json.loads(Path("run/result.json").read_text())
    front = found["pareto"]
    assert f"Pareto front, {len(front)} of 60 candidates" in out
    assert "psnr (higher)" in out
    assert "contrast (higher)" in out
    rows = [line for line in out.partition("Parameters of")[0].splitlines() if line.startswith("│")]
    assert len(rows) == min(10, len(front))
    assert rows[0].split("│")[1].strip() == str(front[0]["evaluation"])
    best = found["best_scores"]
    assert f"best compromise: psnr {best['psnr']:.6g}, contrast {best['contrast']:.6g} after 60" in out
    assert sorted(file.name for file in Path("run").glob("*.png")) == [
        "before_after.png",
        "pareto.png",
        "recovered_levels.png",
    ]
    assert "wrote run/pareto.png" in out
    with Image.open("run/pareto.png") as picture:
        assert min(picture.size) > 400
    # Resumed from its run.yaml, it says the same.
    code, out, err = call("resume", "run", "--json")
    assert code == 0, err
    assert json.loads(out)["pareto"] == front
    code, out, err = call("plot", "run", "--out", "front.png")
    assert (code, out) == (0, "wrote front.png\n"), err


def test_many_scores_stand_below_each_other(call: Call, nsga2: str) -> None:
    settings = ("--optimizer", nsga2, "--population", "10", "--budget", "20", "--out", "run")
    code, out, err = call("tune", "chart:96x64", "--objective", "severity", "--vector", *settings)
    assert code == 0, err
    rows = [
        line.split("│") for line in out.partition("Parameters of")[0].splitlines() if line.startswith("│")
    ]
    assert [row[1].strip() for row in rows] == [
        "evaluation",
        *(f"{name} (lower)" for name in ("blur", "exposure", "saturation", "noise", "sharpening")),
        "compression (lower)",
        "contrast (lower)",
        "normalised l1",
    ]
    assert len({len(row) for row in rows}) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--objective", "psnr,contrast"),
        ("--objective", "psnr,contrast", "--objective-option", "channels=luma"),
        ("--objective", "psnr,contrat"),
        ("--objective", "statistics", "--vector"),
    ],
    ids=" ".join,
)
def test_refusals(call: Call, arguments: tuple[str, ...], snapshot: SnapshotAssertion) -> None:
    code, _, err = call("tune", "chart:96x64", *arguments, "--out", "run")
    assert code != 0
    assert err.splitlines()[-1] == snapshot
    assert not Path("run").exists()


def test_fronts_of_several_runs_are_not_mixed(call: Call, nsga2: str) -> None:
    settings = ("--optimizer", nsga2, "--population", "4", "--budget", "4", "--out", "run")
    assert call("tune", "chart:64x48", "--objective", "psnr,contrast", *settings)[0] == 0
    shutil.copytree("run", "other")
    code, _, err = call("plot", "run", "other", "--out", "front.png")
    assert code != 0
    assert err.splitlines()[-1] == (
        "isptune: error: not all of the runs have a single objective (psnr, contrast); "
        "draw the Pareto front of one run at a time"
    )

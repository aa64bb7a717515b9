"""What a user of ``isptune bench`` can get wrong: one sentence, exit code 2, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

Call = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--objective", "psnr,"],
        ["--objective", "psnr,psnr"],
        ["--objective", "psnr", "--device", "cudaa"],
        ["--objective", "psnr", "--scene", "nofile.png"],
        ["--objective", "psnr", "--budget", "100"],
        ["--objective", "psnr", "--out", "grid.yaml"],
    ],
    ids=" ".join,
)
def test_on_the_command_line(call: Call, arguments: list[str], snapshot: SnapshotAssertion) -> None:
    Path("grid.yaml").write_text("objectives: psnr\n")
    code, out, err = call("bench", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("isptune: error: ")
    assert err == snapshot
    assert [path.name for path in Path().iterdir()] == ["grid.yaml"]


@pytest.mark.parametrize(
    ("flag", "folders"), [("--maps", ["map-0-seed-0"]), ("--variants", ["map-0-seed-0"])]
)
def test_the_command_line_wins_over_the_maps_of_a_grid(call: Call, flag: str, folders: list[str]) -> None:
    Path("grid.yaml").write_text("objectives: psnr\nscenes: ['chart:48x48']\nseeds: 1\nmaps: [4, 5]\n")
    arguments = ["grid.yaml", flag, "1", "--budget", "4", "--population", "4", "--engine", "in-process"]
    assert call("bench", *arguments, "--no-report", "--out", "out")[0] == 0
    assert [path.name for path in Path("out").glob("cells/*/*/*/*")] == folders
    assert "\nmaps:\n- 0\n" in Path("out/bench.yaml").read_text()


@pytest.mark.parametrize(
    "text",
    [
        "budget: 60\nbudget: 90",
        "seeds: '3'",
        "seeds: true",
        "seeds: 0",
        "maps: 0",
        "scenes: [3]",
        "optimizers: []",
        "optimizers: [3]",
        "targets: 0.1",
    ],
)
def test_in_a_grid(call: Call, text: str, snapshot: SnapshotAssertion) -> None:
    Path("grid.yaml").write_text(f"objectives: psnr\n{text}\n")
    code, out, err = call("bench", "grid.yaml", "--out", "there")
    assert (code, out) == (2, "")
    assert err == snapshot
    assert not Path("there").exists()


def test_a_name_that_is_no_folder(call: Call) -> None:
    Path("grid.yaml").write_text("objectives: psnr\nname: ../../evil\n")
    said = "isptune: error: '../../evil' cannot be the name of a folder in runs: give --out DIR\n"
    assert call("bench", "grid.yaml") == (2, "", said)


def test_what_is_older_than_the_tables_is_told(call: Call) -> None:
    grid = ["bench", "--scene", "chart:64x48", "--seeds", "1", "--budget", "20", "--population", "10"]
    grid += ["--engine", "in-process", "--out", "there"]
    assert call(*grid, "--objective", "psnr")[0] == 0
    code, _, err = call(*grid, "--objective", "psnr,contrast", "--no-report")
    assert code == 0
    assert "isptune: the figures and the report in there are those of an earlier call\n" in err


def test_optimizers_are_told_apart(call: Call) -> None:
    grid = ["--scene", "chart:64x48", "--seeds", "1", "--budget", "20", "--population", "10", "--no-report"]
    grid += ["--engine", "in-process", "--out", "there"]
    code, out, _ = call("bench", "--objective", "psnr", "--optimizer", "es,random", *grid)
    assert code == 0
    rows = [
        [cell.strip() for cell in line.split("|")[1:3]]
        for line in out.splitlines()
        if "normalised l1" in line
    ]
    assert rows == [["psnr", "es"], ["psnr", "random"]]

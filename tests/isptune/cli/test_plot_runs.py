"""``isptune plot`` of several runs: what is pooled, what has a line of its own, what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest

Call = Callable[..., tuple[int, str, str]]


def tuned(call: Call, out: str, *arguments: str, scene: str = "chart:64x48") -> str:
    settings = ("--objective", "psnr", "--optimizer", "random", "--population", "4", "--budget", "8")
    code, _, err = call("tune", scene, *settings, *arguments, "--out", out)
    assert code == 0, err
    return out


def texts(path: str) -> list[str]:
    """What an SVG says: its letters are drawn, and each text stands in a comment."""
    return [unescape(text.strip()) for text in re.findall(r"<!--(.*?)-->", Path(path).read_text(), re.S)]


@pytest.fixture
def runs(call: Call) -> list[str]:
    first, second = (tuned(call, f"seed{seed}", "--seed", seed) for seed in "01")
    return [
        first,
        second,
        tuned(call, "longer", "--budget", "12"),
        tuned(call, "ssim", "--objective", "ssim"),
    ]


def test_seeds_are_one_line_and_all_else_has_lines_of_its_own(call: Call, runs: list[str]) -> None:
    assert call("plot", *runs[:2], "--out", "seeds.svg") == (0, "wrote seeds.svg\n", "")
    assert "median of 2 runs" in texts("seeds.svg")
    assert call("plot", *runs, "--out", "all.svg", "--title", "$1_$2")[0] == 0
    found = texts("all.svg")
    for text in (
        "$1_$2",
        "psnr, budget 8 (median and quartiles of 2 runs)",
        "psnr, budget 12",
        "ssim, budget 8",
        "best psnr",
        "best ssim",
        "normalised l1",
    ):
        assert text in found

    # A run that was killed ends where it was killed.
    log = Path(runs[1], "evaluations.jsonl")
    log.write_text(log.read_text().splitlines(keepends=True)[0])
    assert call("plot", *runs[:2], "--out", "killed.svg")[0] == 0
    assert "4 of 8 evaluations" in texts("killed.svg")


def test_a_run_given_twice_is_refused(call: Call) -> None:
    message = "isptune: error: the run directory 'run/.' is given twice\n"
    assert call("plot", "run", "run/.", "--out", "a.png") == (2, "", message)

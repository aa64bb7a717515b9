"""benchmarks/gpu.py: every part works at a small size, and one that fails or hangs costs itself alone."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script, which imports its neighbours by their bare names."""
    monkeypatch.syspath_prepend(str(FOLDER))
    import gpu

    return gpu


def rows_in(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def test_a_dry_run_fills_one_table(gpu: Any, tmp_path: Path) -> None:
    # CLIP-IQA has a test of its own, beside those that load its packages anyway.
    parts = [part for part in gpu.PARTS if part != "clipiqa"]
    assert gpu.study(parts, tmp_path, dry=True) == 0
    rows = rows_in(tmp_path)
    assert {row["part"] for row in rows} == {*parts}
    cases = [row["case"] for row in rows if row["part"] == "chain"]
    assert [case.partition(", ")[2] for case in cases] == [
        "batch 1, eager",
        "batch 8, eager",
        "batch 1, compiled",
        "batch 8, compiled",
    ]
    assert all(row["of_peak"] > 0 for row in rows if row["part"] == "qalign")
    text = (tmp_path / "gpu.md").read_text()
    assert "**A dry run**: small sizes on the CPU." in text
    assert "| raw | chart:96x64, forward and backward |" in text
    assert text.count("\n| tune |") == 2


def test_a_part_that_fails_says_why_and_the_others_go_on(
    gpu: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gpu_parts

    def broken(sizes: Any) -> Any:
        yield {"case": "before it broke", "seconds": 0.5}
        raise RuntimeError("out of memory")

    monkeypatch.setitem(gpu_parts.PARTS, "raw", broken)
    assert gpu.study(["raw", "peak"], tmp_path, dry=True) == 1
    text = (tmp_path / "gpu.md").read_text()
    assert "| raw | before it broke | 500 ms |" in text
    assert "| raw |  |  |  |  |  | **failed**: RuntimeError: out of memory |" in text
    assert "| peak | product 64 x 64 |" in text


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ('print(\'ROW {"part": "x", "case": "a"}\')', ""),
        ('print(\'ROW {"part": "x", "case": "a"}\'); raise SystemExit(\'no room\')', "exit code 1: no room"),
        (
            'import subprocess, time; print(\'ROW {"part": "x", "case": "a"}\', flush=True); '
            "subprocess.run(['sleep', '60'])",
            "stopped after 1 s",
        ),
    ],
)
def test_a_part_in_a_process_of_its_own(gpu: Any, code: str, reason: str) -> None:
    rows: list[Any] = []
    started = time.monotonic()
    assert gpu.in_a_process([sys.executable, "-c", code], 1.0, rows.append) == reason
    assert rows == [{"part": "x", "case": "a"}]
    assert time.monotonic() - started < 30


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_the_page_says_that_nothing_was_measured(gpu: Any, tmp_path: Path) -> None:
    assert gpu.study([*gpu.PARTS], tmp_path, dry=False) == 2
    text = (tmp_path / "gpu.md").read_text()
    assert "**Not measured on a GPU**" in text
    assert rows_in(tmp_path) == []
    assert "images/s" not in text


def test_all_parts_fit_into_eight_minutes(gpu: Any) -> None:
    assert gpu.MOST_SECONDS <= 480
    import gpu_parts

    assert [*gpu_parts.PARTS] == [*gpu.PARTS]

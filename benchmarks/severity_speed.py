"""Seconds of `severity`, old and new in turns: 30 pictures of 384 x 256, and one of 4K.

    uv run python benchmarks/severity_speed.py

The old code is what `compiled=false` still runs: PyTorch's operators in float32, whole sorts, one batch. Each
row's ways are called in turns, so that other work on the machine falls on all of them; times are the least of
the turns, by the clock and of the processors (all threads together). Memory is the peak beyond the pictures
themselves. Writes severity_speed.md into the folder of its own name.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from measuring import machine, peak_bytes_of

import isptune
from isptune.contracts.objective import Objective

SIZES = {"30 of 384x256": (30, 256, 384), "1 of 3840x2160": (1, 2160, 3840)}


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(""))
    parser.add_argument("--turns", type=int, default=7)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    text = (__doc__ or "").strip().partition("\n\n")[2].partition("\n\n")[2]
    lines = ["# Speed of severity", "", text, "", machine(), ""]
    ways = made()
    for name, (count, height, width) in SIZES.items():
        images = torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))
        lines += table(name, images, ways, options.turns)
    (options.out / "severity_speed.md").write_text("\n".join(lines))
    print("\n".join(lines))


def made() -> dict[str, Objective]:
    """The ways, the old one first."""
    found: dict[str, dict[str, Any]] = {
        "old: float32, PyTorch's operators": {"compiled": False, "dtype": "float32"},
        "compiled, float32": {"dtype": "float32"},
        "compiled, auto": {},
        "version 2, PyTorch's operators": {"version": 2, "compiled": False, "dtype": "float32"},
        "version 2, compiled, auto": {"version": 2},
    }
    return {label: isptune.create_objective("severity", **given) for label, given in found.items()}


@torch.no_grad()
def table(name: str, images: torch.Tensor, ways: dict[str, Objective], turns: int) -> list[str]:
    clock: dict[str, list[float]] = {label: [] for label in ways}
    work: dict[str, list[float]] = {label: [] for label in ways}
    for turn in range(turns + 1):
        for label, objective in ways.items():
            start, used = time.perf_counter(), time.process_time()
            objective.score(images)
            if turn:
                clock[label].append(time.perf_counter() - start)
                work[label].append(time.process_time() - used)
    pixels = images.numel() / 3
    old_clock, old_work = (min(next(iter(times.values()))) for times in (clock, work))
    lines = [f"## {name}", ""]
    lines += ["| way | ms | ns a pixel | times as fast | processor ms | times less | peak MB |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- |"]
    for label, objective in ways.items():
        least, least_work = min(clock[label]), min(work[label])
        peak = peak_bytes_of(lambda: objective.score(images), "cpu")  # noqa: B023
        lines.append(
            f"| {label} | {least * 1e3:.0f} | {least / pixels * 1e9:.0f} | {old_clock / least:.1f} | "
            f"{least_work * 1e3:.0f} | {old_work / least_work:.1f} | {(peak or 0) / 1e6:.0f} |"
        )
    return [*lines, ""]


if __name__ == "__main__":
    main()

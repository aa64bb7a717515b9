"""What the loop itself costs: wall time less rendering and scoring.

    uv run python benchmarks/overhead.py

Runs ``isptune tune``'s loop with a run directory and without trackers, and takes the time between the end of
the first generation and the end of the last one, so that neither start-up nor pictures count. The share is
what is neither rendering nor scoring: proposing, writing the log, telling the optimizer. Writes overhead.md
into the folder of the script's name.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from measuring import machine

import isptune
from isptune.tracking import Progress

CASES = (
    ("severity", "es", "chart"),
    ("severity", "cma", "chart"),
    ("psnr", "es", "chart"),
    ("psnr", "cma", "chart"),
    ("psnr", "adam", "chart"),
    ("psnr", "es", "chart:1920x1080"),
    ("psnr", "es", "chart:96x64"),
)


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(""))
    options = parser.parse_args()
    lines = ["# The loop's own time", "", machine(), ""]
    lines += ["| objective | optimizer | scene | evaluations | seconds | rendering and scoring | the loop |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- |"]
    for objective, optimizer, scene in CASES:
        whole, work, evaluations = measure(objective, optimizer, scene)
        figures = f"{evaluations} | {whole:.2f} | {work:.2f} | {1 - work / whole:.1%}"
        lines.append(f"| {objective} | {optimizer} | {scene} | {figures} |")
        print(lines[-1], flush=True)
    lines += ["", "The last scene is a stamp of 96 x 64 pixels: there is hardly anything to render."]
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "overhead.md").write_text("\n".join(lines) + "\n")


def measure(objective: str, optimizer: str, scene: str) -> tuple[float, float, int]:
    """Wall time, the part that is rendering and scoring, and evaluations, from the second generation on."""
    marks: list[tuple[float, Progress]] = []
    pipeline = isptune.create_pipeline("synthetic", scenes=[scene], crop="full", seed=0)
    budget = 300 if "x1080" in scene else 1500
    budget -= budget % 4
    with tempfile.TemporaryDirectory() as folder:
        isptune.tune(
            pipeline,
            objective,
            optimizer=optimizer,
            budget=budget,
            seed=0,
            out=Path(folder) / "run",
            callbacks=[lambda progress: marks.append((time.perf_counter(), progress))],
        )
    (begin, first), (end, last) = marks[0], marks[-1]
    work = last.seconds_rendering + last.seconds_scoring - first.seconds_rendering - first.seconds_scoring
    return end - begin, work, last.evaluations - first.evaluations


if __name__ == "__main__":
    main()

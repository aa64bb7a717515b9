"""What the loop itself costs: wall time less rendering and scoring.

    uv run python benchmarks/overhead.py
    uv run python benchmarks/overhead.py --slow

Runs ``isptune tune``'s loop with a run directory and without trackers, and takes the time between the end of
the first generation and the end of the last one, so that neither start-up nor pictures count. The share is
what is neither rendering nor scoring: proposing, writing the log, telling the optimizer. Writes overhead.md
into the folder of the script's name.

With ``--slow`` the pipeline is a program of half a second for each candidate, 150 evaluations of 8
parameters: what the loop costs is then told in processor time as well, which other work on the machine does
not change. Writes slow.md.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from measuring import machine

import isptune
from isptune.tracking import Progress

HALF_A_SECOND = 0.5
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
    parser.add_argument("--slow", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.slow:
        (options.out / "slow.md").write_text("\n".join(slow()) + "\n")
        return
    lines = ["# The loop's own time", "", machine(), ""]
    lines += ["| objective | optimizer | scene | evaluations | seconds | rendering and scoring | the loop |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- |"]
    for objective, optimizer, scene in CASES:
        whole, work, evaluations = measure(objective, optimizer, scene)
        figures = f"{evaluations} | {whole:.2f} | {work:.2f} | {1 - work / whole:.1%}"
        lines.append(f"| {objective} | {optimizer} | {scene} | {figures} |")
        print(lines[-1], flush=True)
    lines += ["", "The last scene is a stamp of 96 x 64 pixels: there is hardly anything to render."]
    (options.out / "overhead.md").write_text("\n".join(lines) + "\n")


class Program(isptune.Pipeline):
    """Sleeps half a second and paints three of its eight parameters."""

    memory = isptune.Memory(images=1.0)
    development = isptune.Development(isolated=False, workers=1)

    def __init__(self) -> None:
        self.name = "program"
        self.options: dict[str, object] = {}
        self.space = isptune.ParameterSpace({f"p{place}": isptune.Float(0, 1) for place in range(8)})
        self.scenes = [isptune.Scene.of_picture("grey", torch.zeros(3, 84, 112))]

    def develop(self, values: dict[str, Any], scene: isptune.Scene) -> torch.Tensor:
        time.sleep(HALF_A_SECOND)
        colour = torch.tensor(list(values.values())[:3], dtype=torch.float32)
        return colour.reshape(3, 1, 1).expand(-1, scene.height, scene.width)


def slow() -> list[str]:
    """Lines of Markdown: what the loop costs beside 150 evaluations of half a second."""
    lines = ["# The loop beside evaluations of half a second", "", machine(), ""]
    lines += [
        "150 evaluations in generations of 10, from the end of the first generation on: 140 evaluations.",
        "Processor time is all that the run's process computes, scoring included.",
        "",
        "| optimizer | seconds asleep | wall | processor time | share of the evaluations' time |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for optimizer in ("es", "cma", "random"):
        marks: list[tuple[float, float]] = []
        with tempfile.TemporaryDirectory() as folder:
            isptune.tune(
                Program(),
                "sharpness",
                optimizer=optimizer,
                population=10,
                budget=150,
                out=folder,
                callbacks=[lambda _, marks=marks: marks.append((time.perf_counter(), time.process_time()))],
            )
        wall, computed = (last - first for first, last in zip(marks[0], marks[-1], strict=True))
        asleep = 140 * HALF_A_SECOND
        lines.append(
            f"| `{optimizer}` | {asleep:.1f} | {wall:.2f} | {computed:.2f} | {computed / asleep:.2%} |"
        )
        print(lines[-1], flush=True)
    return lines


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

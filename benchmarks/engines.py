"""How long one grid takes on each engine of isptune bench, as ratios in one go.

    uv run python benchmarks/engines.py

Every cell computes with one thread. The grid is run in this process and in two processes. Each way takes its
turn in every round; the medians over the rounds are compared. The logs must be equal. Writes engines.md into
the folder of the script's name.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from measuring import machine

from isptune.benchmark.engines import make_engine
from isptune.benchmark.grid import parse_bench_config
from isptune.benchmark.run_grid import run_benchmark

GRIDS: dict[str, dict[str, Any]] = {
    "ssim, 512x384": {"objectives": ["ssim"], "scenes": ["chart:512x384"]},
    "severity, 256x256": {"objectives": ["severity"], "scenes": ["chart:256x256"]},
}
ENGINES: dict[str, dict[str, Any]] = {
    "in-process": {"name": "in-process"},
    "2 processes": {"name": "processes", "workers": 2},
}


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--budget", type=int, default=900, help="evaluations of a cell")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(""))
    options = parser.parse_args()
    lines = ["# One grid on each engine", "", machine(), ""]
    lines += [
        f"8 cells of {options.budget} evaluations, each in one thread. Median seconds of {options.rounds}"
    ]
    lines += ["rounds, start of the processes included, and how many times as fast as in-process."]
    lines += ["", "| grid | " + " | ".join(ENGINES) + " |"]
    lines += ["| --- |" + " --- |" * len(ENGINES)]
    for title, grid in GRIDS.items():
        times: dict[str, list[float]] = {name: [] for name in ENGINES}
        logs: set[str] = set()
        for _ in range(options.rounds):
            for name, engine in ENGINES.items():
                seconds, log = measure({**grid, "budget": options.budget}, engine)
                times[name].append(seconds)
                logs.add(log)
        medians = {name: statistics.median(found) for name, found in times.items()}
        plain = medians["in-process"]
        shown = [f"{seconds:.1f} ({plain / seconds:.2f})" for seconds in medians.values()]
        same = "" if len(logs) == 1 else " (logs differ)"
        lines.append(f"| {title}{same} | {' | '.join(shown)} |")
        print(lines[-1], flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "engines.md").write_text("\n".join(lines) + "\n")


def measure(grid: dict[str, Any], engine: dict[str, Any]) -> tuple[float, str]:
    """Seconds of a grid, start of the processes included, and all its logs but their times."""
    settings = {key: value for key, value in engine.items() if key != "name"}
    config = parse_bench_config({**grid, "seeds": 8, "population": 30, "threads": 1})
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        run_benchmark(config, folder, make_engine(engine["name"], 1, **settings))
        seconds = time.perf_counter() - started
        lines = [
            json.loads(line)
            for path in sorted(Path(folder).rglob("evaluations.jsonl"))
            for line in path.read_text().splitlines()
        ]
    return seconds, json.dumps([{k: v for k, v in line.items() if k != "seconds"} for line in lines])


if __name__ == "__main__":
    main()

"""A benchmark killed with SIGKILL again and again ends with the tables of one that was not disturbed.

    uv run isptune bench benchmarks/table1/offline.yaml --out runs/table1-offline
    uv run python benchmarks/kill_bench.py benchmarks/table1/offline.yaml runs/table1-offline

Runs the grid in a new folder, kills the command at random numbers of logged generations, calls it again each
time, and at last compares every table but the timings, and every log but its seconds, with those of the
undisturbed folder. Exits with 1 where they differ.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LOGS = "cells/*/*/*/*/evaluations.jsonl"


def main() -> int:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("grid", type=Path)
    parser.add_argument("undisturbed", type=Path, help="the folder of the same grid, run to its end")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    generations = sum(len(lines) for lines in logs(options.undisturbed).values())
    generator = random.Random(options.seed)
    marks = sorted(generator.randrange(1, generations) for _ in range(options.kills))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "killed"
        command = [
            sys.executable,
            "-m",
            "isptune",
            "bench",
            str(options.grid),
            "--out",
            str(out),
            "--no-report",
        ]
        for mark in marks:
            logged = killed_at(command, out, mark)
            print(f"killed with {logged} of {generations} generations logged", flush=True)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        same = {
            "tables": tables(out) == tables(options.undisturbed),
            "logs": logs(out) == logs(options.undisturbed),
        }
    for what, equal in same.items():
        print(f"{what}: {'equal' if equal else 'DIFFERENT'}")
    return 0 if all(same.values()) else 1


def killed_at(command: list[str], out: Path, mark: int) -> int:
    """Run the command until so many generations are logged, kill it, and tell how many there are then."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and lines_of(out) < mark:
        time.sleep(0.05)
    process.kill()
    process.wait()
    # Its workers notice that it is gone, and leave the run directories to the next one.
    return lines_of(out)


def lines_of(out: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in out.glob(LOGS))


def tables(out: Path) -> dict[str, Any]:
    """All tables but those of times."""
    found: dict[str, Any] = json.loads((out / "tables" / "tables.json").read_text())
    return {name: table for name, table in found.items() if name != "timings"}


def logs(out: Path) -> dict[str, list[Any]]:
    """The generations of every cell, without their seconds."""
    return {
        str(path.relative_to(out)): [
            {key: value for key, value in json.loads(line).items() if key != "seconds"}
            for line in path.read_text().splitlines()
        ]
        for path in sorted(out.glob(LOGS))
    }


if __name__ == "__main__":
    sys.exit(main())

"""Peak memory of ``isptune tune`` on a whole 4K scene, for several populations, each in a process of its own.

    uv run python benchmarks/peak_memory.py --populations 30,60

One generation is evaluated for each population; the figure is the process's peak resident memory.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--scene", default="chart:3840x2160")
    parser.add_argument("--populations", default="30,60")
    options = parser.parse_args()
    print("| population | peak resident memory, GB |\n| --- | --- |")
    for population in options.populations.split(","):
        print(f"| {population} | {peak(options.scene, population) / 1e6:.2f} |", flush=True)


def peak(scene: str, population: str) -> int:
    """Kilobytes of peak resident memory of one generation."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "isptune", "tune", scene, "--crop", "full"]
        command += ["--budget", population, "--population", population, "--out", str(Path(folder) / "run")]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit(f"the run with population {population} failed")
        return usage.ru_maxrss


if __name__ == "__main__":
    main()

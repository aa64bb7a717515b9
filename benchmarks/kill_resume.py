"""Kill a run with SIGKILL at random instants, resume it each time, and compare its log with an unbroken one.

    uv run python benchmarks/kill_resume.py --kills 20

The logs must be equal byte for byte but for the seconds; the exit code is 0 only if they are.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ISPTUNE = [sys.executable, "-m", "isptune"]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="seed of the instants")
    parser.add_argument("--scene", default="chart:384x256")
    parser.add_argument("--budget", type=int, default=1500)
    parser.add_argument("--optimizer", default="es")
    options = parser.parse_args()
    settings = [options.scene, "--objective", "psnr", "--optimizer", options.optimizer, "--seed", "7"]
    settings += ["--budget", str(options.budget)]
    with tempfile.TemporaryDirectory() as folder:
        whole, broken = Path(folder) / "whole", Path(folder) / "broken"
        subprocess.run([*ISPTUNE, "tune", *settings, "--out", str(whole)], check=True, capture_output=True)
        kills = kill_and_resume(settings, broken, options.kills, whole, random.Random(options.seed))
        same = stripped(whole) == stripped(broken)
        print(f"{kills} kills, {len(stripped(whole))} generations, logs equal: {same}")
        return 0 if same and kills == options.kills else 1


def kill_and_resume(
    settings: list[str],
    out: Path,
    kills: int,
    whole: Path,
    instants: random.Random,
    after_kill: Callable[[], None] = lambda: None,
    start: Callable[[list[str], Path], Any] | None = None,
    ready: Callable[[], bool] | None = None,
) -> int:
    """Start or resume the run and kill it, over and over, and let it end at last; how often it was killed.

    ``whole`` is the unbroken run: its number of generations and their mean time place the kills. ``start``
    begins a process of ``isptune`` with arguments and a file for its stderr; a new interpreter if None. With
    ``ready`` every kill waits until it is true; without it a quarter of them come while the command starts.
    """
    log = out / "evaluations.jsonl"
    length, generation = lines(whole / "evaluations.jsonl"), mean_seconds(whole)
    for done in range(kills):
        process = launch(settings, out, start)
        before = lines(log)
        if ready is not None or instants.random() < 0.75:
            # Spread over the run: each sitting makes about its share of the generations that are left.
            room = max(0, length - 2 - before)
            wanted = before + min(room, instants.randint(0, 2 * room // (kills - done)))
            while process.poll() is None and lines(log) < wanted:
                time.sleep(0.002)
            time.sleep(instants.uniform(0, generation))
        else:
            # Somewhere in the start: imports, run.yaml, replay.
            time.sleep(instants.uniform(0, 3))
        while ready is not None and process.poll() is None and not ready():
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
        if process.wait() == 0:
            return done
        print(f"kill {done + 1} in generation {lines(log)}", flush=True)
        after_kill()
    if launch(settings, out, start).wait():
        sys.exit(f"resume failed: {said(out)}")
    return kills


def lines(log: Path) -> int:
    return log.read_bytes().count(b"\n") if log.exists() else 0


def mean_seconds(out: Path) -> float:
    """Mean time of one generation of a run that has ended."""
    log = (out / "evaluations.jsonl").read_text(encoding="utf-8").splitlines()
    seconds = [json.loads(line)["seconds"] for line in log]
    return sum(seconds) / len(seconds)


def launch(settings: list[str], out: Path, start: Callable[[list[str], Path], Any] | None = None) -> Any:
    """The run's first process, or one that resumes it; what it says on stderr is ``said``."""
    started = (out / "run.yaml").exists()
    command = ["resume", str(out)] if started else ["tune", *settings, "--out", str(out)]
    if start is not None:
        return start(command, _errors(out))
    with _errors(out).open("w") as errors:
        return subprocess.Popen([*ISPTUNE, *command], stdout=subprocess.DEVNULL, stderr=errors)


def said(out: Path) -> str:
    """What the latest process of a run said on stderr."""
    return _errors(out).read_text(errors="replace")


def _errors(out: Path) -> Path:
    # A pipe would fill up, and a run with many warnings would wait for a reader.
    return out.with_suffix(".stderr")


def stripped(out: Path) -> list[str]:
    """The log's lines without their seconds, otherwise to the byte."""
    lines = (out / "evaluations.jsonl").read_text(encoding="utf-8").splitlines()
    return [line[: line.rindex(', "seconds": ')] for line in lines if json.loads(line)]


if __name__ == "__main__":
    sys.exit(main())

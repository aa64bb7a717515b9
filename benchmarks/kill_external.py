"""Kill a run with SIGKILL while an external program, with a child of its own, develops its candidates.

    uv run python benchmarks/kill_external.py

After each kill no worker, no program and no child of it may be left; the log of the run that was killed and
resumed has to be that of a run never killed, but for the seconds, and no temporary folder may stay: else the
exit code is 1. The command itself runs in copies of this process, which has imported everything; its workers
and the program are started as ever. Writes kill_external.json into the folder of the script's name.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import zip_longest
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
import yaml
from failing_pipeline import processes_with
from kill_resume import kill_and_resume, launch, said, stripped
from measuring import machine

# Loaded here, so that no copy of this process has to.
import isptune.cli.resume
import isptune.cli.tune
import isptune.tuning.sitting  # noqa: F401
from isptune.cli import run as isptune_run
from isptune.scenes import write_image

LEVELS = 8
# What all processes of a run that is killed are told by, whoever started them.
MARK = "KILL_EXTERNAL_RUN"
# A worker and the guardian are always there; the rest is the program, its child, and what it waits for.
DEVELOPING = 4
# The child would live for hours.
PROGRAM = """#!/bin/sh
sleep 20000 &
sleep 0.25
cp "{folder}/$3.png" "$2"
"""


class Copy:
    """A command in a copy of this process, as ``subprocess.Popen`` has it."""

    def __init__(self, arguments: list[str], errors: Path) -> None:
        self._code: int | None = None
        self._process = os.fork()
        if self._process == 0:
            nothing = os.open(os.devnull, os.O_RDWR)
            told = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            for number, file in enumerate((nothing, nothing, told)):
                os.dup2(file, number)
            code = 1
            try:
                code = isptune_run(arguments)
            finally:
                # Nothing of the study may go on in the copy.
                sys.stderr.flush()
                os._exit(code)

    def poll(self) -> int | None:
        if self._code is None:
            process, status = os.waitpid(self._process, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if process else None
        return self._code

    def wait(self) -> int:
        while (code := self.poll()) is None:
            time.sleep(0.02)
        return code

    def send_signal(self, number: int) -> None:
        # Until its end is read, nobody else has its number.
        if self._code is None:
            os.kill(self._process, number)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10, help="that are killed, side by side")
    parser.add_argument("--kills", type=int, default=2, help="of each run")
    parser.add_argument("--budget", type=int, default=24)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(""))
    options = parser.parse_args()
    # A copy of a process whose threads of OpenMP have begun waits for them for ever.
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        settings = ["--config", str(written(Path(folder), options.budget))]
        whole = Path(folder) / "whole"
        if launch(settings, whole, Copy).wait():
            sys.exit(f"the run that is never killed failed: {said(whole)}")
        # Copies of this process, before it has any thread.
        with ProcessPoolExecutor(options.runs, get_context("fork")) as processes:
            runs = list(
                processes.map(partial(killed_run, settings, whole, options.kills), range(options.runs))
            )
        generations = len(stripped(whole))
    result = {
        "kills": sum(run["kills"] for run in runs),
        "processes_at_the_kills": [count for run in runs for count in run["at_kills"]],
        "processes_left_after_kills_and_ends": sum(run["left"] for run in runs),
        "slowest_end_of_what_was_running_seconds": max(run["seconds"] for run in runs),
        "generations": generations,
        "logs_equal": all(run["logs_equal"] for run in runs),
        "differences": [run["difference"] for run in runs if run["difference"]],
        "temporary_folders_left": sum(run["folders"] for run in runs),
        "load_a_processor": round(os.getloadavg()[0] / (os.cpu_count() or 1), 1),
        "machine": machine(),
    }
    print(json.dumps(result, indent=1))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "kill_external.json").write_text(json.dumps(result, indent=1) + "\n")
    sound = (
        result["logs_equal"]
        and not result["processes_left_after_kills_and_ends"]
        and not result["temporary_folders_left"]
    )
    return 0 if sound and result["kills"] == options.runs * options.kills else 1


def killed_run(settings: list[str], whole: Path, kills: int, seed: int) -> dict[str, Any]:
    """The run, killed at instants of a seed and resumed: what it left, and whether its log is the same."""
    with tempfile.TemporaryDirectory() as folder:
        broken = Path(folder) / "broken"
        # What is there at the end is what the run has left.
        temporary = Path(folder) / "temporary"
        temporary.mkdir()
        os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
        os.environ[MARK] = folder
        everything = f"{MARK}={folder}"
        left: list[int] = []
        at_kills: list[int] = []
        seconds: list[float] = []
        there = [0]

        def developing() -> bool:
            there[0] = processes_with(everything, 0.0)
            return there[0] >= DEVELOPING

        def see_what_is_left() -> None:
            at_kills.append(there[0])
            start = time.monotonic()
            left.append(processes_with(everything, 30.0))
            seconds.append(round(time.monotonic() - start, 2))

        instants = random.Random(seed)
        done = kill_and_resume(
            settings, broken, kills, whole, instants, see_what_is_left, start=Copy, ready=developing
        )
        left.append(processes_with(everything))
        return {
            "kills": done,
            "at_kills": at_kills,
            "left": sum(left),
            "seconds": max(seconds, default=0.0),
            "logs_equal": stripped(whole) == stripped(broken),
            "difference": next(
                (pair for pair in zip_longest(stripped(whole), stripped(broken)) if pair[0] != pair[1]), None
            ),
            "folders": len(list(temporary.iterdir())),
        }


def written(folder: Path, budget: int) -> Path:
    """The program, its pictures and the configuration of a run of it, in a folder."""
    for level in range(LEVELS):
        write_image(folder / f"{level}.png", torch.full((3, 48, 64), (level + 1) / (LEVELS + 1)))
    program = folder / "isp.sh"
    program.write_text(PROGRAM.format(folder=folder))
    program.chmod(0o755)
    options = {
        "argv": [str(program), "{input}", "{output}", "{level}", "{other}"],
        "parameters": {
            "level": {"type": "int", "low": 0, "high": LEVELS - 1},
            # It does nothing: else the cache would know all candidates soon.
            "other": {"low": 0.0, "high": 1.0},
        },
        "input": "png",
        "output": "png",
        "canary": False,
    }
    config = {
        "scenes": ["chart:64x48"],
        "pipeline": {"name": "command", "options": options},
        "objective": "psnr",
        "optimizer": "es",
        "population": 2,
        "workers": 1,
        "budget": budget,
        "seed": 7,
    }
    (folder / "run-config.yaml").write_text(yaml.safe_dump(config))
    return folder / "run-config.yaml"


if __name__ == "__main__":
    sys.exit(main())

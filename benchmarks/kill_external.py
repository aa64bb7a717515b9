"""Kill a run with SIGKILL while an external program, with a child of its own, develops its candidates.

    uv run python benchmarks/kill_external.py --kills 20

After each kill no process of the program may be left; the resumed run's log has to be that of a run that was
never killed, but for the seconds, and no temporary folder may stay: else the exit code is 1.
Writes kill_external.json into the folder of the external ISPs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import yaml
from kill_resume import ISPTUNE, launch, lines, said, stripped
from measuring import machine

from isptune.scenes import write_image

LEVELS = 8
# A child that would live for hours, and the program itself for a moment.
PROGRAM = """#!/bin/sh
sleep {marker} &
sleep 0.25
cp "{folder}/$2.png" "$1"
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="seed of the instants")
    parser.add_argument("--budget", type=int, default=150)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("external_isps"))
    options = parser.parse_args()
    instants = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        marker = str(20_000 + os.getpid())
        settings = ["--config", str(written(Path(folder), marker, options.budget))]
        # What is left here at the end is what the run has left.
        temporary = Path(folder) / "temporary"
        temporary.mkdir()
        os.environ["TMPDIR"] = str(temporary)
        whole, broken = Path(folder) / "whole", Path(folder) / "broken"
        subprocess.run([*ISPTUNE, "tune", *settings, "--out", str(whole)], check=True, capture_output=True)
        kills = [killed(settings, broken, marker, instants) for _ in range(options.kills)]
        kills = [kill for kill in kills if kill]
        if launch(settings, broken).wait():
            sys.exit(f"resume failed: {said(broken)}")
        result = {
            "kills": len(kills),
            "kills_while_developing": sum(kill["developing"] > 0 for kill in kills),
            "most_programs_and_children_at_a_kill": max(kill["developing"] for kill in kills),
            "orphans": sum(kill["orphans"] for kill in kills),
            "slowest_end_of_what_was_running_seconds": max(kill["seconds"] for kill in kills),
            "generations": len(stripped(whole)),
            "logs_equal": stripped(whole) == stripped(broken),
            "temporary_folders_left": len(list(temporary.glob("isptune-program-*"))),
            "load_a_processor": os.getloadavg()[0] / (os.cpu_count() or 1),
            "machine": machine(),
        }
    print(json.dumps(result, indent=1))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "kill_external.json").write_text(json.dumps(result, indent=1) + "\n")
    sound = result["logs_equal"] and not result["orphans"] and not result["temporary_folders_left"]
    return 0 if sound and result["kills_while_developing"] == options.kills else 1


def written(folder: Path, marker: str, budget: int) -> Path:
    """The program, its pictures and the configuration of a run of it, in a folder."""
    for level in range(LEVELS):
        write_image(folder / f"{level}.png", torch.full((3, 48, 64), (level + 1) / (LEVELS + 1)))
    program = folder / "isp.sh"
    program.write_text(PROGRAM.format(marker=marker, folder=folder))
    program.chmod(0o755)
    options = {
        "argv": [str(program), "{output}", "{level}", "{other}"],
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
        "population": 6,
        "budget": budget,
        "seed": 7,
    }
    (folder / "run-config.yaml").write_text(yaml.safe_dump(config))
    return folder / "run-config.yaml"


def killed(settings: list[str], out: Path, marker: str, instants: random.Random) -> dict[str, float]:
    """Start or resume the run, and kill it while a program runs; nothing where the run ended before."""
    process = launch(settings, out)
    while not running(marker):
        if process.poll() is not None:
            return {}
        time.sleep(0.02)
    time.sleep(instants.uniform(0, 2))
    while not (there := running(marker)) and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    start = time.monotonic()
    if process.wait() == 0:
        return {}
    while (left := running(marker)) and time.monotonic() - start < 20:
        time.sleep(0.02)
    seconds = time.monotonic() - start
    print(
        f"kill in generation {lines(out / 'evaluations.jsonl')}: {there} processes, {left} left", flush=True
    )
    return {"developing": there, "orphans": left, "seconds": seconds}


def running(marker: str) -> int:
    """How many children of the program there are."""
    count = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                count += (entry / "cmdline").read_bytes() == f"sleep\0{marker}\0".encode()
            except OSError:
                continue
    return count


if __name__ == "__main__":
    sys.exit(main())

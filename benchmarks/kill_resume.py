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
from pathlib import Path

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
        started = time.perf_counter()
        subprocess.run([*ISPTUNE, "tune", *settings, "--out", str(whole)], check=True, capture_output=True)
        length = time.perf_counter() - started
        kills = kill_and_resume(settings, broken, options.kills, length, random.Random(options.seed))
        same = stripped(whole) == stripped(broken)
        print(f"{kills} kills, {len(stripped(whole))} generations, logs equal: {same}")
        return 0 if same and kills == options.kills else 1


def kill_and_resume(
    settings: list[str], out: Path, kills: int, length: float, instants: random.Random
) -> int:
    """Start or resume the run and kill it, over and over, and let it end at last; how often it was killed."""
    done = 0
    while True:
        started = (out / "run.yaml").exists()
        command = ["resume", str(out)] if started else ["tune", *settings, "--out", str(out)]
        process = subprocess.Popen([*ISPTUNE, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if done < kills:
            try:
                process.wait(timeout=instants.uniform(0.02, 1.0) * length)
                if process.returncode == 0:
                    # It ended before its instant: cut the log by a random number of bytes, as a kill may.
                    log = out / "evaluations.jsonl"
                    content = log.read_bytes()
                    log.write_bytes(content[: instants.randrange(len(content))])
                    continue
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                done += 1
                generations = (out / "evaluations.jsonl").read_bytes().count(b"\n") if log_exists(out) else 0
                print(f"kill {done} in generation {generations}", flush=True)
                continue
        _, errors = process.communicate()
        if process.returncode:
            sys.exit(f"resume failed: {errors.decode()}")
        return done


def log_exists(out: Path) -> bool:
    return (out / "evaluations.jsonl").exists()


def stripped(out: Path) -> list[str]:
    """The log's lines without their seconds, otherwise to the byte."""
    lines = (out / "evaluations.jsonl").read_text(encoding="utf-8").splitlines()
    return [line[: line.rindex(', "seconds": ')] for line in lines if json.loads(line)]


if __name__ == "__main__":
    sys.exit(main())

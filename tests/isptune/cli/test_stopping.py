"""Runs that are stopped or killed: exit codes, the way back, and equal logs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_cleanly_and_says_how_to_resume(photo: str, number: int, code: int) -> None:
    command = [sys.executable, "-m", "isptune", "tune", photo, "--budget", "30000", "--out", "run"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    log = Path("run/evaluations.jsonl")
    deadline = time.monotonic() + 120
    while not (log.exists() and log.read_bytes().count(b"\n") >= 2):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    done = log.read_bytes().count(b"\n")
    assert f"stopped after generation {done} of 1000; go on with: isptune resume run" in err
    assert "Traceback" not in err


def test_killed_runs_resume_to_the_log_of_an_unbroken_one() -> None:
    script = [sys.executable, str(ROOT / "benchmarks/kill_resume.py"), "--kills", "3"]
    done = subprocess.run(
        [*script, "--scene", "chart:256x192", "--budget", "1500"], capture_output=True, text=True, check=False
    )
    assert "3 kills, 50 generations, logs equal: True" in done.stdout
    assert done.returncode == 0

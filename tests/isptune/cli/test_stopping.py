"""Runs that are stopped or killed: exit codes, the way back, and equal logs."""

from __future__ import annotations

import os
import random
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from isptune.cli import run

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
    study = SimpleNamespace(**runpy.run_path(str(ROOT / "benchmarks/kill_resume.py")))
    settings = ["chart:256x192", "--objective", "psnr", "--seed", "7", "--budget", "1500"]
    whole, broken = Path("whole"), Path("broken")
    assert run(["tune", *settings, "--out", str(whole)]) == 0
    assert study.kill_and_resume(settings, broken, 3, whole, random.Random(0)) == 3
    assert len(study.stripped(whole)) == 50
    assert study.stripped(broken) == study.stripped(whole)

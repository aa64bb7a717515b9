"""Runs that are stopped or killed: exit codes, the way back, and equal logs."""

from __future__ import annotations

import random
import runpy
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from isptune.cli import run

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_cleanly_and_says_how_to_resume(
    photo: str, number: int, code: int, commands: Any
) -> None:
    errors = Path("errors.txt")
    process = commands.start(["tune", photo, "--budget", "30000", "--out", "run"], errors)
    log = Path("run/evaluations.jsonl")
    deadline = time.monotonic() + 120
    while not (log.exists() and log.read_bytes().count(b"\n") >= 2):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(60) == code
    done, err = log.read_bytes().count(b"\n"), errors.read_text()
    assert f"stopped after generation {done} of 1000; go on with: isptune resume run" in err
    assert "Traceback" not in err


def test_killed_runs_resume_to_the_log_of_an_unbroken_one(commands: Any) -> None:
    study = SimpleNamespace(**runpy.run_path(str(ROOT / "benchmarks/kill_resume.py")))
    settings = ["chart:256x192", "--objective", "psnr", "--seed", "7", "--budget", "1500"]
    whole, broken = Path("whole"), Path("broken")
    assert run(["tune", *settings, "--out", str(whole)]) == 0
    # Of these instants one is in the start, after a seventh of a second.
    instants = random.Random(218)
    assert study.kill_and_resume(settings, broken, 3, whole, instants, start=commands.start) == 3
    assert len(study.stripped(whole)) == 50
    assert study.stripped(broken) == study.stripped(whole)


def test_a_killed_search_by_a_model_resumes_to_the_log_of_an_unbroken_one(commands: Any) -> None:
    study = SimpleNamespace(**runpy.run_path(str(ROOT / "benchmarks/kill_resume.py")))
    settings = ["chart:64x48", "--objective", "psnr", "--optimizer", "bo", "--seed", "7", "--budget", "30"]
    whole, broken = Path("whole"), Path("broken")
    assert run(["tune", *settings, "--out", str(whole)]) == 0
    # The second of these kills comes while a batch is planned by what was replayed.
    assert study.kill_and_resume(settings, broken, 2, whole, random.Random(5), start=commands.start) == 2
    assert len(study.stripped(whole)) == 6
    assert study.stripped(broken) == study.stripped(whole)

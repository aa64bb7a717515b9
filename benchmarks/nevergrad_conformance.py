"""Runs the conformance suite over every optimizer of Nevergrad and writes which ones isptune offers.

    python benchmarks/nevergrad_conformance.py --partial survey.jsonl

Each name is checked in a process of its own, one at a time, with a limit on its processor time; the whole
takes about half an hour. What is done is kept in the partial file, from which a second call goes on. The
result, ``isptune/optimizers/nevergrad_survey.json``, holds the version, the offered names and the
refused ones with a reason each.

The survey's suite is smaller than the one that tests inherit: 4 batches (6 elsewhere) of 30 candidates, with
1, 5 and 12 parameters (2 is left out) and the populations 30 and 7. It leaves out what the wrapper answers
for all names alike: wrong calls, callers' arrays, bounds (every batch is checked) and the exchange of the
global random states. A run of 600 candidates on a sphere stands for the checks of improvement and of
orientation: its best must improve, and its last quarter must be better on average than its first batch
(designs that ignore the losses are free of the second). Two checks are added: this run must not take more
than 10 ms of processor time a candidate, and its candidates must be the same in two interpreters whose
string hashes differ, because a run is resumed in another process.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from isptune.contracts.free_space import FreeSpace
from isptune.contracts.optimizer import Optimizer
from isptune.optimizers.nevergrad import SURVEY_FILE, method_class
from isptune.testing import OptimizerConformance
from isptune.testing.optimizer_subject import Array, Log, run, sphere
from isptune.wording.naming import natural_sorted

FAST_ENOUGH_SECONDS = 6
PROCESSOR_SECONDS = 45
WALL_SECONDS = 180
TOO_SLOW = "it needs more than 10 ms of processor time to propose a candidate"

REASONS = {
    "test_another_seed_gives_other_candidates": "it ignores the seed",
    "test_replaying_a_log_continues_it": "a resumed run differs from an unbroken one",
    "test_global_random_state_has_no_influence": "it depends on global random state",
    "test_each_batch_holds_exactly_the_population": "it fails with a population of 7",
    "test_survives_failed_candidates": "it fails where some candidates fail",
    "test_survives_failed_batches": "it fails where a whole batch fails",
    "test_survives_constant_losses": "it fails where all losses are equal",
    "test_survives_huge_losses": "it fails with huge losses",
    "test_batches_are_float64_in_the_unit_cube": "it fails with 1, 5 or 12 parameters",
    "test_the_first_batch_begins_with_the_starts": "it does not begin with start candidates",
    "test_survives_starts_that_fail": "it fails with start candidates",
    "test_starts_leave_a_search_reproducible": "with start candidates, two runs from one seed differ",
}
NOT_LOWER = "the last quarter of 600 candidates on a sphere is no better on average than the first batch"
UNCHECKED = "the conformance survey has not come to it yet"
SEQUENTIAL = "it proposes one candidate at a time, not a batch"


def suite_for(name: str, one_shot: bool) -> OptimizerConformance:
    """The suite of one Nevergrad name, offered or not."""

    class Suite(OptimizerConformance):
        dimensions = (1, 5, 12)
        populations = (7,)
        generations = 4
        learns = not one_shot

        def make(
            self,
            space: FreeSpace | int = 5,
            population: int | None = None,
            seed: int = 0,
            budget: int | None = None,
            starts: Array | None = None,
        ) -> Optimizer:
            return method_class(name)(space, population, seed, budget, starts)

    return Suite()


def digest(log: Log) -> str:
    """A hash of all candidates of a run."""
    return hashlib.sha256(b"".join(candidates.tobytes() for candidates, _, _ in log)).hexdigest()


def check(name: str, only_digest: bool, report: Callable[[dict[str, Any]], None]) -> None:
    """All checks of one name; stops at the first reason to refuse it."""
    import nevergrad

    kind = nevergrad.optimizers.registry[name]
    if getattr(kind, "no_parallelization", False):
        report({"reason": SEQUENTIAL})
        return
    # Some need minutes: the kernel ends them, and the limit is lifted once they prove quick enough.
    resource.setrlimit(resource.RLIMIT_CPU, (FAST_ENOUGH_SECONDS + 1, PROCESSOR_SECONDS + 1))
    begun = time.process_time()
    log = run(method_class(name)(5, 30, 7, 600), sphere, 20)
    if not only_digest and time.process_time() - begun > FAST_ENOUGH_SECONDS:
        report({"reason": TOO_SLOW})
        return
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS + 1))
    report({"digest": digest(log)})
    if only_digest:
        return
    if threading.active_count() > 1:
        report({"reason": "it runs a sequential method in a thread of its own"})
        return
    if min(losses.min() for _, losses, _ in log) >= log[0][1].min():
        report({"reason": "20 batches on a sphere find nothing better than the first batch"})
        return
    one_shot = bool(getattr(kind, "one_shot", False))
    if not one_shot and np.mean([losses for _, losses, _ in log[15:]]) >= log[0][1].mean():
        report({"reason": NOT_LOWER})
        return
    suite = suite_for(name, one_shot)
    for step, reason in REASONS.items():
        try:
            getattr(suite, step)()
        except AssertionError:
            report({"reason": reason})
            return
        except Exception as error:
            report({"reason": f"{reason}: {explain(error)}" if "fails" in reason else explain(error)})
            return
    report({"passed": True})


def explain(error: Exception) -> str:
    """One plain line for an exception."""
    cause = error.__cause__ or error
    text = " ".join(str(cause).split())
    if isinstance(cause, ImportError):
        return f"it needs a package that isptune does not bring: {text[:120]}"
    if "does not support parallelization" in text:
        return SEQUENTIAL
    return f"it raises {type(cause).__name__}{': ' + text[:120] if text else ''}"


def in_child(
    name: str,
    only_digest: bool,
    checks: Callable[[str, bool, Callable[[dict[str, Any]], None]], None] = check,
) -> dict[str, Any]:
    """The checks of one name in a forked process, under a limit of processor and of wall-clock time."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)

        def report(line: dict[str, Any]) -> None:
            os.write(writing, (json.dumps(line) + "\n").encode())

        try:
            checks(name, only_digest, report)
        except BaseException as error:
            report({"reason": explain(error) if isinstance(error, Exception) else "it ends the process"})
        os._exit(0)
    os.close(writing)
    found = dict(_lines(reading))
    os.close(reading)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if not {"reason", "passed"} & found.keys() and not (only_digest and "digest" in found):
        ended = "the checks end its process or take more than 45 s of processor time"
        found["reason"] = ended if "digest" in found else TOO_SLOW
    return found


def _lines(reading: int) -> Iterator[tuple[str, Any]]:
    end, text = time.monotonic() + WALL_SECONDS, b""
    while (left := end - time.monotonic()) > 0:
        if not select.select([reading], [], [], left)[0]:
            return
        piece = os.read(reading, 65536)
        if not piece:
            return
        text += piece
        *whole, text = text.split(b"\n")
        for line in whole:
            yield from json.loads(line).items()


def serve() -> None:
    """The worker: imports once, then checks each name that standard input gives, in a fork."""
    import nevergrad  # noqa: F401
    import torch

    torch.set_num_threads(1)
    for line in sys.stdin:
        name, only_digest = json.loads(line)
        print(json.dumps(in_child(name, only_digest)), flush=True)


def survey(names: list[str], only_digest: bool, done: dict[str, Any], partial: Path) -> dict[str, Any]:
    """The findings of one pass over names, from the partial file where they are there already."""
    phase = "digest" if only_digest else "suite"
    if all(f"{phase} {name}" in done for name in names):
        return {name: done[f"{phase} {name}"] for name in names}
    environment = {**os.environ, "PYTHONHASHSEED": "2" if only_digest else "1", "OMP_NUM_THREADS": "1"}
    worker = subprocess.Popen(
        [sys.executable, __file__, "--worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    findings = {}
    for number, name in enumerate(names, start=1):
        key = f"{phase} {name}"
        if key not in done:
            worker.stdin.write(json.dumps([name, only_digest]) + "\n")
            worker.stdin.flush()
            done[key] = json.loads(worker.stdout.readline())
            with partial.open("a", encoding="utf-8") as file:
                file.write(json.dumps({key: done[key]}) + "\n")
            print(f"{phase} {number}/{len(names)} {name}: {done[key].get('reason', 'ok')}", flush=True)
        findings[name] = done[key]
    worker.stdin.close()
    worker.wait()
    return findings


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--partial", type=Path, default=Path("nevergrad_survey.partial.jsonl"))
    parser.add_argument("--out", type=Path, default=SURVEY_FILE)
    parser.add_argument(
        "--only-write",
        action="store_true",
        help="check nothing more: write what the partial file holds, and refuse the names not yet checked",
    )
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        serve()
        return
    import nevergrad

    done: dict[str, Any] = {}
    if arguments.partial.exists():
        for line in arguments.partial.read_text(encoding="utf-8").splitlines():
            done.update(json.loads(line))
    names = natural_sorted(nevergrad.optimizers.registry)
    refused = {name: "its name ends in a space" for name in names if name != name.strip()}
    wanted = [name for name in names if name not in refused]
    if arguments.only_write:
        refused |= {name: UNCHECKED for name in wanted if f"suite {name}" not in done}
        wanted = [name for name in wanted if name not in refused]
    suite = survey(wanted, False, done, arguments.partial)
    refused |= {name: found["reason"] for name, found in suite.items() if "reason" in found}
    passed = [name for name in wanted if name not in refused]
    if arguments.only_write:
        refused |= {name: UNCHECKED for name in passed if f"digest {name}" not in done}
        passed = [name for name in passed if name not in refused]
    for name, found in survey(passed, True, done, arguments.partial).items():
        if found.get("digest") != suite[name]["digest"]:
            refused[name] = found.get("reason", "another process gives other candidates from the same seed")
    result = {
        "nevergrad": nevergrad.__version__,
        "offered": [name for name in names if name not in refused],
        "refused": {name: refused[name] for name in names if name in refused},
    }
    arguments.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(result['offered'])} offered, {len(result['refused'])} refused: {arguments.out}")


if __name__ == "__main__":
    main()

"""Finds out which optimizers of Nevergrad take several objectives, and writes their names.

    python benchmarks/nevergrad_multi_objective.py [NAME ...]

It goes over the names that ``isptune/optimizers/nevergrad_survey.json`` offers, each in a process of its
own, one at a time, with a limit on its processor time, and takes about a quarter of an hour for all of
them. Where NAMEs are given, only those are checked, and what the file holds of others is kept. A name is
offered for several objectives if ten batches of 30 candidates with two losses each

- take no more than 10 ms of processor time a candidate,
- go the same way in two interpreters whose string hashes differ,
- go the same way with a fresh optimizer that is told the first half as a log holds it,
- and end without an error where candidates fail and where a whole batch fails.

The result, ``isptune/optimizers/nevergrad_multi_objective.json``, holds the version, the offered names and
the refused ones with a reason each.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from nevergrad_conformance import PROCESSOR_SECONDS, TOO_SLOW, digest, explain, in_child

from isptune.contracts.optimizer import Optimizer
from isptune.optimizers.nevergrad import MULTI_OBJECTIVE_FILE, method_class, multi_objective_survey, survey
from isptune.testing.multi_objective import distances
from isptune.testing.optimizer_subject import Array, Log
from isptune.tuning.proposing import Proposer

BATCHES = 10
FAST_ENOUGH_SECONDS = 3


def follow(
    optimizer: Optimizer | Proposer, losses: Callable[[Array, int], Array], batches: int = BATCHES
) -> Log:
    """What was asked and told; the last column of the log, gradients, is empty."""
    log = []
    proposer = optimizer if isinstance(optimizer, Proposer) else Proposer(optimizer)
    for number in range(batches):
        candidates = proposer.ask()
        told = losses(candidates, number)
        proposer.tell(candidates, told)
        log.append((candidates, told, np.empty(0)))
    return log


def check(name: str, only_digest: bool, report: Callable[[dict[str, Any]], None]) -> None:
    """All checks of one name; stops at the first reason to refuse it."""
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS + 1))

    def make() -> Optimizer:
        kind = type("Several", (method_class(name),), {"is_multi_objective": True})
        return kind(5, 30, 7, 30 * BATCHES)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    log = follow(make(), lambda candidates, _: distances(candidates))
    if not only_digest and resource.getrusage(resource.RUSAGE_SELF).ru_utime - before > FAST_ENOUGH_SECONDS:
        report({"reason": TOO_SLOW})
        return
    report({"digest": digest(log)})
    if only_digest:
        return
    resumed = Proposer(make())
    for candidates, losses, _ in log[: BATCHES // 2]:
        if not np.array_equal(resumed.ask(), candidates):
            report({"reason": "a resumed run differs from an unbroken one"})
            return
        resumed.tell(candidates, np.array(json.loads(json.dumps(losses.tolist()))))
    rest = follow(resumed, lambda candidates, _: distances(candidates), BATCHES - BATCHES // 2)
    if digest(rest) != digest(log[BATCHES // 2 :]):
        report({"reason": "a resumed run differs from an unbroken one"})
        return

    def failing(candidates: Array, number: int) -> Array:
        fails = (
            np.arange(len(candidates)) % 3 == 1 if number not in (0, 2) else np.ones(len(candidates), bool)
        )
        return np.where(fails[:, None], np.inf, distances(candidates))

    try:
        follow(make(), failing, 5)
    except Exception as error:
        report({"reason": f"it fails where candidates fail: {explain(error)}"})
        return
    report({"passed": True})


def one_pass(names: list[str], only_digest: bool) -> None:
    """The worker: imports once, then checks each name in a fork and prints what it found."""
    import nevergrad  # noqa: F401

    for name in names:
        print(json.dumps([name, in_child(name, only_digest, check)]), flush=True)


def results(names: list[str], only_digest: bool) -> dict[str, dict[str, Any]]:
    """The findings of a pass in an interpreter of its own."""
    environment = {**os.environ, "PYTHONHASHSEED": "2" if only_digest else "1", "OMP_NUM_THREADS": "1"}
    arguments = [sys.executable, __file__, "--pass", "digest" if only_digest else "all", *names]
    worker = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment)
    assert worker.stdout is not None
    found = {}
    for line in worker.stdout:
        name, facts = json.loads(line)
        found[name] = facts
        print(f"{len(found)} {name}: {facts.get('reason', 'ok')}", file=sys.stderr, flush=True)
    if worker.wait():
        raise SystemExit(f"the pass ended with the exit code {worker.returncode}")
    return found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="of Nevergrad; all that are offered if none")
    parser.add_argument("--pass", dest="which", choices=("all", "digest"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.which:
        one_pass(arguments.names, arguments.which == "digest")
        return
    import nevergrad

    known = survey()["offered"]
    names = arguments.names or known
    if unknown := sorted(set(names) - set(known)):
        raise SystemExit(f"not offered by the conformance survey: {', '.join(unknown)}")
    found, again = results(names, False), results(names, True)
    before = multi_objective_survey() if arguments.names else {"offered": [], "refused": {}}
    refused = {name: reason for name, reason in before["refused"].items() if name not in found}
    for name, facts in found.items():
        if "reason" in facts:
            refused[name] = facts["reason"]
        elif again[name].get("digest") != facts["digest"]:
            refused[name] = "another process gives other candidates from the same seed"
    result = {
        "nevergrad": nevergrad.__version__,
        "offered": [name for name in known if name in {*before["offered"], *found} and name not in refused],
        "refused": {name: refused[name] for name in known if name in refused},
    }
    MULTI_OBJECTIVE_FILE.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(result['offered'])} offered, {len(refused)} refused: {MULTI_OBJECTIVE_FILE}")


if __name__ == "__main__":
    main()

"""A pipeline that raises, hangs, crashes and leaves programs behind, in a run of 1,500 evaluations.

    uv run python benchmarks/failing_pipeline.py --kills 10

About 20% of the candidates fail, 2% hang and 1% crash their worker, as a hash of their values says, so that
runs repeat. Runs ``isptune tune`` once unbroken, and once killed with SIGKILL at random instants, the
command's own process alone, and resumed each time. Every development appends a line to a file. Checks that
both runs end with equal logs, that what failed has the reason that the hash says, that no candidate is
developed twice but those of generations that a kill cut short, and that no process is left after a run or a
kill. Writes failing_pipeline.md into the folder of the script's name; the exit code is 0 only if all of it
holds.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

import isptune
from isptune import Bool, Choice, Float, Int

# The file that developments are noted in; it also marks every process of a run, whoever started it.
NOTES = "FAILING_PIPELINE_NOTES"
SIZE = (48, 64)
TIMEOUT = 1.5

# Shares of the candidates, and the statuses and reasons that the log must have for them.
FATES = {
    "raises": 0.14,
    "gives another size": 0.02,
    "gives what is not finite": 0.02,
    "exits": 0.02,
    "hangs": 0.01,
    "hangs with a program": 0.01,
    "crashes": 0.005,
    "ends its process": 0.005,
    "leaves a program behind": 0.01,
}
EXPECTED = {
    "raises": ("failed", "ValueError: the lens is not mounted"),
    "gives another size": ("failed", "ValueError: develop gave an array of the shape (64, 48, 3)"),
    "gives what is not finite": (
        "failed",
        "ValueError: develop gave a picture with values that are not finite",
    ),
    "exits": ("failed", "SystemExit: no licence"),
    "hangs": ("timed out", f"it took longer than {TIMEOUT:g} s"),
    "hangs with a program": ("timed out", f"it took longer than {TIMEOUT:g} s"),
    "crashes": ("failed", "the worker process was ended by SIGSEGV"),
    "ends its process": ("failed", "the worker process ended with exit code 7 (out of film)"),
}


class Unsteady(isptune.Pipeline):
    """A small ISP in numpy that works for most candidates."""

    name = "unsteady"
    has_reference = True

    def __init__(self) -> None:
        self.options = {}
        self.space = isptune.ParameterSpace(
            {
                "exposure.gain": Float(0.25, 4.0, log=True, default=1.0),
                "tone.gamma": Float(1.0, 3.0, default=1.8),
                "tone.black": Int(0, 64, default=16, unit="DN"),
                "denoise.enabled": Bool(default=True),
                "denoise.method": Choice(("mean", "median"), active_if={"enabled": True}),
                "denoise.strength": Float(0.0, 1.0, default=0.5, active_if={"enabled": True}),
            }
        )
        raw = np.random.default_rng(0).random((*SIZE, 3)) ** 2.2
        wanted = torch.from_numpy(raw ** (1 / 2.2)).permute(2, 0, 1).float()
        self.scenes = [isptune.Scene("bench", SIZE, reference=wanted, payload=raw)]

    def develop(self, values: dict[str, Any], scene: isptune.Scene) -> np.ndarray:
        with open(os.environ[NOTES], "a", encoding="utf-8") as file:
            file.write(written(values) + "\n")
        fate = fate_of(values)
        if fate == "raises":
            raise ValueError("the lens is not mounted")
        if fate == "exits":
            sys.exit("no licence")
        if fate in ("hangs with a program", "leaves a program behind"):
            # In a session of its own, as programs that become daemons are.
            subprocess.Popen(
                [sys.executable, "-S", "-c", "import time; time.sleep(900)"], start_new_session=True
            )
        if fate.startswith("hangs"):
            time.sleep(900)
        if fate == "crashes":
            os.kill(os.getpid(), signal.SIGSEGV)
        if fate == "ends its process":
            print("out of film", file=sys.stderr, flush=True)
            os._exit(7)
        picture = self.finished(values, scene.payload)
        if fate == "gives another size":
            return picture.transpose(1, 0, 2)
        if fate == "gives what is not finite":
            picture[0, 0, 0] = np.nan
        return picture

    def finished(self, values: dict[str, Any], raw: np.ndarray) -> np.ndarray:
        picture = np.clip(raw - values["tone.black"] / 1023, 0, 1)
        if values["denoise.enabled"]:
            around = [np.roll(picture, shift, axis=0) for shift in (-1, 0, 1)]
            smooth = {"mean": np.mean, "median": np.median}[values["denoise.method"]](around, axis=0)
            picture = picture + values["denoise.strength"] * (smooth - picture)
        developed: np.ndarray = np.clip(values["exposure.gain"] * picture, 0, 1) ** (1 / values["tone.gamma"])
        return developed


def written(values: dict[str, Any]) -> str:
    """A candidate's values as one line; equal for equal values alone."""
    return json.dumps(values, sort_keys=True)


def fate_of(values: dict[str, Any]) -> str:
    """What becomes of a candidate: a key of ``FATES``, or ``"works"``."""
    place = int.from_bytes(hashlib.sha256(written(values).encode()).digest()[:8], "big") / 2**64
    for fate, share in FATES.items():
        if place < share:
            return fate
        place -= share
    return "works"


@dataclass
class Study:
    """One run, unbroken or not, with what it left.

    Attributes:
        out: the run directory; the notes lie beside it.
        cut: the numbers of the generations that kills cut short.
        left: how many processes were still there some seconds after a kill or the end.
    """

    out: Path
    cut: set[int] = field(default_factory=set)
    left: list[int] = field(default_factory=list)

    @property
    def notes(self) -> Path:
        return self.out.with_suffix(".notes")

    def candidates(self) -> list[list[str]]:
        """The candidates of every generation of the log, as the notes have them."""
        space = Unsteady().space
        return [
            [
                written(values)
                for values in space.to_dicts(
                    space.to_values(torch.tensor(line["candidates"], dtype=torch.float64))
                )
            ]
            for line in log_of(self.out)
        ]

    def made(self) -> Counter[str]:
        """How often each candidate was developed; a line that a kill tore is a development, too."""
        return Counter(self.notes.read_text(encoding="utf-8").splitlines())

    def see_what_is_left(self) -> None:
        self.left.append(processes_with(f"{NOTES}={self.notes}"))


def main() -> int:
    from kill_resume import kill_and_resume, launch, lines, said, stripped
    from measuring import machine

    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="seed of the instants")
    parser.add_argument("--budget", type=int, default=1500)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(""))
    options = parser.parse_args()
    settings = ["--pipeline", f"{Path(__file__).resolve()}:Unsteady", "--objective", "psnr", "--seed", "7"]
    settings += ["--workers", "2", "--timeout", str(TIMEOUT), "--retries", "0", "--max-failures", "0.9"]
    settings += ["--budget", str(options.budget)]
    with tempfile.TemporaryDirectory() as folder:
        whole, broken = Study(Path(folder) / "whole"), Study(Path(folder) / "broken")
        started = time.monotonic()
        with marked(whole):
            if launch(settings, whole.out).wait():
                sys.exit(f"the unbroken run failed: {said(whole.out)}")
            whole.see_what_is_left()
        seconds = time.monotonic() - started

        def killed() -> None:
            broken.cut.add(lines(broken.out / "evaluations.jsonl"))
            broken.see_what_is_left()

        with marked(broken):
            kills = kill_and_resume(
                settings, broken.out, options.kills, whole.out, random.Random(options.seed), after_kill=killed
            )
            broken.see_what_is_left()
        checks = {
            f"the run was killed {options.kills} times": kills == options.kills,
            "both runs made all evaluations": evaluations(whole.out)
            == evaluations(broken.out)
            == options.budget,
            "the logs are equal to the byte but for the seconds": stripped(whole.out) == stripped(broken.out),
            "every candidate has the status and the reason of its fate": not surprises(whole),
            "unbroken: no candidate was developed twice": max(whole.made().values()) == 1,
            "unbroken: every candidate of the log was developed": unmade(whole) == set(),
            "killed: only candidates of generations that were cut short, and the one of the last picture, "
            "were developed again": made_again(broken) <= may_be_made_again(broken),
            "no process was left after a run or a kill": not any(whole.left + broken.left),
        }
        lines_of_report = report(whole, broken, checks, seconds, machine())
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "failing_pipeline.md").write_text("\n".join(lines_of_report) + "\n")
    print("\n".join(lines_of_report))
    return 0 if all(checks.values()) else 1


@contextlib.contextmanager
def marked(study: Study) -> Iterator[None]:
    """Have everything that is started in the block note its developments in the study's file."""
    os.environ[NOTES] = str(study.notes)
    try:
        yield
    finally:
        del os.environ[NOTES]


def processes_with(marker: str, seconds: float = 10.0) -> int:
    """How many other processes of that environment there are, after at most so many seconds."""
    end = time.monotonic() + seconds
    while True:
        found = 0
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                is_it = marker.encode() in (folder / "environ").read_bytes().split(b"\0")
                found += is_it and int(folder.name) != os.getpid()
        if not found or time.monotonic() > end:
            return found
        time.sleep(0.05)


def log_of(out: Path) -> list[dict[str, Any]]:
    lines = (out / "evaluations.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def evaluations(out: Path) -> int:
    return sum(len(line["candidates"]) for line in log_of(out))


def surprises(study: Study) -> list[str]:
    """Candidates whose status or reason in the log is not that of their fate."""
    found, met = [], set()
    for line, candidates in zip(log_of(study.out), study.candidates(), strict=True):
        for index, candidate in enumerate(candidates):
            status, reason = EXPECTED.get(fate_of(json.loads(candidate)), ("done", ""))
            told = line.get("reasons", {}).get(str(index), "")
            before = candidate in met and told == "the same values failed before"
            if line["statuses"][index] != status or (
                not (reason in told if reason else not told) and not before
            ):
                found.append(f"{candidate}: {line['statuses'][index]} {told}")
            met.add(candidate)
    return found


def unmade(study: Study) -> set[str]:
    return {candidate for generation in study.candidates() for candidate in generation} - set(study.made())


def made_again(study: Study) -> set[str]:
    return {candidate for candidate, times in study.made().items() if times > 1}


def may_be_made_again(study: Study) -> set[str]:
    """Candidates of generations that were cut short, and those of the last sitting's pictures."""
    log, candidates = log_of(study.out), study.candidates()
    cut = {one for number in study.cut if number < len(log) for one in candidates[number]}
    result = json.loads((study.out / "result.json").read_text())
    space = Unsteady().space
    return cut | {written(result["best_parameters"]), written(space.to_dicts(space.start())[0])}


def report(whole: Study, broken: Study, checks: dict[str, bool], seconds: float, machine: str) -> list[str]:
    counts: Counter[str] = Counter()
    for line in log_of(whole.out):
        counts.update(line["statuses"])
    fates = Counter(fate_of(json.loads(one)) for generation in whole.candidates() for one in generation)
    again = made_again(broken)
    more = sum(broken.made().values()) - len(broken.made())
    lines = ["# A pipeline that fails, hangs and crashes", "", machine, ""]
    lines += [
        f"{evaluations(whole.out)} evaluations by `es` with two workers and a time-out of {TIMEOUT:g} s: "
    ]
    lines[-1] += ", ".join(f"{count} {status}" for status, count in counts.most_common())
    lines[-1] += f". The unbroken run took {seconds:.0f} s."
    lines += ["", "| what a candidate does | share | of the log |", "| --- | --- | --- |"]
    for fate in (*FATES, "works"):
        share = FATES.get(fate, 1 - sum(FATES.values()))
        lines += [f"| {fate} | {share:.1%} | {fates[fate]} |"]
    lines += ["", f"Developments of the unbroken run: {sum(whole.made().values())}, of {len(whole.made())} "]
    lines[-1] += (
        "different candidates (one more than in the log where the start, of which a picture is drawn, is "
    )
    lines[-1] += "not among them). "
    lines[-1] += (
        f"Of the killed one: {sum(broken.made().values())}, of as many different candidates; {len(again)} "
    )
    lines[-1] += (
        f"were developed again, {more} times together, in {len(broken.cut)} generations that were cut short."
    )
    lines += ["", "| check | holds |", "| --- | --- |"]
    lines += [f"| {what} | {'yes' if holds else '**NO**'} |" for what, holds in checks.items()]
    return lines


if __name__ == "__main__":
    sys.exit(main())

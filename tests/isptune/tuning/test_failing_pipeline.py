"""A run whose pipeline raises, hangs and crashes: every candidate has its fate, nothing is made twice."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import isptune
from isptune import Float, Objective, ParameterSpace, Pipeline, Scene
from isptune.contracts.development import Development
from isptune.errors import EvaluationError
from isptune.runs.generation import Generation
from isptune.tuning.stopping import FAILED_BEFORE, Failures, problems_of, told


class Unsteady(Pipeline):
    """A grey picture; what becomes of a candidate is written in the last digits of its value."""

    name = "unsteady"
    development = Development(workers=2, timeout=1.0)

    def __init__(self, notes: Path) -> None:
        self.options = {}
        self.space = ParameterSpace({"a": Float(0, 1), "b": Float(0, 1)})
        self.scenes = [Scene("bench", (8, 8))]
        self.notes = notes

    def develop(self, values: dict[str, float], scene: Scene) -> np.ndarray:
        with self.notes.open("a") as file:
            file.write(f"{values['a']!r} {os.getpid()}\n")
        fate = self.fate(values["a"])
        if fate == "hangs":
            time.sleep(60)
        if fate == "crashes":
            os.kill(os.getpid(), signal.SIGSEGV)
        if fate == "raises":
            raise ValueError("the lens is not mounted")
        return np.full((8, 8, 3), values["b"], np.float32)

    @staticmethod
    def fate(value: float) -> str:
        digits = round(value * 1e9) % 20
        return {13: "hangs", 14: "crashes"}.get(digits, "raises" if digits > 14 else "works")


class Bright(Objective):
    name = "bright"

    def __init__(self) -> None:
        self.options = {}

    def score(self, images, reference=None):
        return images.mean(dim=(1, 2, 3))


def tune(folder: Path, **more):
    pipeline = Unsteady(folder / "notes")
    settings = {"budget": 20, "population": 10, "seed": 8, "out": folder / "run"}
    return isptune.tune(pipeline, Bright(), optimizer="random", **{**settings, **more})


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "run" / "evaluations.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return folder, tune(folder)


STATUS = {"works": "done", "raises": "failed", "crashes": "failed", "hangs": "timed out"}
REASON = {
    "raises": "the pipeline 'unsteady' failed: ValueError: the lens is not mounted on scene 'bench'",
    "crashes": "the pipeline 'unsteady' failed: the worker process was ended by SIGSEGV on scene 'bench'",
    "hangs": "the pipeline 'unsteady' timed out: it took longer than 1 s on scene 'bench'",
}


def test_every_candidate_has_its_fate_and_its_reason(whole):
    folder, result = whole
    met = Counter()
    for line in lines(folder):
        for index, (a, _) in enumerate(line["candidates"]):
            fate = Unsteady.fate(a)
            met[fate] += 1
            assert line["statuses"][index] == STATUS[fate]
            assert line.get("reasons", {}).get(str(index), "") == REASON.get(fate, "")
    assert met["hangs"]
    assert met["crashes"]
    assert met["raises"]
    assert result.evaluations == 20
    assert len(result.problems) == 20 - met["works"]


def test_no_candidate_is_made_twice_and_no_process_is_left(whole):
    folder, _ = whole
    notes = [line.split() for line in (folder / "notes").read_text().splitlines()]
    made = Counter(float(value) for value, _ in notes)
    # The start is developed for the picture of it.
    asked = [a for line in lines(folder) for a, _ in line["candidates"]]
    assert made == Counter([*asked, 0.5])
    assert not any(Path(f"/proc/{process}").exists() for _, process in notes)


def test_a_run_that_is_cut_and_resumed_has_the_same_log(whole, tmp_path):
    folder, _ = whole
    shutil.copytree(folder / "run", tmp_path / "run")
    log = tmp_path / "run" / "evaluations.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:1]))
    # Another sitting may take other workers.
    tune(tmp_path, resume=True, workers=1)

    def logged(place: Path) -> list[dict]:
        return [{key: value for key, value in line.items() if key != "seconds"} for line in lines(place)]

    assert logged(tmp_path) == logged(folder)


def test_repeats_of_failures_stop_no_run_and_one_line_stands_for_a_generation(snapshot):
    space = ParameterSpace({"a": Float(0, 1)})
    candidates, scores = np.zeros((20, 1)), np.full((20, 1), np.nan)
    again = Generation(3, candidates, scores, 0.0, ["failed"] * 20, [FAILED_BEFORE] * 20)
    assert problems_of(again, space) == []
    Failures(0.5).check(again, [], None)
    new = Generation(
        3, candidates, scores, 0.0, ["failed"] * 20, ["no lamp", "no lens"] + [FAILED_BEFORE] * 18
    )
    problems = problems_of(new, space)
    assert told(problems[:1]) == "generation 4: candidate 0 (a=0) failed: no lamp"
    assert told(problems) == f"{problems[0]} (and 1 more of this generation, see the log)"
    with pytest.raises(EvaluationError) as caught:
        Failures(0.5).check(new, problems, None)
    assert str(caught.value) == snapshot


def test_too_many_failures_stop_a_run_that_can_be_resumed(tmp_path):
    with pytest.raises(EvaluationError) as caught:
        tune(tmp_path, max_failures=0.1)
    assert re.fullmatch(
        r"\d+ of 20 candidates failed, more than the share of 0.1 that max_failures allows; the first of generation "
        r"2: candidate \d \(a=0.\d+, b=0.\d+\) .* on scene 'bench'.*; mend it and go on with: isptune resume "
        + re.escape(str(tmp_path / "run")),
        str(caught.value),
    )
    assert len(lines(tmp_path)) == 1


class Refusing(Unsteady):
    """Fails always, on a space of two values that look like a real range."""

    development = Development(isolated=False)

    def __init__(self, notes: Path) -> None:
        super().__init__(notes)
        self.space = ParameterSpace({"a": Float(1.0, math.nextafter(1.0, 2.0))})

    def develop(self, values: dict[str, float], scene: Scene) -> np.ndarray:
        with self.notes.open("a") as file:
            file.write(f"{values['a']!r}\n")
        sys.exit("no licence")


def test_what_failed_is_not_made_again_in_a_later_generation(tmp_path):
    result = isptune.tune(
        Refusing(tmp_path / "notes"),
        Bright(),
        optimizer="random",
        budget=20,
        population=10,
        max_failures=1.0,
        out=tmp_path / "run",
    )
    assert sorted((tmp_path / "notes").read_text().split()) == ["1.0", "1.0000000000000002"]
    assert len(result.problems) == 2
    reasons = {reason for line in lines(tmp_path) for reason in line["reasons"].values()}
    assert reasons == {
        "the pipeline 'unsteady' failed: SystemExit: no licence on scene 'bench'",
        "the same values failed before",
    }
    assert all(len(line["reasons"]) == 10 for line in lines(tmp_path))

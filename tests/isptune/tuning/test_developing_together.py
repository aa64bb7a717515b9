"""Developing several candidates in one call: equal to one at a time, whatever becomes of a candidate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import isptune
from isptune import Development, Float, ParameterSpace, Pipeline, Scene
from isptune.errors import ConfigurationError
from isptune.testing.pipeline_together import PipelineTogether
from isptune.tuning.developing import Developing
from isptune.tuning.workers import Reply

GREY = torch.full((3, 16, 20), 0.25)
# What goes wrong with gains below these.
CRASH, NOTHING, SIZE, RAISES = 0.05, 0.15, 0.2, 0.25


class Bench(Pipeline):
    """Adds gains to a grey picture; notes each call in a file."""

    name = "bench"
    development = Development(isolated=False, together=4)

    def __init__(self, notes: Path, scenes: int = 1, badly: bool = False) -> None:
        self.options = {}
        self.space = ParameterSpace({"gain": Float(0.0, 0.75)})
        self.scenes = [Scene.of_picture(f"scene {index}", GREY, index=index) for index in range(scenes)]
        self.notes, self.badly = notes, badly

    def develop(self, values, scene):
        self._note([values], scene)
        return self._picture(values["gain"], scene, alone=True)

    def develop_many(self, values, scene):
        self._note(values, scene)
        return [self._picture(one["gain"], scene, alone=False) for one in values]

    def _note(self, values, scene):
        with self.notes.open("a") as file:
            file.write(f"{scene.index}: " + " ".join(f"{one['gain']:g}" for one in values) + "\n")

    def _picture(self, gain, scene, alone):
        picture = scene.payload + gain
        if not self.badly or gain >= RAISES:
            return picture
        if gain < NOTHING:
            return None
        if gain < SIZE:
            return picture[:, 1:]
        if alone:
            raise ValueError("too dark")
        return ValueError("one of them is too dark")

    def calls(self):
        return self.notes.read_text().splitlines()


def developed(pipeline, gains, how=None, scenes=(0,)):
    how = how or pipeline.development
    with Developing(pipeline, pipeline.space, how) as developing:
        values = torch.tensor(gains, dtype=torch.float64)[:, None]
        found = sorted(developing.develop(values, list(scenes)), key=lambda one: (one.candidate, one.scene))
    return [
        (one.candidate, one.scene, one.status, one.reason)
        + (() if one.picture is None else (one.picture.tobytes(),))
        for one in found
    ]


class TestBench(PipelineTogether):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.notes = tmp_path / "notes"

    def make(self):
        return Bench(self.notes)


class Shuffled(Bench):
    def develop_many(self, values, scene):
        return super().develop_many(values, scene)[::-1]


class TestShuffled(TestBench):
    def make(self):
        return Shuffled(self.notes)

    def test_candidates_developed_together_are_those_developed_alone(self):
        with pytest.raises(
            AssertionError, match=r"candidate 0 among others on 'scene 0' is .* developed alone"
        ):
            super().test_candidates_developed_together_are_those_developed_alone()


def test_one_call_gets_as_many_as_declared_and_all_workers_get_some(tmp_path):
    bench = Bench(tmp_path / "notes", scenes=2)
    developed(bench, [0.3, 0.4, 0.5, 0.6, 0.7], replace(bench.development, workers=1), scenes=(0, 1))
    # Which of them comes first is not promised.
    assert sorted(bench.calls()) == ["0: 0.3 0.4", "0: 0.5 0.6 0.7", "1: 0.3 0.4", "1: 0.5 0.6 0.7"]
    few = Bench(tmp_path / "few")
    developed(few, [0.3, 0.4, 0.5], replace(bench.development, workers=2))
    assert sorted(few.calls()) == ["0: 0.3", "0: 0.4 0.5"]


def test_what_is_known_is_not_developed_again(tmp_path):
    bench = Bench(tmp_path / "notes", scenes=2)
    how = replace(bench.development, workers=1)
    with Developing(bench, bench.space, how) as developing:
        list(developing.develop(torch.tensor([[0.3], [0.5]], dtype=torch.float64), [1]))
        values = torch.tensor([[0.3], [0.4], [0.5], [0.4]], dtype=torch.float64)
        assert len(list(developing.develop(values, [0, 1]))) == 8
    assert bench.calls() == ["1: 0.3 0.5", "0: 0.3 0.4 0.5", "1: 0.4"]


TROUBLE = [0.3, 0.12, 0.4, 0.18, 0.22, 0.5]


def test_candidates_without_a_picture_cost_themselves_alone(tmp_path):
    bench = Bench(tmp_path / "notes", scenes=2, badly=True)
    how = replace(bench.development, workers=1, together=6, retries=1)
    found = developed(bench, TROUBLE, how, scenes=(0, 1))
    assert bench.calls()[0] == "0: 0.3 0.12 0.4 0.18 0.22 0.5"
    # Each of the three is tried alone as often as ever, while the others go on together.
    assert sorted(bench.calls()[1:]) == sorted([*2 * ["0: 0.12", "0: 0.18", "0: 0.22"], "1: 0.3 0.4 0.5"])
    assert found == developed(bench, TROUBLE, replace(how, together=1), scenes=(0, 1))
    assert [one[3] for one in found if one[2] == "failed"][-1] == "ValueError: too dark (2 attempts)"


class CrashingWorkers:
    """Workers as those of a run answer, in this process; one that makes a dark picture has crashed.

    Real ones would import torch anew after every crash. What they answer to a crash and to a hang is tested in
    test_workers.py.
    """

    def __init__(self, subject, count, timeout, environment, prepare, name):
        self._subject, self.timeouts = subject, []

    def call(self, method, values, scene, timeouts=1):
        self.timeouts.append(timeouts)
        gains = [one["gain"] for one in (values if method == "develop_many" else [values])]
        reply = Reply("done", getattr(self._subject, method)(values, scene)) if min(gains) >= CRASH else None
        return reply or Reply("failed", reason="the worker process was ended by SIGABRT")

    def close(self):
        pass


def test_a_crash_costs_one_candidate_alone_and_a_call_has_time_for_all(tmp_path, monkeypatch):
    monkeypatch.setattr("isptune.tuning.developing.Workers", CrashingWorkers)
    bench = Bench(tmp_path / "notes")
    how = Development(workers=1, timeout=1.5, together=3)
    with Developing(bench, bench.space, how) as developing:
        values = torch.tensor([0.7, 0.71, 0.3, 0.02], dtype=torch.float64)[:, None]
        found = sorted(developing.develop(values, [0]), key=lambda one: one.candidate)
        assert [one.status for one in found] == ["done", "done", "done", "failed"]
        assert found[3].reason == "the worker process was ended by SIGABRT"
        assert bench.calls() == ["0: 0.7 0.71", "0: 0.3"]
        # Two parts, and then the two of the part that crashed, each alone.
        assert developing._workers.timeouts == [2, 2, 1, 1]


def test_a_wrong_number_of_pictures_is_of_no_use(tmp_path):
    class Forgetful(Bench):
        def develop_many(self, values, scene):
            return super().develop_many(values, scene)[1:]

    bench = Forgetful(tmp_path / "notes")
    found = developed(bench, [0.3, 0.4], replace(bench.development, workers=1))
    assert [one[2] for one in found] == ["done", "done"]
    assert bench.calls() == ["0: 0.3 0.4", "0: 0.3", "0: 0.4"]


def test_candidates_together_need_a_method(tmp_path):
    class Alone(Bench):
        develop_many = Pipeline.develop_many

    bench = Alone(tmp_path / "notes")
    with pytest.raises(ConfigurationError, match=r"'bench' wants 4 candidates together: write develop_many"):
        Developing(bench, bench.space)


def test_scores_and_reasons_are_those_of_one_at_a_time(tmp_path):
    found = []
    for together in (1, 4):
        bench = Bench(tmp_path / "notes", scenes=2, badly=True)
        bench.development = Development(isolated=False, workers=2, together=together)
        with isptune.Evaluator(bench, isptune.create_objective("exposure")) as evaluator:
            unit = torch.tensor(TROUBLE, dtype=torch.float64)[:, None] / 0.75
            done = evaluator.evaluate(unit.numpy())
        found.append((done.scores.tobytes(), done.statuses, done.reasons))
    assert found[0] == found[1]
    assert found[0][1].count("failed") == 3

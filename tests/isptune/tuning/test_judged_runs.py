"""Runs whose candidates are judged: killed in the middle of a generation, resumed, mixed with other objectives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from syrupy.assertion import SnapshotAssertion
from torch import Tensor

import isptune
from isptune import Choice, Int, ParameterSpace
from isptune.contracts.round import Round
from isptune.errors import ConfigurationError, EvaluationError, RunDirectoryError
from isptune.runs.directory import RunDirectory
from isptune.runs.judgements import JUDGEMENTS_NAME

Maker = Callable[..., Any]
SCENE = "chart:64x48"


class Light(isptune.Judge):
    """Asks how light each contender is, and is told; the brightest may be near to the leader."""

    def __init__(
        self, stop_after: int | None = None, stop: Callable[[], BaseException] = lambda: OSError("gone")
    ) -> None:
        self.name = "light"
        self.options: dict[str, object] = {}
        self.asked: list[str] = []
        self.rounds: list[Round] = []
        self.stop_after, self.stop = stop_after, stop

    def judge(self, round: Round) -> list[float]:
        self.rounds.append(round)
        light = {note["who"]: note["light"] for note in round.notes}
        for one in (*round.contenders, *([round.leader] if round.leader else [])):
            if one.identity not in light:
                if self.stop_after is not None and len(self.asked) >= self.stop_after:
                    raise self.stop()
                self.asked.append(f"{round.generation} {one.identity}")
                light[one.identity] = round_to(
                    float(torch.cat([image.flatten() for image in one.pictures]).mean())
                )
                round.note({"who": one.identity, "light": light[one.identity]})
        anchor = light[round.leader.identity] - round.leader.score if round.leader else 0.0
        return [light[one.identity] - anchor for one in round.contenders]


def round_to(number: float) -> float:
    return round(number, 6)


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs write their logs alone."""
    monkeypatch.setattr("isptune.tuning.sitting.write_outputs", lambda *given: None)


def log_of(folder: str | Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (Path(folder) / "evaluations.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def notes_of(folder: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (Path(folder) / JUDGEMENTS_NAME).read_text().splitlines()]


def tuned(pipeline: Any, judge: Any, out: str | None, **settings: Any) -> isptune.TuneResult:
    return isptune.tune(pipeline, judge, **{"budget": 24, "population": 6, "seed": 1, "out": out, **settings})


@pytest.mark.usefixtures("no_figures")
def test_a_run_that_fails_while_judging_resumes_to_the_log_of_an_unbroken_one(flat: Maker) -> None:
    whole = Light()
    tuned(flat(), whole, "whole")
    assert len(log_of("whole")) == 4
    for stop in (3, 13, 26):
        out = f"stopped-{stop}"
        first, second = Light(stop), Light()
        with pytest.raises(EvaluationError) as failure:
            tuned(flat(), first, out)
        assert str(failure.value) == (
            "the objective 'light' failed: OSError: gone; what was answered is kept, go on with: isptune resume "
            f"{RunDirectory(out).path}"
        )
        tuned(flat(), second, out, resume=True)
        assert first.asked + second.asked == whole.asked
        assert log_of(out) == log_of("whole")
        assert notes_of(out) == notes_of("whole")


@pytest.mark.usefixtures("no_figures")
def test_a_run_without_a_directory_gives_the_same(flat: Maker) -> None:
    scores = [tuned(flat(), Light(), out).history.scores for out in ("whole", None)]
    np.testing.assert_array_equal(*scores)


@pytest.mark.usefixtures("no_figures")
def test_a_judge_is_told_of_the_generations_before(flat: Maker) -> None:
    judge = Light()
    result = tuned(flat(), judge, "run")
    rounds = judge.rounds
    assert [round.generation for round in rounds] == [0, 1, 2, 3]
    assert rounds[0].leader is None
    scores = result.history.scores.reshape(4, 6)
    for number, round in enumerate(rounds[1:], start=1):
        before = scores[:number]
        place = np.unravel_index(before.argmax(), before.shape)
        assert round.leader.score == before.max()
        assert round.leader.identity == rounds[place[0]].contenders[place[1]].identity
        assert len(round.earlier) == number
        assert [note["who"] for note in round.earlier[0]] == [one.identity for one in rounds[0].contenders]
        assert round.notes == ()


@pytest.mark.usefixtures("no_figures")
def test_ctrl_c_while_judging_ends_the_run_with_what_is_logged(flat: Maker) -> None:
    whole = Light()
    tuned(flat(), whole, "whole")
    # Six of the first generation, and seven with the leader of the second.
    judge = Light(16, KeyboardInterrupt)
    result = tuned(flat(), judge, "run")
    assert (result.stopped, result.evaluations) == (True, 12)
    assert len(notes_of("run")) == 16
    again = Light()
    tuned(flat(), again, "run", resume=True)
    assert judge.asked + again.asked == whole.asked
    assert log_of("run") == log_of("whole")


@pytest.mark.usefixtures("no_figures")
def test_notes_of_generations_that_are_not_there_are_refused(
    flat: Maker, snapshot: SnapshotAssertion
) -> None:
    tuned(flat(), Light(), "run")
    path = RunDirectory("run").file("evaluations.jsonl")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:1]))
    with pytest.raises(RunDirectoryError) as refusal:
        tuned(flat(), Light(), "run", resume=True)
    notes = path.with_name(JUDGEMENTS_NAME)
    assert str(refusal.value) == snapshot
    # As it says.
    notes.write_text("".join(notes.read_text().splitlines(keepends=True)[:13]))
    judge = Light()
    tuned(flat(), judge, "run", resume=True)
    assert [round.generation for round in judge.rounds] == [1, 2, 3]
    assert not [asked for asked in judge.asked if asked.startswith("1 ")]


@pytest.mark.usefixtures("no_figures")
def test_values_that_were_judged_are_not_judged_again(flat: Maker) -> None:
    class Stepped(flat):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.space = ParameterSpace({"a": Int(0, 3), "b": Choice((0.0, 0.25, 0.5))})

        def render(self, values: Tensor, scene: Any) -> Tensor:
            return super().render(values / 4, scene)

        def truth(self, values: Tensor) -> Tensor:
            return super().truth(values / 4)

    judge = Light()
    result = tuned(Stepped(), judge, "run", optimizer="random", budget=48)
    met = [one.identity for round in judge.rounds for one in round.contenders]
    assert len(met) == len(set(met)) <= 12
    assert result.evaluations == 48
    assert not np.isnan(result.history.scores).any()


@pytest.mark.usefixtures("no_figures")
def test_a_candidate_that_comes_again_keeps_its_score(flat: Maker) -> None:
    """Of real numbers, too."""

    class Fixed(isptune.Optimizer):
        """The same two candidates in every generation."""

        def propose(self) -> Any:
            return np.array([[0.25, 0.5], [0.75, 0.5]])

        def learn(self, candidates: Any, losses: Any, gradients: Any = None) -> None:
            pass

    isptune.register_optimizer("fixed-for-tests")(Fixed)
    try:
        judge = Light()
        result = tuned(flat(), judge, None, optimizer="fixed-for-tests", budget=6, population=2)
    finally:
        isptune.plugins.registry.optimizers._records.pop("fixed-for-tests")
    assert len(judge.rounds) == 1
    assert result.history.scores.reshape(3, 2).tolist() == [judge_scores(judge)] * 3


def judge_scores(judge: Light) -> list[float]:
    return Light().judge(judge.rounds[0])


@pytest.mark.usefixtures("no_figures")
def test_judges_are_columns_beside_other_objectives(flat: Maker, target: Maker, nsga2: str) -> None:
    first = Light()
    result = tuned(flat(), [target(), first], "run", optimizer=nsga2, population=8)
    assert result.pareto is not None
    assert result.pareto.labels == ("target", "light")
    assert result.history.scores.shape == (24, 2)
    assert sorted(result.best_scores) == ["light", "target"]
    stopped = Light(10)
    with pytest.raises(EvaluationError):
        tuned(flat(), [target(), stopped], "other", optimizer=nsga2, population=8)
    rest = Light()
    tuned(flat(), [target(), rest], "other", optimizer=nsga2, population=8, resume=True)
    assert stopped.asked + rest.asked == first.asked
    assert log_of("other") == log_of("run")


def test_adam_is_refused(snapshot: SnapshotAssertion) -> None:
    pipeline = isptune.create_pipeline("synthetic", scenes=[SCENE])
    with pytest.raises(ConfigurationError) as refusal:
        isptune.tune(pipeline, "simulated-observer", optimizer="adam", budget=12, population=2, out="run")
    assert str(refusal.value) == snapshot
    assert not Path("run").exists()


def test_tuning_by_a_simulated_observer_moves_towards_the_truth() -> None:
    stages = ["gaussian_blur", "brighten", "white_noise"]
    pipeline = isptune.create_pipeline("synthetic", scenes=[SCENE], stages=stages, seed=0, compile=False)
    observer = isptune.create_objective("simulated-observer", noise=0.5, comparisons=4)
    result = isptune.tune(pipeline, observer, optimizer="cma", budget=180, population=12, seed=0)
    losses = result.history.l1_normalised
    # Scores of all generations are one scale: the best is one of the last, and better than all of the first.
    assert result.history.best > 100
    assert result.l1_normalised < 0.3 * np.median(losses[:12])
    assert result.l1_normalised < losses[:12].min()
    assert spearmanr(result.history.scores, losses).statistic < -0.5


CHILD = """
import isptune
from isptune.runs.judgements import Judgements
plain, count = Judgements.note, 0
def note(self, *given):
    global count
    plain(self, *given)
    count += 1
    if count == {notes}:
        print("noted", flush=True)
        import time
        time.sleep(60)
Judgements.note = note
stages = ["brighten", "white_noise"]
pipeline = isptune.create_pipeline("synthetic", scenes=["{scene}"], stages=stages, seed=0, compile=False)
isptune.tune(pipeline, isptune.create_objective("simulated-observer"), optimizer="random", budget=18, population=6, out="run")
"""


@pytest.mark.usefixtures("no_figures")
def test_a_run_killed_while_judging_resumes_to_the_log_of_an_unbroken_one() -> None:
    command = [sys.executable, "-c", CHILD.format(notes=20, scene=SCENE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "noted\n"
        os.kill(child.pid, signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    assert (len(log_of("run")), len(notes_of("run"))) == (1, 20)
    notes = RunDirectory("run").file(JUDGEMENTS_NAME)
    with notes.open("a") as file:
        file.write('{"run": "torn')
    isptune.resume("run")
    stages = ["brighten", "white_noise"]
    pipeline = isptune.create_pipeline("synthetic", scenes=[SCENE], stages=stages, seed=0, compile=False)
    observer = isptune.create_objective("simulated-observer")
    isptune.tune(pipeline, observer, optimizer="random", budget=18, population=6, out="whole")
    assert log_of("run") == log_of("whole")
    assert notes_of("run") == notes_of("whole")

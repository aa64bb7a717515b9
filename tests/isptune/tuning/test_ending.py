"""Runs that end before their evaluations are made: time is used up, or nothing more is gained."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isptune
from isptune.benchmark.cell_results import Cell
from isptune.benchmark.cell_worker import Job, Worker, is_done
from isptune.errors import ConfigurationError
from isptune.tracking import Progress
from isptune.tuning import choosing, loop
from isptune.tuning.ending import Gains
from isptune.tuning.evaluation import Evaluator
from isptune.tuning.progress import ProgressBar
from isptune.tuning.scoring import Scoring
from isptune.tuning.settings import parse_config

Maker = Callable[..., Any]

TIME = "the time budget of {} ended the run: {} are used, and a generation takes 4s"
PATIENCE = "patience ended the run: {} evaluations without a gain above {} typical differences of the first generation"


class Clock:
    """Seconds that pass where candidates are evaluated, and nowhere else."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def slow(flat: Maker, monkeypatch: pytest.MonkeyPatch) -> Maker:
    """A pipeline of which each candidate takes a second."""
    clock, evaluate = Clock(), Evaluator.evaluate

    def slowly(self: Evaluator, candidates: Any, **options: Any) -> Any:
        clock.now += len(candidates)
        return evaluate(self, candidates, **options)

    monkeypatch.setattr(loop, "time", clock)
    monkeypatch.setattr(Evaluator, "evaluate", slowly)
    return flat


def tune(target: Maker, pipeline: Any, **options: Any) -> isptune.TuneResult:
    return isptune.tune(pipeline, target(), **{"population": 4, "out": "run", **options})


def log() -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path("run/evaluations.jsonl").read_text().splitlines()]


def test_no_generation_begins_that_would_not_be_done_in_time(target: Maker, slow: Maker) -> None:
    result = tune(target, slow(), time_budget="15s")
    wanted = TIME.format("15s", "12s")
    assert (result.evaluations, result.ended, result.stopped) == (12, wanted, False)
    assert [line.get("ended", "") for line in log()] == ["", "", wanted]
    assert result.to_dict()["ended"] == result.notes[0] == wanted
    read = isptune.Run.read("run")
    assert (read.is_finished, read.result.ended, read.result.stopped, read.config.budget) == (
        True,
        wanted,
        False,
        None,
    )
    assert repr(read) == "<Run 'run': 12 evaluations, target>"
    # Resumed, it has ended; with more time it goes on, and counts what it has used.
    assert tune(target, slow(), time_budget="15s", resume=True).evaluations == 12
    assert len(log()) == 3
    assert tune(target, slow(), time_budget=20, resume=True).ended == TIME.format("20s", "20s")
    assert [line.get("ended", "")[:22] for line in log()] == [
        "",
        "",
        "the time budget of 15s",
        "",
        "the time budget of 20s",
    ]


def test_a_killed_run_ends_where_it_would_have(target: Maker, slow: Maker) -> None:
    tune(target, slow(), time_budget="15s", budget=1500)
    whole = Path("run/evaluations.jsonl").read_text()
    Path("run/evaluations.jsonl").write_text(whole.splitlines(keepends=True)[0])
    tune(target, slow(), time_budget="15s", budget=1500, resume=True)
    assert Path("run/evaluations.jsonl").read_text() == whole


def test_the_evaluations_end_it_where_they_come_first_and_one_generation_is_made(
    target: Maker, slow: Maker
) -> None:
    result = tune(target, slow(), time_budget="1m", budget=8, out=None)
    assert (result.evaluations, result.ended) == (8, "")
    assert tune(target, slow(), time_budget="1s", out=None).evaluations == 4


def test_patience_ends_a_run_that_gains_no_more(target: Maker, flat: Maker) -> None:
    seen: list[Progress] = []
    result = tune(target, flat(), patience=40, budget=400, callbacks=[seen.append])
    wanted = PATIENCE.format(40, 0.01)
    assert result.ended == log()[-1]["ended"] == wanted
    count = result.evaluations
    assert 40 < count < 400
    assert (seen[-1].ended, seen[-1].share, seen[-2].ended) == (True, 1.0, False)
    # It is the beginning of the run without patience, and ends by the rule that is stated.
    plain = tune(target, flat(), budget=400, out=None)
    assert np.array_equal(plain.history.candidates[:count], result.history.candidates)
    lowest = np.minimum.accumulate(plain.history.losses[:, 0].reshape(-1, 4).min(axis=1))
    first = plain.history.losses[:4, 0]
    step = 0.01 * 1.4826 * np.median(np.abs(first - np.median(first)))
    mark, idle, generations = np.inf, 0, 0
    for best in lowest:
        generations += 1
        mark, idle = (best, 0) if best < mark - step else (mark, idle + 4)
        if idle >= 40:
            break
    assert 4 * generations == count
    # A killed run, and a resumed one with more patience.
    whole = log()
    path = Path("run/evaluations.jsonl")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-3]))
    tune(target, flat(), patience=40, budget=400, resume=True)
    assert [{**line, "seconds": 0} for line in log()] == [{**line, "seconds": 0} for line in whole]
    assert tune(target, flat(), patience=80, budget=400, resume=True).evaluations > count


def test_gains_of_several_losses_and_small_steps_that_add_up() -> None:
    gains = Gains(patience=2, tolerance=0.1)
    # The spreads of the first generation are 1.4826 in both.
    front = np.array([[0.0, 2.0], [1.0, 1.0], [2.0, 0.0]])
    assert gains.after(front, 1) == ""
    # Beside a candidate of the front, and between two of them, by less than a step.
    assert gains.after(np.array([[0.0, 1.9], [0.95, 0.95], [np.inf, np.inf]]), 1) == ""
    # Together with the last one it is a gain.
    assert gains.after(np.array([[0.85, 0.85]]), 1) == ""
    assert gains.after(np.full((2, 2), np.inf), 1) == ""
    assert gains.after(np.array([[0.85, 0.85]]), 1) == PATIENCE.format(2, 0.1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"time_budget": "ten"}, "time_budget is 'ten'; allowed: a time above 0, such as 90s, 10m or 1h30m"),
        ({"time_budget": 0}, "time_budget is '0s'; allowed: a time above 0, such as 90s, 10m or 1h30m"),
        ({"patience": 0}, "patience is 0; allowed: greater than or equal to 1"),
    ],
    ids=str,
)  # fmt: skip
def test_rules_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_config(settings)
    assert str(caught.value) == f"in the configuration, {message}"


def test_what_is_not_asked_for_leaves_no_trace_and_rules_are_no_part_of_a_fingerprint() -> None:
    plain = parse_config({})
    assert (plain.budget, parse_config({"time_budget": " 1h30m"}).budget) == (1500, None)
    assert not {"time_budget", "patience", "patience_gain"} & plain.model_dump().keys()
    ruled = parse_config({"budget": 1500, "time_budget": 90, "patience": 7, "patience_gain": 0.5})
    assert ruled.fingerprint() == plain.fingerprint()
    assert ruled.model_dump().items() >= {"time_budget": "90s", "patience": 7, "patience_gain": 0.5}.items()


def test_the_bar_follows_the_time_where_that_ends_the_run() -> None:
    shown: list[tuple[int, str]] = []

    class Bar(ProgressBar):
        def show(self, progress: Progress, texts: list[str]) -> None:
            shown.append((self.total(progress), texts[-1]))

    bar = Bar()
    for generation, ended in ((1, False), (2, False), (3, True)):
        bar(
            Progress(
                generation, 10**9, generation, 0.5, 10.0 * generation, False, time_budget=40.0, ended=ended
            )
        )
    assert shown == [(4, "30 s left"), (4, "20 s left"), (3, "")]


def test_the_optimizer_is_chosen_by_the_evaluations_that_there_is_time_for(
    target: Maker, flat: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seconds, race, wanted in (
        (5.0, None, "optimizer: bo, because 120 evaluations of 2 parameters are few enough to plan each"),
        (0.01, None, "optimizer: es, because 60,000 evaluations are enough for an evolution strategy"),
        (
            5.0,
            1,
            "optimizer: es, because races rank candidates, and the losses of those that they drop are estimates",
        ),
    ):
        monkeypatch.setattr(choosing, "_seconds_of", lambda *_, found=seconds: found)
        pipeline = flat()
        pipeline.is_differentiable = False
        config = parse_config({"optimizer": "auto", "time_budget": "10m", "race": race})
        chosen, said = choosing.with_choice(config, pipeline, Scoring([target()]))
        assert said.startswith(wanted)
        assert (chosen.budget, chosen.time_budget) == (None, "10m")


def test_a_cell_that_has_ended_is_done(target: Maker, flat: Maker) -> None:
    isptune.register_pipeline("flat", replace=True)(flat)
    isptune.register_objective("target", replace=True)(target)
    settings = {"pipeline": "flat", "objective": "target", "population": 4, "budget": 400}
    cell = Cell("target", "es", "none", "0", 0, "seed")

    def job(**more: Any) -> Job:
        return Job(cell, parse_config({**settings, **more}), Path("cell"))

    assert not is_done(job(patience=8))
    assert Worker().run(job(patience=8)).status == "done"
    assert Path("cell/evaluations.jsonl").read_text().count("\n") < 100
    assert is_done(job(patience=8))
    # With more patience it goes on.
    assert not is_done(job(patience=400))

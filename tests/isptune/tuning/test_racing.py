"""Races inside a generation: what is dropped has no score, costs its share, and is never taken for the best."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import isptune
from isptune import Float, Int, ParameterSpace, Pipeline, Scene
from isptune.errors import ConfigurationError
from isptune.tuning.evaluation import Evaluator
from isptune.tuning.race_plans import cost_of, generations_of, rungs_of
from isptune.tuning.racing import Race

Maker = Callable[..., Any]


class Six(Pipeline):
    """Paints (a, b, b) on six scenes, each of which moves the colour a little, and counts its pictures."""

    memory = isptune.Memory(images=1.0)

    def __init__(self, scenes: int = 6, noise: float = 0.02) -> None:
        self.name = "six"
        self.options: dict[str, object] = {}
        self.space = ParameterSpace({"a": Float(0, 1), "b": Float(0, 1)})
        self.scenes = [Scene.of_picture(f"scene {place}", torch.zeros(3, 4, 4)) for place in range(scenes)]
        self.noise = noise
        self.counts: Counter[int] = Counter()

    def colours(self, values: Tensor, scene: Scene | int) -> Tensor:
        place = [one is self.scene(scene) for one in self.scenes].index(True)
        self.counts[place] += len(values)
        # It is worse by a constant, and by what each candidate has of its own on it.
        own = torch.sin(1000 * values.sum(dim=1) * (place + 1))
        shift = (self.noise * own + 0.05 * place)[:, None]
        return (self.space.check(values)[:, [0, 1, 1]] * 0.8 + shift).clamp(0, 1)

    def render(self, values: Tensor, scene: Scene | int) -> Tensor:
        return self.colours(values, scene).reshape(-1, 3, 1, 1).expand(-1, -1, 4, 4)


class Device(Six):
    """The same as a program that makes one picture at a time; it fails where a is above 0.9."""

    render = Pipeline.render
    development = isptune.Development(isolated=False, workers=2)

    def develop(self, values: dict[str, Any], scene: Scene) -> Tensor:
        if values["a"] > 0.9:
            raise RuntimeError("the lamp is off")
        row = torch.tensor([[values["a"], values["b"]]], dtype=torch.float64)
        return self.colours(row, scene).reshape(3, 1, 1).expand(-1, 4, 4).to(torch.float32)


def tune(target: Maker, pipeline: Pipeline, **options: Any) -> isptune.TuneResult:
    return isptune.tune(pipeline, target(), **{"population": 8, "budget": 40, "race": 1, **options})


def log(folder: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(folder, "evaluations.jsonl").read_text().splitlines()]


def test_half_goes_on_to_twice_as_many_scenes_and_half_of_it_to_all() -> None:
    for given, wanted in (
        ((1, 6, 8), [(1, 8), (2, 4), (6, 2)]),
        ((2, 8, 30), [(2, 30), (4, 15), (8, 8)]),
        ((3, 6, 30), [(3, 30), (6, 15)]),
        ((5, 6, 7), [(5, 7), (6, 4)]),
        ((1, 2, 1), [(1, 1), (2, 1)]),
        ((1, 100, 5), [(1, 5), (2, 3), (100, 2)]),
    ):
        assert [(rung.scenes, rung.candidates) for rung in rungs_of(*given)] == wanted
    # 8 on one scene, 4 on another one, 2 on four more.
    assert cost_of(1, 6, 8) == (8 + 4 + 2 * 4) / 6
    assert generations_of(48, 8, 1, 6) == 1 + 12
    assert generations_of(8, 8, 1, 6) == 1


@pytest.mark.parametrize("kind", [Six, Device])
def test_what_goes_on_has_its_whole_score_and_the_rest_none(target: Maker, kind: Any) -> None:
    candidates = np.random.default_rng(0).random((8, 2)) * 0.85
    pipeline = kind()
    with Evaluator(kind(), target()) as plain, Evaluator(pipeline, target()) as raced:
        whole, by_scene = plain.evaluate(candidates), plain.by_scene(candidates)[:, :, 0]
        before = Counter(pipeline.counts)
        race = Race(1, 6, seed=3, number=4, orientations=[False], added=np.zeros((8, 1)))
        found = raced.evaluate(candidates, race=race)
    seen = pipeline.counts - before
    assert [seen[place] for place in race.order] == [8, 4, 2, 2, 2, 2]
    # The better half of the first scene, and of these the better half of the first two.
    first = np.argsort(by_scene[race.order[0]], kind="stable")[:4]
    second = first[np.argsort(by_scene[race.order[:2]].mean(axis=0)[first], kind="stable")[:2]]
    done = np.array([status == "done" for status in found.statuses])
    assert set(np.flatnonzero(done)) == set(second)
    assert {status for status in found.statuses if status != "done"} == {"dropped"}
    assert np.array_equal(found.scores[done], whole.scores[done])
    assert np.isnan(found.scores[~done]).all()
    assert found.shares is not None
    assert sorted(found.shares) == [1 / 6] * 4 + [2 / 6] * 2 + [1.0] * 2
    # Estimates rank them behind all that went on further, in the order of the race.
    assert found.estimates is not None
    assert np.isnan(found.estimates[done]).all()
    told = np.where(done, whole.scores[:, 0], found.estimates[:, 0])
    later = [row for row in first if row not in second]
    assert told[second].max() < told[later].min()
    assert told[first].max() < np.delete(told, first).min()
    dropped_first = np.setdiff1d(np.arange(8), first)
    order = np.argsort(told[dropped_first], kind="stable")
    assert np.array_equal(order, np.argsort(by_scene[race.order[0]][dropped_first], kind="stable"))


def test_other_scenes_come_first_in_other_generations_and_the_first_is_seen_whole(target: Maker) -> None:
    pipeline = Six()
    result = tune(target, pipeline, budget=48, out="run")
    lines = log("run")
    assert len(lines) == 13
    assert lines[0]["statuses"] == ["done"] * 8
    assert all(line["statuses"].count("done") == 2 for line in lines[1:])
    assert -1 <= lines[0]["agreement"] <= 1
    assert "agreement" not in lines[1]
    assert {Race(1, 6, 0, number, [False], np.zeros((8, 1))).order[0] for number in range(40)} == set(
        range(6)
    )
    # Both accounts are in the log, and of all of it in the result.
    assert [line["evaluations"] for line in lines] == [8.0] + [round(20 / 6, 6)] * 12
    assert all(line["seconds"] >= 0 for line in lines)
    assert result.raced is not None
    assert (result.evaluations, result.raced.dropped, result.raced.full_evaluations) == (104, 72, 48.0)
    assert result.to_dict()["race"] == result.raced.to_dict()
    assert result.notes[0].startswith(
        "races took 48 full evaluations for 104 candidates, of which they dropped 72; ranks on what comes first"
    )


def test_what_was_dropped_is_nowhere_taken_for_a_result(target: Maker) -> None:
    result = tune(target, Six(noise=0.3), budget=48, out="run")
    history = result.history
    dropped = np.array([status == "dropped" for line in log("run") for status in line["statuses"]])
    assert dropped.sum() == 72
    assert np.array_equal(np.isnan(history.scores[:, 0]), dropped)
    assert (history.failed, result.problems, history.whole) == (0, [], 32)
    best = int(np.nanargmin(history.scores[:, 0]))
    assert (result.best_score, history.best) == (history.scores[best, 0], best)
    assert not dropped[history.pareto.indices].any()
    assert history.evaluations[7] == 8
    assert history.evaluations[-1] == pytest.approx(48)
    run = isptune.Run.read("run")
    assert run.is_finished
    assert run.result.to_dict() == result.to_dict()
    assert Path("run/result.json").read_text().count("full_evaluations") == 1
    # A search that begins at the run begins at whole scores.
    from isptune.tuning.settings import parse_config

    begun = parse_config({"start": "run", "population": 200}).start
    assert begun is not None
    assert len(begun) == history.whole


@pytest.mark.parametrize("kind", [Six, Device])
def test_a_killed_race_goes_on_to_the_same_log(target: Maker, kind: Any) -> None:
    tune(target, kind(), out="run", budget=24, seed=2)
    whole = [{**line, "seconds": 0} for line in log("run")]
    assert len(whole) > 4
    if kind is Device:
        assert any("failed" in line["statuses"] for line in whole)
    path = Path("run/evaluations.jsonl")
    for left in (1, 3):
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:left]))
        assert not isptune.Run.read("run").is_finished
        tune(target, kind(), out="run", budget=24, seed=2, resume=True)
        assert [{**line, "seconds": 0} for line in log("run")] == whole


def test_an_optimizer_that_ranks_finds_as_much_for_less(target: Maker) -> None:
    plain = isptune.tune(Six(), target(), population=8, budget=200, seed=1)
    pipeline = Six()
    raced = tune(target, pipeline, budget=104, seed=1)
    assert plain.best_score is not None
    assert raced.best_score is not None
    assert raced.best_score < plain.best_score + 0.002
    assert sum(pipeline.counts.values()) < 6 * 115


def test_an_optimizer_hears_which_losses_are_estimates_also_when_it_is_resumed(
    target: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[list[bool]] = []
    kind = type(isptune.create_optimizer("es", space=2))
    monkeypatch.setattr(kind, "learn_estimates", lambda self, estimated: heard.append(estimated.tolist()))
    tune(target, Six(), out="run", budget=16)
    wanted = [[status == "dropped" for status in line["statuses"]] for line in log("run")]
    # The first generation is seen whole.
    assert heard == wanted[1:]
    assert all(sum(row) == 6 for row in heard)
    tune(target, Six(), out="run", budget=16, resume=True)
    assert heard == wanted[1:] * 2


class Switches(Six):
    """The same with whole numbers alone, so that values come again."""

    def __init__(self) -> None:
        super().__init__(noise=0.3)
        self.space = ParameterSpace({"a": Int(0, 3), "b": Int(0, 3)})

    def colours(self, values: Tensor, scene: Scene | int) -> Tensor:
        place = [one is self.scene(scene) for one in self.scenes].index(True)
        for a, b in values.tolist():
            self.counts[100 * place + 10 * int(a) + int(b)] += 1
        own = torch.sin(1000 * values.sum(dim=1) * (place + 1))
        return (self.space.check(values)[:, [0, 1, 1]] * 0.25 + self.noise * own[:, None]).clamp(0, 1)


class SwitchedDevice(Switches):
    """The same as a program, without a cache of pictures."""

    render = Pipeline.render
    development = isptune.Development(isolated=False, workers=2, cache_gb=0)

    def develop(self, values: dict[str, Any], scene: Scene) -> Tensor:
        row = torch.tensor([[values["a"], values["b"]]], dtype=torch.float64)
        return self.colours(row, scene).reshape(3, 1, 1).expand(-1, 4, 4).to(torch.float32)


@pytest.mark.parametrize("kind", [Switches, SwitchedDevice])
def test_what_was_dropped_and_comes_again_meets_no_scene_twice(target: Maker, red: Maker, kind: Any) -> None:
    pipeline = kind()
    settings: dict[str, Any] = {"budget": 32, "optimizer": "random"}
    free = tune(target, pipeline, **settings)
    assert max(pipeline.counts.values()) == 1
    tune(target, kind(), **settings, guard=red(), out="run")
    lines = [{**line, "seconds": 0} for line in log("run")]
    dropped = [tuple(line["candidates"][int(row)]) for line in lines for row in line.get("parts", ())]
    assert len(dropped) > 5
    # Values come again, and what is done then has met all scenes.
    assert free.history.whole > 16
    path = Path("run/evaluations.jsonl")
    for left in (2, 4):
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:left]))
        tune(target, kind(), **settings, guard=red(), out="run", resume=True)
        assert [{**line, "seconds": 0} for line in log("run")] == lines


def test_a_guard_a_prior_and_held_out_scenes_beside_a_race(target: Maker, red: Maker) -> None:
    result = tune(
        target, Six(), budget=24, guard=red(), stay_near=0.1, holdout=["scene 5"], out="run",
        parameters={"a": {"default": 0.5}},
    )  # fmt: skip
    lines = log("run")
    for line in lines[1:]:
        dropped = [status == "dropped" for status in line["statuses"]]
        assert [row == [None] for row in line["guards"]] == dropped
        assert all(doubt == [0.0] for doubt, gone in zip(line["doubts"], dropped, strict=True) if gone)
    assert result.guarded is not None
    assert result.holdout is not None
    assert result.default_score == pytest.approx(result.history.scores[0, 0])


def test_a_race_that_cannot_be_is_refused(target: Maker, red: Maker, nsga2: str) -> None:
    def refused(objective: Any, pipeline: Any = None, **options: Any) -> str:
        settings = {"population": 20, "budget": 40, "race": 2, "out": "run", **options}
        with pytest.raises(ConfigurationError) as caught:
            isptune.tune(pipeline or Six(), objective, **settings)
        assert not Path("run").exists()
        return str(caught.value)

    assert refused("simulated-observer") == (
        "race is 2, and the objective 'simulated-observer' is a judge, which compares whole generations; leave one of "
        "them out"
    )
    differentiable = Six()
    differentiable.is_differentiable = True  # type: ignore[misc]
    assert refused(target(), differentiable, optimizer="adam") == (
        "race is 2, and the optimizer needs the gradients of all scenes; choose one without gradients, such as 'es'"
    )
    assert refused(target(), Six(2)) == (
        "race is 2, and the run has 2 scenes; allowed: fewer than that, or the share of each scene that windows show, "
        "such as 1/8"
    )
    assert refused(target(), Six(1)) == (
        "race is 2, and the run has 1 scene; allowed: fewer than that: give more pictures, or crops such as --crop 6x256, "
        "or the share of each scene that windows show, such as 1/8"
    )
    allowed = "a number of scenes from 1, or the share of each scene that windows show, from 1/2 to 1/64"
    for wrong in (0, "1/1", "2/3", "half", 0.125, True):
        said = refused(target(), race=wrong)
        assert said.startswith("in the call of isptune.tune, race is ")
        assert said.endswith(f"; allowed: {allowed}")
    assert refused(target(), race="1/8") == (
        "race is 1/8, and the pipeline 'six' renders no windows of its scenes; allowed is a number of scenes"
    )


def test_ranks_that_agree_little_are_told(target: Maker, caplog: pytest.LogCaptureFixture) -> None:
    tune(target, Six(noise=5.0), budget=16, seed=5)
    assert caplog.messages[0].startswith(
        "in the first generation the ranks on what a race sees first agree with those on all by "
    )

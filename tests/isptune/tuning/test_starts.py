"""Where a search begins: the factory's defaults, a file, another run; and gradients in a mixed space."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import yaml
from syrupy.assertion import SnapshotAssertion
from torch import Tensor

import isptune
from isptune import Bool, Choice, Float, Int, ParameterSpace, Pipeline, Scene
from isptune.errors import ConfigurationError, RunDirectoryError
from isptune.tuning.settings import parse_config

Maker = Callable[..., Any]
OPTIMIZERS = ["es", "cma", "adam", "nsga2", "random", "nevergrad:DE"]


class Camera(Pipeline):
    """Paints (red, green, blue) times a gain; a boost acts where it is on."""

    is_differentiable = True
    memory = isptune.Memory(images=1.0)
    declared: ClassVar[Any] = {
        "tone.red": Float(0, 1),
        "tone.green": Float(0, 1, default=0.9),
        "tone.blue": Float(0, 1, default=0.1),
        "boost.on": Bool(),
        "boost.by": Float(0, 0.2, default=0.1, active_if={"on": True}),
        "gain": Int(1, 4, default=1),
        "look": Choice(("lit", "dark", "dim"), default="lit"),
    }

    def __init__(self) -> None:
        self.name = "camera"
        self.options: dict[str, object] = {}
        self.space = ParameterSpace(self.declared)
        self.scenes = [Scene.of_picture("plain", torch.zeros(3, 6, 8))]

    def render(self, values: Tensor, scene: Scene | int) -> Tensor:
        scene = self.scene(scene)
        values = self.space.check(values)
        light = torch.tensor([1.0, 0.0, 0.5], dtype=torch.float64)[values[:, 6].detach().long()]
        boost = (values[:, 3] * values[:, 4])[:, None]
        colour = ((values[:, :3] + boost) * (values[:, 5] * light)[:, None]).clamp(0, 1)
        return colour.reshape(-1, 3, 1, 1).expand(-1, -1, scene.height, scene.width)


DEFAULTS = {
    "tone.red": 0.5, "tone.green": 0.9, "tone.blue": 0.1, "boost.on": False, "boost.by": 0.1, "gain": 1,
    "look": "lit",
}  # fmt: skip


def first(result: isptune.TuneResult, space: ParameterSpace | None = None, count: int = 1) -> Any:
    """The first candidates of a run, by parameter."""
    assert result.history.values is not None
    rows = (space or Camera().space).to_dicts(torch.from_numpy(result.history.values[:count]))
    rows = [
        {name: round(value, 9) if isinstance(value, float) else value for name, value in row.items()}
        for row in rows
    ]
    return rows[0] if count == 1 else rows


def tune(target: Maker, pipeline: Pipeline | None = None, **options: Any) -> isptune.TuneResult:
    return isptune.tune(pipeline or Camera(), target(), **{"budget": 16, "population": 8, **options})


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_search_begins_at_the_defaults_that_are_declared(target: Maker, optimizer: str) -> None:
    for start in (None, "default"):
        assert first(tune(target, optimizer=optimizer, start=start)) == DEFAULTS


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_optimizer_chooses_where_it_is_asked_to_or_nothing_is_declared(
    target: Maker, flat: Maker, optimizer: str
) -> None:
    own = tune(target, flat(), optimizer=optimizer, start="own").history.candidates
    assert np.array_equal(tune(target, flat(), optimizer=optimizer).history.candidates, own)
    made = isptune.create_optimizer(optimizer, space=2, population=8, budget=16)
    assert np.array_equal(made.propose(), own[:8])
    assert first(tune(target, flat(), start="default"), flat().space) == {"a": 0.5, "b": 0.5}


def test_a_switch_declares_no_start_where_it_is_off(target: Maker) -> None:
    class Switched(Camera):
        declared: ClassVar[Any] = {
            **Camera.declared, "tone.green": Float(0, 1), "tone.blue": Float(0, 1), "gain": Int(1, 4),
            "look": Choice(("lit", "dark", "dim")), "boost.by": Float(0, 0.2, active_if={"on": True}),
        }  # fmt: skip

    own = tune(target, Switched(), start="own").history.candidates
    assert np.array_equal(tune(target, Switched()).history.candidates, own)
    # A default that a user gives, or a switch that is on, is one.
    result = tune(target, Switched(), parameters={"gain": {"default": 3}})
    assert first(result)["gain"] == 3
    assert first(tune(target, Switched(), parameters={"boost.on": {"default": True}}))["boost.on"] is True


def test_methods_search_near_their_start(target: Maker) -> None:
    near = {"tone.red": 0.2, "tone.green": 0.8, "tone.blue": 0.2}
    for optimizer in ("es", "cma"):
        parameters = {"boost.on": {"fix": False}, "gain": {"fix": 1}, "look": {"fix": "lit"}}
        result = tune(target, optimizer=optimizer, start=near, parameters=parameters, budget=8)
        apart = np.abs(result.history.candidates - [[0.2, 0.8, 0.2]])
        assert 0 < np.median(apart) < 0.1
        assert apart[0].max() < 1e-12


def test_candidates_of_a_file_and_names_that_it_leaves_out(target: Maker) -> None:
    Path("start.yaml").write_text("tone.red: 0.25\nlook: dim\n")
    rows = [{"gain": 2}, {"gain": 3, "boost.on": True}, {"gain": 2}]
    Path("starts.json").write_text(json.dumps(rows))
    assert first(tune(target, start="start.yaml")) == {**DEFAULTS, "tone.red": 0.25, "look": "dim"}
    found = first(tune(target, start=Path("starts.json")), count=2)
    # The same values come once.
    assert found == [{**DEFAULTS, **rows[0]}, {**DEFAULTS, **rows[1]}]
    assert first(tune(target, start=rows), count=2) == found
    assert parse_config({"start": "starts.json"}).start == rows


def test_more_starts_than_a_batch_holds_begin_with_the_first(target: Maker) -> None:
    rows = [{"tone.red": place / 20} for place in range(12)]
    found = first(tune(target, start=rows), count=8)
    assert [row["tone.red"] for row in found] == [row["tone.red"] for row in rows[:8]]


def make_run(target: Maker, out: str, **options: Any) -> isptune.TuneResult:
    """A run that its folder can make again."""
    isptune.register_pipeline("camera", replace=True)(Camera)
    isptune.register_objective("target", replace=True)(target)
    return isptune.tune("camera", "target", out=out, **{"budget": 24, "population": 8, "seed": 4, **options})


def test_the_best_candidates_of_a_run(target: Maker) -> None:
    before = make_run(target, "before")
    best = np.argsort(before.history.score, kind="stable")
    result = make_run(target, "after", start="before", seed=5)
    assert before.history.values is not None
    assert result.history.values is not None
    wanted = before.history.values[best]
    _, places = np.unique(wanted, axis=0, return_index=True)
    np.testing.assert_allclose(result.history.values[:4], wanted[np.sort(places)[:4]], atol=1e-12)
    # Half of the population, and the rest is the search's own.
    assert not np.isclose(result.history.values[4], wanted).all(axis=1).any()
    written = yaml.safe_load(Path("after/run.yaml").read_text())["start"]
    assert written[0] == before.best_parameters
    assert len(written) == 4
    # Neither the run nor its folder is needed any longer.
    log = Path("after/evaluations.jsonl")
    whole = [json.loads(line)["candidates"] for line in log.read_text().splitlines()]
    log.write_text(log.read_text().splitlines(keepends=True)[0])
    Path("before").rename("elsewhere")
    isptune.resume("after")
    assert [json.loads(line)["candidates"] for line in log.read_text().splitlines()] == whole


def test_the_front_of_a_run_with_the_best_compromise_first(target: Maker, red: Maker, nsga2: str) -> None:
    isptune.register_pipeline("camera", replace=True)(Camera)
    isptune.register_objective("target", replace=True)(target)
    isptune.register_objective("red", replace=True)(red)
    before = isptune.tune("camera", ["target", "red"], optimizer=nsga2, budget=40, population=20, out="both")
    assert before.pareto is not None
    config = parse_config({"start": "both", "population": 20})
    assert isinstance(config.start, list)
    assert config.start == [row["parameters"] for row in before.front][:10]


@pytest.mark.parametrize(
    "start",
    [
        {"tone.rad": 1},
        {"gain": 9},
        [{"gain": 2}, {"look": "dimm"}],
        {"tone.red": 0.25},
        {"tone.green": 0.5, "tone.blue": 0.25},
    ],
    ids=str,
)
def test_a_start_of_another_space_is_refused(target: Maker, start: Any, snapshot: SnapshotAssertion) -> None:
    parameters = {"tone.red": {"fix": 0.75}, "tone.blue": {"tie": "green"}}
    with pytest.raises(ConfigurationError) as caught:
        tune(target, start=start, parameters=parameters, out="run")
    assert str(caught.value) == snapshot
    assert not Path("run").exists()


def test_a_run_of_another_space_is_refused(target: Maker, flat: Maker, snapshot: SnapshotAssertion) -> None:
    make_run(target, "before")
    with pytest.raises(ConfigurationError) as caught:
        tune(target, flat(), start="before")
    assert str(caught.value) == snapshot


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "7",
        "gain",
        "- gain: 1\n- 3\n",
        "1: 2",
        "gain: 010",
        "gain: [",
    ],
)  # fmt: skip
def test_a_file_that_holds_no_candidates(text: str, snapshot: SnapshotAssertion) -> None:
    Path("it.yaml").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        parse_config({"start": "it.yaml"})
    assert str(caught.value) == snapshot


@pytest.mark.parametrize(
    "start",
    [
        "defualt",
        "runs/gone",
        " ",
        5,
        object(),
    ],
)
def test_a_start_that_is_none(start: Any, snapshot: SnapshotAssertion) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_config({"start": start})
    assert str(caught.value) == snapshot


def test_a_folder_that_is_no_run_and_a_run_without_a_score(target: Maker) -> None:
    Path("empty").mkdir()
    with pytest.raises(RunDirectoryError) as caught:
        tune(target, start="empty")
    assert str(caught.value) == "'empty' holds no run: there is no run.yaml in it"

    class Broken(target):  # type: ignore[misc]
        def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
            return super().score(images) * torch.nan

    make_run(Broken, "broken", max_failures=1.0)
    with pytest.raises(RunDirectoryError) as caught:
        tune(target, start="broken")
    assert str(caught.value) == "the run in 'broken' has no candidate with a finite score yet"


def test_what_is_not_asked_for_leaves_the_fingerprint_as_it_was() -> None:
    assert parse_config({}).fingerprint() == parse_config({"start": None}).fingerprint()
    assert "start" not in parse_config({}).model_dump()
    assert parse_config({}).fingerprint() != parse_config({"start": "own"}).fingerprint()


def test_another_default_is_another_space_for_a_resumed_run(
    target: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(target, "run", budget=8)
    changed = {**Camera.declared, "tone.green": Float(0, 1, default=0.8)}
    monkeypatch.setattr(Camera, "declared", changed)
    with pytest.raises(RunDirectoryError, match=r"when it is made again \(tone.green\)"):
        isptune.resume("run")


# Gradients in a mixed space


def test_gradients_tune_the_real_numbers_and_the_rest_stays(
    target: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="isptune"):
        result = make_run(target, "run", optimizer="adam", budget=160, population=4)
    assert caplog.messages == [
        "the optimizer 'adam' tunes real numbers alone; it leaves 'boost.on' at false, 'gain' at 1, 'look' at lit, "
        "and with that 'boost.by' without effect"
    ]
    assert result.history.candidates.shape == (160, 3)
    found = result.best_parameters
    assert {name: found[name] for name in ("boost.on", "boost.by", "gain", "look")} == {
        "boost.on": False, "boost.by": 0.1, "gain": 1, "look": "lit"
    }  # fmt: skip
    assert [found[f"tone.{one}"] for one in ("red", "green", "blue")] == pytest.approx(
        [0.25, 0.75, 0.25], abs=1e-2
    )
    space = ParameterSpace.from_dict(yaml.safe_load(Path("run/run.yaml").read_text())["space"])
    assert [one.name for one in space.free] == ["tone.red", "tone.green", "tone.blue"]
    log = Path("run/evaluations.jsonl")
    whole = [json.loads(line)["candidates"] for line in log.read_text().splitlines()]
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:3]))
    isptune.resume("run")
    assert [json.loads(line)["candidates"] for line in log.read_text().splitlines()] == whole


def test_gradients_leave_the_rest_at_the_first_start(target: Maker) -> None:
    rows = [
        {"boost.on": True, "gain": 2, "boost.by": 0.05},
        {"look": "dim", "gain": 3, "tone.red": 0.2, "boost.by": 0.15, "boost.on": True},
    ]
    result = tune(target, optimizer="adam", start=rows, population=4)
    assert result.history.candidates.shape == (16, 4)
    found = first(result, count=2)
    assert found[0] == {**DEFAULTS, **rows[0]}
    # Of the second the real numbers alone.
    assert found[1] == {**DEFAULTS, **rows[0], "tone.red": 0.2, "boost.by": 0.15}
    # Where the optimizer is to choose, it cannot choose what it does not tune.
    assert first(tune(target, optimizer="adam", start="own"), count=1)["gain"] == 1


@pytest.mark.parametrize("optimizer", ["adam"])
def test_gradients_need_one_real_number(target: Maker, optimizer: str, snapshot: SnapshotAssertion) -> None:
    with pytest.raises(ConfigurationError) as caught:
        tune(target, optimizer=optimizer, parameters={"tone.*": {"fix": None}})
    assert str(caught.value) == snapshot


def test_a_plugin_of_ones_own_gets_the_starts_and_the_space(target: Maker) -> None:
    seen: dict[str, Any] = {}

    @isptune.register_optimizer("noting", replace=True)
    class Noting(isptune.Optimizer):
        def propose(self) -> Any:
            seen.update(starts=self.starts, space=self.space)
            return self.begun(np.full((self.population, self.dimension), 0.5))

        def learn(self, candidates: Any, losses: Any, gradients: Any = None) -> None:
            seen["losses"] = losses.shape

    tune(target, optimizer="noting", budget=8)
    space = seen["space"]
    assert seen["starts"].shape == (1, 7)
    assert seen["losses"] == (8, 1)
    assert (space.names[3], space.kinds[3], space.counts) == ("boost.on", "bool", (0, 0, 0, 2, 0, 4, 3))
    # What is not active makes no other candidate.
    points = np.full((2, 7), 0.1)
    points[1, 4] = 0.9
    assert len(set(space.identify(points))) == 1


def test_starts_that_a_generation_does_not_hold_are_told(
    target: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [{"tone.red": number / 10} for number in range(11)]
    tune(target, start=rows[:8])
    assert not caplog.messages
    tune(target, start=rows)
    assert caplog.messages == ["start has 11 candidates, and a generation 8: the last 3 are left out"]


def test_a_search_that_takes_starts_over_several_generations_takes_a_third_of_its_budget(
    target: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [{"tone.red": number / 10} for number in range(11)]
    result = tune(target, start=rows, optimizer="bo", population=3, budget=24)
    assert [one["tone.red"] for one in first(result, count=8)] == [row["tone.red"] for row in rows[:8]]
    assert caplog.messages == [
        "start has 11 candidates, and the search has room for 8: the last 3 are left out"
    ]


def test_a_pipeline_without_gradients_is_refused_before_anything_is_said_of_its_parameters(
    target: Maker, caplog: pytest.LogCaptureFixture, snapshot: SnapshotAssertion
) -> None:
    camera = Camera()
    camera.is_differentiable = False  # type: ignore[misc]
    with pytest.raises(ConfigurationError) as caught:
        tune(target, camera, optimizer="adam")
    assert str(caught.value) == snapshot
    assert not caplog.messages

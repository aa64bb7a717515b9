"""Runs that search a part of a pipeline's parameters: what is proposed, logged, resumed and refused."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from syrupy.assertion import SnapshotAssertion
from torch import Tensor

import isptune
from isptune import Bool, Choice, Evaluator, Float, ParameterSpace, Pipeline, Scene
from isptune.errors import IsptuneError, RunDirectoryError
from isptune.tuning.settings import parse_config

Maker = Callable[..., Any]


class Painter(Pipeline):
    """Paints a scene in (red, green, blue); what is not lit is black, and a boost acts where it is on."""

    is_differentiable = True
    memory = isptune.Memory(images=1.0)

    def __init__(self) -> None:
        self.name = "painter"
        self.options: dict[str, object] = {}
        self.space = ParameterSpace(
            {
                "tone.red": Float(0, 1),
                "tone.green": Float(0, 1, default=0.9),
                "tone.blue": Float(0, 1),
                "boost.on": Bool(),
                "boost.by": Float(0, 0.2, default=0.1, active_if={"on": True}),
                "look": Choice(("lit", "dark", "dim"), default="lit"),
            }
        )
        self.scenes = [Scene.of_picture("plain", torch.zeros(3, 6, 8))]
        self.seen: list[Tensor] = []

    def render(self, values: Tensor, scene: Scene | int) -> Tensor:
        scene = self.scene(scene)
        values = self.space.check(values)
        self.seen.append(values.detach())
        light = torch.tensor([1.0, 0.0, 0.5], dtype=torch.float64)[values[:, 5].detach().long()]
        colour = (values[:, :3] + (values[:, 3] * values[:, 4])[:, None]).clamp(0, 1) * light[:, None]
        return colour.reshape(-1, 3, 1, 1).expand(-1, -1, scene.height, scene.width)


PARAMETERS: dict[str, dict[str, Any]] = {
    "tone.blue": {"tie": "red"},
    "tone.green": {"range": (0.5, 0.8)},
    "boost.*": {"fix": None},
    "look": {"fix": "lit"},
}


def tune(target: Maker, pipeline: Pipeline | None = None, **options: Any) -> isptune.TuneResult:
    settings: dict[str, Any] = {"budget": 40, "population": 10, "parameters": PARAMETERS}
    return isptune.tune(pipeline or Painter(), target(), **{**settings, **options})


def test_the_search_moves_free_parameters_alone_and_the_pipeline_gets_all(target: Maker) -> None:
    pipeline = Painter()
    result = tune(target, pipeline)
    assert result.history.candidates.shape == (40, 2)
    values = torch.cat(pipeline.seen)
    assert values.shape == (40, 6)
    assert torch.equal(values[:, 0], values[:, 2])
    assert ((values[:, 1] >= 0.5) & (values[:, 1] <= 0.8)).all()
    assert values[:, 3:].unique(dim=0).tolist() == [[0, 0.1, 0]]
    assert list(result.best_parameters) == pipeline.space.names
    assert result.best_parameters["boost.on"] is False
    # The caller's pipeline stays as it was made.
    assert pipeline.space == Painter().space


def test_a_gradient_reaches_the_free_floats_of_a_space_whose_choices_are_fixed(target: Maker) -> None:
    result = tune(target, optimizer="adam", budget=120, population=4)
    assert result.best_parameters["tone.red"] == pytest.approx(0.25, abs=1e-3)
    assert result.best_parameters["tone.green"] == pytest.approx(0.75, abs=1e-3)
    space = Painter().space.constrained(PARAMETERS)
    evaluator = Evaluator(Painter(), target(), space=space)
    points, step = np.array([[0.4, 0.5]]), 1e-6
    slopes = evaluator.evaluate(points, gradients=True).gradients
    assert slopes is not None
    for column in (0, 1):
        offset = step * np.eye(2)[column]
        ends = [evaluator.evaluate(points + sign * offset).scores[0] for sign in (-1, 1)]
        assert slopes[0, column] == pytest.approx((ends[1] - ends[0]) / (2 * step), rel=1e-5)


def test_an_inactive_parameter_costs_the_search_nothing(target: Maker) -> None:
    pipeline = Painter()
    result = tune(target, pipeline, parameters={"look": {"fix": "lit"}})
    values = torch.cat(pipeline.seen)
    off = values[:, 3] == 0
    assert 0 < int(off.sum()) < 40
    assert (values[off, 4] == 0.1).all()
    assert (values[~off, 4] != 0.1).all()
    assert result.history.candidates.shape == (40, 5)


def test_a_run_holds_its_space_and_goes_on_with_the_same_settings_only(
    target: Maker, in_an_empty_folder: None
) -> None:
    tune(target, out="run")
    data = yaml.safe_load(Path("run/run.yaml").read_text())
    space = ParameterSpace.from_dict(data["space"])
    assert space == Painter().space.constrained(PARAMETERS)
    assert data["parameters"]["tone.green"] == {"range": [0.5, 0.8]}
    log = Path("run/evaluations.jsonl")
    whole = [json.loads(line)["candidates"] for line in log.read_text().splitlines()]
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:2]))
    tune(target, out="run", resume=True)
    assert [json.loads(line)["candidates"] for line in log.read_text().splitlines()] == whole
    with pytest.raises(RunDirectoryError) as caught:
        tune(target, out="run", resume=True, parameters={"look": {"fix": "dim"}})
    assert "was started with another configuration: parameters was {'tone.blue'" in str(caught.value)


def test_what_is_not_asked_for_leaves_fingerprints_as_they_were() -> None:
    plain = parse_config({})
    assert plain.fingerprint() == "d1433750"
    assert parse_config({"parameters": {}}).fingerprint() == plain.fingerprint()
    assert "parameters" not in plain.model_dump()
    assert parse_config({"parameters": {"a": {"fix": 1}}}).fingerprint() != plain.fingerprint()


def test_a_default_that_moves_is_said_once(target: Maker, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "isptune"):
        tune(target, budget=10)
    assert caplog.messages == [
        "the default of 'tone.green' is 0.9, outside its range [0.5, 0.8]; it starts at 0.8"
    ]


@pytest.mark.parametrize(
    "parameters",
    [
        {"tone.red": {"fix": 2}},
        {"tone.red": {"fx": 2}},
        ["tone.red"],
        {"*": {"fix": None}},
    ], ids=str,
)  # fmt: skip
def test_mistakes_are_told_before_anything_runs(
    target: Maker, in_an_empty_folder: None, parameters: Any, snapshot: SnapshotAssertion
) -> None:
    with pytest.raises(IsptuneError) as caught:
        tune(target, parameters=parameters, out="run")
    assert str(caught.value) == snapshot
    assert not Path("run").exists()

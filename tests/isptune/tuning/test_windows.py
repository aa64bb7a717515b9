"""Races that look at windows of scenes first, and races for several scores."""

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
from isptune import Float, ParameterSpace, Pipeline, Scene
from isptune.errors import ConfigurationError
from isptune.scenes.scene_pictures import picture_window
from isptune.tuning.evaluation import Evaluator
from isptune.tuning.fronts import by_fronts, non_dominated
from isptune.tuning.race_plans import cost_of, generations_of
from isptune.tuning.racing import Race
from isptune.tuning.windows import drawn_windows, windows_share

Maker = Callable[..., Any]


class Field(Pipeline):
    """Paints (a, b, b) with a little of the scene's own texture, and notes what it paints on."""

    memory = isptune.Memory(images=1.0)

    def __init__(
        self, sizes: tuple[tuple[int, int], ...] = ((96, 128), (128, 96)), texture: float = 0.05
    ) -> None:
        self.name = "field"
        self.options: dict[str, object] = {}
        self.space = ParameterSpace({"a": Float(0, 1), "b": Float(0, 1)})
        generator = torch.Generator().manual_seed(1)
        self.scenes = [
            Scene.of_picture(f"scene {place}", torch.rand(3, *size, generator=generator), index=place)
            for place, size in enumerate(sizes)
        ]
        self.texture = texture
        self.seen: Counter[tuple[int, int]] = Counter()

    def render(self, values: Tensor, scene: Scene | int) -> Tensor:
        scene = self.scene(scene)
        self.seen[scene.size] += len(values)
        plain = self.space.check(values)[:, [0, 1, 1]].reshape(-1, 3, 1, 1)
        return (0.9 * plain + self.texture * scene.payload).clamp(0, 1)

    def window(self, scene: Scene, place: tuple[int, int, int, int]) -> Scene | None:
        return picture_window(scene, place)


class Device(Field):
    """The same as a program that makes one picture at a time; it fails where a is above 0.9."""

    render = Pipeline.render
    development = isptune.Development(isolated=False, workers=2)

    def develop(self, values: dict[str, Any], scene: Scene) -> Tensor:
        if values["a"] > 0.9:
            raise RuntimeError("the lamp is off")
        row = torch.tensor([[values["a"], values["b"]]], dtype=torch.float64)
        return Field.render(self, row, scene)[0].to(torch.float32)


def tune(target: Maker, pipeline: Pipeline, **options: Any) -> isptune.TuneResult:
    return isptune.tune(pipeline, target(), **{"population": 8, "budget": 40, "race": "1/9", **options})


def log(folder: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(folder, "evaluations.jsonl").read_text().splitlines()]


def race(pipeline: Pipeline, number: int = 1, columns: int = 1) -> Race:
    windows = drawn_windows(pipeline, 9, 0, number)
    return Race(
        0,
        len(pipeline.scenes),
        0,
        number,
        [False] * columns,
        np.zeros((8, columns)),
        windows=windows,
        share=0.125,
    )


def test_windows_lie_on_the_grid_and_elsewhere_in_other_generations() -> None:
    pipeline = Field()
    found = [drawn_windows(pipeline, 9, 0, number) for number in range(30)]
    # A third of each side, in steps of 16 and not below 32.
    assert {window.size for windows in found for window in windows} == {(32, 48), (48, 32)}
    places = [[int(x) for x in windows[0].name.split("[")[1].split(",")[:2]] for windows in found]
    assert {x for x, _ in places} == {0, 16, 32, 48, 64, 80}
    assert {y for _, y in places} == {0, 16, 32, 48, 64}
    again = drawn_windows(Field(), 9, 0, 3)
    assert [window.name for window in again] == [window.name for window in found[3]]
    assert torch.equal(again[1].payload, found[3][1].payload)
    from isptune.tuning.scoring import Scoring

    scoring = Scoring([isptune.create_objective("psnr")])
    assert windows_share(pipeline, scoring, "1/9") == 0.125
    assert windows_share(pipeline, scoring, 2) == 0.0


@pytest.mark.parametrize("kind", [Field, Device])
def test_the_best_quarter_on_windows_meets_whole_scenes(target: Maker, kind: Any) -> None:
    candidates = np.random.default_rng(0).random((8, 2)) * 0.9
    pipeline = kind()
    with Evaluator(kind(), target()) as plain, Evaluator(pipeline, target()) as raced:
        whole = plain.evaluate(candidates)
        before = Counter(pipeline.seen)
        one = race(pipeline)
        found = raced.evaluate(candidates, race=one)
    assert dict(pipeline.seen - before) == {(32, 48): 8, (48, 32): 8, (96, 128): 2, (128, 96): 2}
    done = np.array([status == "done" for status in found.statuses])
    # The texture is alike everywhere, so windows rank as the whole does.
    assert set(np.flatnonzero(done)) == set(np.argsort(whole.scores[:, 0])[:2])
    assert np.array_equal(found.scores[done], whole.scores[done])
    assert found.shares is not None
    assert found.shares.tolist() == [1.125 if one else 0.125 for one in done]
    assert found.estimates is not None
    told = np.where(done, whole.scores[:, 0], found.estimates[:, 0])
    assert np.array_equal(np.argsort(told), np.argsort(whole.scores[:, 0]))
    # What was dropped is estimated by what whole scenes and windows differ by.
    assert told == pytest.approx(whole.scores[:, 0], abs=0.02)


@pytest.mark.parametrize("kind", [Field, Device])
def test_a_run_counts_windows_and_goes_on_to_the_same_log(target: Maker, kind: Any, red: Maker) -> None:
    settings: dict[str, Any] = {"budget": 24, "seed": 2, "out": "run", "guard": red()}
    result = tune(target, kind(), **settings)
    lines = [{**line, "seconds": 0} for line in log("run")]
    # 8 whole with their windows, then 8 windows and 2 of them whole.
    assert (cost_of(0, 2, 8, 0.125), generations_of(24, 8, 0, 2, 0.125)) == (3.0, 6)
    assert len(lines) == 6
    if kind is Field:
        assert [line["evaluations"] for line in lines] == [9.0] + [3.0] * 5
        assert lines[0]["statuses"] == ["done"] * 8
        assert result.raced is not None
        assert (result.raced.dropped, result.raced.full_evaluations) == (30, 24.0)
        assert result.raced.agreement == 1.0
    else:
        assert any("failed" in line["statuses"] for line in lines)
    path = Path("run/evaluations.jsonl")
    assert isptune.Run.read("run").is_finished
    for left in (1, 3):
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:left]))
        assert not isptune.Run.read("run").is_finished
        tune(target, kind(), **{**settings, "guard": red()}, resume=True)
        assert [{**line, "seconds": 0} for line in log("run")] == lines
    assert isptune.Run.read("run").config.race == "1/9"


def test_windows_that_cannot_be_are_refused(target: Maker) -> None:
    with pytest.raises(ConfigurationError) as caught:
        tune(target, Field(((32, 48), (32, 32))))
    assert str(caught.value) == (
        "race is 1/9, and windows of at least 32 pixels, with what is around them, take 0.80 of the work on the "
        "scenes; allowed: up to 0.5: give larger pictures or crops, or a number of scenes"
    )
    charts = isptune.create_pipeline("synthetic", scenes=["chart:192x128"])
    with pytest.raises(ConfigurationError) as caught:
        isptune.tune(charts, "mtf50", race="1/8", budget=30, population=10)
    assert str(caught.value).startswith("race is 1/8, and its windows cannot be scored: ")
    assert str(caught.value).endswith("; give a number of scenes")


def test_fronts_come_first_and_in_each_the_least_crowded() -> None:
    losses = [[0, 4], [1, 3], [1.1, 2.9], [4, 0], [1, 4], [5, 5], [2, 1]]
    assert by_fronts(losses).tolist() == [0, 3, 6, 2, 1, 4, 5]
    assert by_fronts([[3.0], [1.0], [1.0], [2.0]]).tolist() == [1, 2, 3, 0]
    assert by_fronts(np.zeros((0, 2))).tolist() == []


def test_a_race_for_several_scores_keeps_the_front(target: Maker, red: Maker, nsga2: str) -> None:
    candidates = np.random.default_rng(1).random((8, 2)) * 0.9
    pipeline = Field()
    with Evaluator(pipeline, [target(), red()]) as evaluator:
        whole = evaluator.evaluate(candidates)
        one = Race(1, 2, 0, 1, [False, True], np.zeros((8, 2)))
        found = evaluator.evaluate(candidates, race=one)
    done = np.array([status == "done" for status in found.statuses])
    assert set(np.flatnonzero(done)) == set(by_fronts(whole.losses)[:4])
    assert found.estimates is not None
    estimated = found.estimates * [1, -1]
    # Each estimate is behind every measured loss, in both.
    assert (estimated[~done].min(axis=0) > found.losses[done].max(axis=0)).all()
    settings: dict[str, Any] = {"optimizer": nsga2, "population": 8, "budget": 32, "race": 1, "out": "run"}
    result = isptune.tune(Field(), [target(), red()], **settings)
    lines = log("run")
    assert len(lines) == 5
    assert [line["statuses"].count("done") for line in lines] == [8, 4, 4, 4, 4]
    assert all(len(row) == 2 for row in lines[1]["estimates"])
    assert result.raced is not None
    assert result.raced.agreement == pytest.approx(1.0)
    assert result.pareto is not None
    scores = result.history.scores
    measured = np.isfinite(scores).all(axis=1)
    assert np.array_equal(
        np.sort(result.pareto.indices), non_dominated(np.where(measured[:, None], scores * [1, -1], np.inf))
    )
    lines = [{**line, "seconds": 0} for line in lines]
    path = Path("run/evaluations.jsonl")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    isptune.tune(Field(), [target(), red()], **settings, resume=True)
    assert [{**line, "seconds": 0} for line in log("run")] == lines

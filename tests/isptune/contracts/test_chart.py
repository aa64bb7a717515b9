"""Where a chart lies, and that an objective is bound to the scene that shows it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import isptune
from isptune import Objective, Scene
from isptune.contracts.chart import Chart, charts_in
from isptune.errors import ConfigurationError

SQUARE = ((4, 4), (24, 4), (24, 36), (4, 36))


class Corner(Objective):
    """The mean at the first corner of the scene's chart."""

    chart_kinds = ("square",)

    def __init__(self, place: tuple[int, int] | None = None) -> None:
        self.name = "corner"
        self.place = place

    def for_scene(self, scene: Scene) -> Objective:
        for chart in scene.charts:
            (x, y), *_ = chart.corners
            return Corner((int(x), int(y)))
        raise ConfigurationError(f"the scene '{scene.name}' shows no square")

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        assert self.place is not None
        x, y = self.place
        return images[:, :, y, x].mean(dim=1)


def test_a_chart_moves_and_is_cut_with_its_picture() -> None:
    chart = Chart("square", SQUARE, {"angle": 5.0})
    assert chart.box == (4, 4, 24, 36)
    assert repr(chart) == "<Chart 'square': 20x32 at 4, 4>"
    (moved,) = charts_in((chart,), (3, 2), (34, 21))
    assert moved.corners == ((1, 2), (21, 2), (21, 34), (1, 34))
    assert moved.facts == {"angle": 5.0}
    # A pixel less, and it is no longer whole.
    assert charts_in((chart,), (3, 2), (34, 20)) == ()
    assert charts_in((chart,), (5, 2), (40, 40)) == ()


@pytest.mark.parametrize(
    "corners",
    [((0, 0), (9, 0)), ((0, 0), (9, 0), (9, 9), (math.nan, 9)), "four", ((0, 0), (9, 0), (9,), (0, 9))],
)
def test_other_corners_are_refused(corners: object) -> None:
    with pytest.raises(
        ConfigurationError, match=r"^the corners of the chart 'square' are .*; allowed: four points"
    ):
        Chart("square", corners)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "corners",
    [((0, 0), (9, 9), (9, 0), (0, 9)), ((0, 0), (1, 1), (2, 2), (3, 3)), ((0, 0), (9, 0), (2, 2), (0, 9))],
)
def test_crossed_corners_are_refused(corners: object) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Chart("square", corners)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "the corners of the chart 'square' cross or lie on one line; give them in order around the chart"
    )


def test_charts_of_files_alone_count_in_a_digest() -> None:
    """Runs on the generated chart began before it had any."""
    picture = torch.zeros(3, 40, 40)
    plain = Scene.of_picture("a", picture).digest()
    assert Scene.of_picture("a", picture, charts=(Chart("square", SQUARE),)).digest() == plain
    described = Scene.of_picture("a", picture, charts=(Chart("square", SQUARE, {}, "a.chart.yaml"),)).digest()
    moved = Scene.of_picture("a", picture, charts=(Chart("square", SQUARE, {}, "a.chart.yaml").moved(1, 0),))
    assert len({plain, described, moved.digest()}) == 3


class Painted(isptune.Pipeline):
    """Scenes with a gradient along their columns, times a."""

    has_reference = True

    def __init__(self, *charts: tuple[Chart, ...]) -> None:
        self.name = "painted"
        self.options: dict[str, object] = {}
        self.space = isptune.ParameterSpace({"a": isptune.Float(0, 1)})
        picture = (torch.arange(40) / 40).expand(3, 40, 40).contiguous()
        self.scenes = [
            Scene.of_picture(f"scene {index}", picture, index=index, charts=found)
            for index, found in enumerate(charts)
        ]

    def render(self, values: Tensor, scene: Scene | int) -> Tensor:
        picture = self.scene(scene).payload
        return values[:, 0].to(picture.dtype).reshape(-1, 1, 1, 1) * picture


def test_each_scene_is_scored_by_the_objective_that_is_bound_to_it() -> None:
    chart = Chart("square", SQUARE)
    pipeline = Painted((chart,), (chart.moved(10, 0),))
    evaluator = isptune.Evaluator(pipeline, Corner())
    assert evaluator.evaluate([[1.0], [0.5]]).scores[:, 0] == pytest.approx([9 / 40, 4.5 / 40])
    # As a guard as well, beside an objective that scores all scenes alike.
    scoring = isptune.tuning.scoring.Scoring([isptune.create_objective("contrast")], guards=[Corner()])
    guards = isptune.Evaluator(pipeline, scoring).evaluate([[1.0]]).guards
    assert guards is not None
    assert guards[0] == pytest.approx([9 / 40])


def test_a_scene_without_a_chart_ends_a_run_before_it_begins(tmp_path) -> None:
    pipeline = Painted((Chart("square", SQUARE),), ())
    with pytest.raises(ConfigurationError, match=r"^the scene 'scene 1' shows no square$"):
        isptune.tune(pipeline, Corner(), budget=30, population=30, out=tmp_path / "run")
    with pytest.raises(ConfigurationError, match=r"^the scene 'scene 1' shows no square$"):
        isptune.tune(pipeline, Corner(), budget=30, population=30, out=tmp_path / "run", holdout=["scene 1"])
    assert not (tmp_path / "run").exists()


class Settled(Corner):
    """A corner whose scores are multiplied by what is settled."""

    factor = 1.0

    def for_scene(self, scene: Scene) -> Objective:
        bound = Settled(super().for_scene(scene).place)  # type: ignore[attr-defined]
        bound.factor = self.factor
        return bound

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        return self.factor * super().score(images)


def test_what_is_settled_later_reaches_what_is_bound() -> None:
    objective = Settled()
    evaluator = isptune.Evaluator(Painted((Chart("square", SQUARE),)), objective)
    objective.factor = 2.0
    evaluator.bind()
    assert evaluator.evaluate([[1.0]]).scores[:, 0] == pytest.approx([8 / 40])

"""What the suites say to a newcomer: every failure has words, and they say what came, what was expected, what mends it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import isptune
from isptune.contracts.optimizer import Optimizer
from isptune.errors import IsptuneError
from isptune.testing import (
    DistortionConformance,
    ObjectiveConformance,
    OptimizerConformance,
    PipelineConformance,
    StageConformance,
)

SUITES = Path(isptune.__file__).parent / "testing"


@pytest.mark.parametrize("path", sorted(SUITES.glob("*.py")), ids=lambda path: path.stem)
def test_every_check_has_words(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Assert) or node.msg is not None, f"line {node.lineno} says nothing"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in ("raises", "assert_close"), (
                f"line {node.lineno} speaks torch or pytest"
            )


def failures(suite: type) -> dict[str, str]:
    """What each failing test of a suite says; what torch or numpy raise is no word to a newcomer."""
    found = {}
    for name in sorted(dir(suite)):
        if not name.startswith("test_"):
            continue
        try:
            getattr(suite(), name)()
        except pytest.skip.Exception:
            continue
        except (AssertionError, IsptuneError) as error:
            found[name.removeprefix("test_")] = str(error)
    return found


def assert_says(said: dict[str, str], wanted: dict[str, str]) -> None:
    assert set(said) == set(wanted), {name: said[name] for name in set(said) ^ set(wanted) if name in said}
    for name, text in wanted.items():
        what, _, remedy = text.partition(" ... ")
        assert what in said[name], said[name]
        assert remedy in said[name], said[name]
        assert "expected" in said[name] or "must be" in said[name], said[name]


class Network(isptune.Objective):
    """A network of a newcomer: float32, no checks, lower is better and nothing says so."""

    is_differentiable = True

    def __init__(self) -> None:
        self.net = nn.Conv2d(3, 4, 3)
        with torch.no_grad():
            values = torch.linspace(-0.2, 0.2, 108).reshape(4, 3, 3, 3)
            self.net.weight.copy_(values)
            self.net.bias.zero_()

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        return self.net(images).square().mean(dim=(1, 2, 3)) * -1


class NewObjective(ObjectiveConformance):
    sizes: ClassVar[Any] = ((48, 80),)

    def make(self) -> isptune.Objective:
        return Network()

    def distorted(self, images: Tensor) -> Tensor:
        return images * 0.7


def test_a_plain_network_as_an_objective() -> None:
    said = failures(NewObjective)
    assert_says(
        said,
        {
            "float32_and_float64_agree": "raised RuntimeError ... set supports_float64 = False in the test",
            "gradient_is_true": "raised RuntimeError ... set supports_float64 = False in the test",
            "global_random_state_is_neither_used_nor_changed": "a global random generator was used ... torch.Generator",
            "no_graph_without_gradients": "requires one, expected none ... requires_grad_(False)",
            "orientation_is_true": "as higher_is_better is True, the default ... set it to False",
            "wrong_shapes_are_refused": "must be refused with IsptuneError ... check_images(images, self.name)",
        },
    )


class Shine(isptune.Pipeline):
    """A pipeline of a newcomer: brightens beyond white, draws noise anywhere, checks nothing."""

    def __init__(self) -> None:
        self.name, self.options = "shine", {}
        self.space = isptune.ParameterSpace({"gain": isptune.Float(0, 2)})
        self.scenes = [isptune.Scene("grey", (40, 48))]

    def render(self, values: Tensor, scene: Any) -> Tensor:
        image = torch.full((1, 3, 40, 48), 0.6)
        return image * values[:, :1, None, None].float() + 0.01 * torch.randn(len(values), 3, 40, 48)


class NewPipeline(PipelineConformance):
    def make(self) -> isptune.Pipeline:
        return Shine()


def test_a_plain_pipeline() -> None:
    said = failures(NewPipeline)
    for name, (what, remedy) in {
        "an_unknown_scene_is_refused": ("and nothing was raised", "self.scene(scene)"),
        "wrong_values_are_refused": (
            "NaN as a value must be refused with ParameterError",
            "self.space.check(values)",
        ),
        "rendering_is_deterministic": ("a pixel of a second pipeline on", "fixed seed"),
        "global_random_state_is_neither_used_nor_changed": ("expected none", "torch.Generator of its own"),
    }.items():
        assert what in said[name], said[name]
        assert remedy in said[name], said[name]
    assert "pictures are in [0, 1]: scale or clamp it" in said["the_whole_space_can_be_rendered"]


class Lift(isptune.Distortion):
    """A distortion of a newcomer: level 0 changes the picture, and the range is left."""

    level_range = (0.0, 1.0)

    def forward(self, images: Tensor, level: Tensor, noise: Tensor | None = None) -> Tensor:
        return images + 0.1 + level.to(images.dtype).reshape(-1, 1, 1, 1)


class NewDistortion(DistortionConformance):
    def make(self) -> isptune.Stage:
        stage = Lift()
        stage.name = "lift"
        return stage


class Turn(isptune.Stage):
    """A stage of a newcomer: works in float32, and writes over its input."""

    amount = isptune.Float(0.0, 0.5)

    def forward(self, images: Tensor, amount: Tensor) -> Tensor:
        return images.mul_(1 - amount.to(images.dtype).reshape(-1, 1, 1, 1)).float()


class NewStage(StageConformance):
    def make(self) -> isptune.Stage:
        stage = Turn()
        stage.name = "turn"
        return stage


def test_plain_stages() -> None:
    said = failures(NewDistortion)
    assert (
        "expected at most 1; end with .clamp(0, 1)" in said["output_has_the_shape_type_and_range_of_images"]
    )
    assert "expected 0; return the input where the level is 0" in said["quality_falls_as_the_level_grows"]
    assert "level_0_is_the_identity_to_the_last_bit" in said
    said = failures(NewStage)
    assert (
        "the output is of torch.float32 for images of torch.float64"
        in said["output_has_the_shape_type_and_range_of_images"]
    )
    assert "written over" in said["nothing_is_modified"]


class Middle(Optimizer):
    """An optimizer of a newcomer: always the middle, half of the population."""

    def propose(self) -> Any:
        return np.full((max(1, self.population // 2), self.dimension), 0.5)

    def learn(self, candidates: Any, losses: Any, gradients: Any = None) -> None:
        return


class NewOptimizer(OptimizerConformance):
    def make(self, space: Any = 5, population: int | None = None, **changes: Any) -> Optimizer:
        return Middle(space, population, **changes)


def test_a_plain_optimizer() -> None:
    said = failures(NewOptimizer)
    assert said
    assert set(said.values()) >= {
        "the optimizer 'Middle' proposed the shape (15, 5); expected: (30, 5), a whole batch with one "
        "candidate a row"
    }

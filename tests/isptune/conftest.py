"""A small pipeline and objective whose numbers can be computed by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

import isptune
from isptune import Float, Objective, ParameterSpace, Pipeline, Scene
from isptune.optimizers.nsga2 import NSGA2
from isptune.registry import optimizers


class Flat(Pipeline):
    """Paints the scene in the colour (a, b, a); the truth is the distance from (0.25, 0.75)."""

    is_differentiable = True
    has_reference = True
    truth_labels = ("a", "b")
    truth_maxima = (1.0, 2.0)
    truth_units = ("", "")
    working_images = 1.0

    def __init__(self, sizes: tuple[tuple[int, int], ...] = ((8, 8), (6, 10))) -> None:
        self.name = "flat"
        self.options: dict[str, object] = {}
        self.space = ParameterSpace([Float("a", 0, 1), Float("b", 0, 1)])
        self.scenes = [Scene(f"scene{i}", torch.zeros(3, h, w), index=i) for i, (h, w) in enumerate(sizes)]
        self.batches: list[int] = []

    def render(self, values: Tensor, scene: Scene | int) -> Tensor:
        self.batches.append(len(values))
        scene = self.scene(scene)
        colour = torch.stack([values[:, 0], values[:, 1], values[:, 0]], dim=1)
        return colour.reshape(-1, 3, 1, 1).expand(-1, -1, scene.height, scene.width)

    def reference(self, scene: Scene | int) -> Tensor:
        return self.scene(scene).image.unsqueeze(0)

    def truth(self, values: Tensor) -> Tensor:
        return (values - torch.tensor([0.25, 0.75], dtype=values.dtype)).abs()


class Target(Objective):
    """Lower is better: the mean squared distance of the picture from red .25, green .75, blue .25."""

    higher_is_better = False
    is_differentiable = True
    working_images = 1.0

    def __init__(self) -> None:
        self.name = "target"
        self.options: dict[str, object] = {}

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        wanted = images.new_tensor([0.25, 0.75, 0.25]).reshape(1, 3, 1, 1)
        return (images - wanted).square().mean(dim=(1, 2, 3))


@pytest.fixture
def flat() -> Callable[..., Flat]:
    return Flat


@pytest.fixture
def target() -> Callable[[], Target]:
    return Target


class Red(Objective):
    """Higher is better: how red the picture is, and as a vector how red and how (un)green."""

    higher_is_better = True
    labels = ("red", "green")
    label_orientations = (1, -1)
    working_images = 1.0

    def __init__(self) -> None:
        self.name = "red"
        self.options: dict[str, object] = {}

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        return images[:, 0].mean(dim=(1, 2))

    def scores(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        return images[:, :2].mean(dim=(2, 3))


@pytest.fixture
def red() -> Callable[[], Red]:
    return Red


@pytest.fixture
def nsga2() -> Iterator[str]:
    """The name of NSGA-II, registered for the test where the installed entry points lack it."""
    missing = "nsga2" not in isptune.list_optimizers()
    if missing:
        isptune.register_optimizer("nsga2")(NSGA2)
    yield "nsga2"
    if missing:
        optimizers._records.pop("nsga2")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test writes by a relative path lands in its own folder."""
    monkeypatch.chdir(tmp_path)

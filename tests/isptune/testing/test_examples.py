"""The examples in the suites' own docstrings and in the tutorials pass as they stand."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import isptune
from isptune.contracts.objective import check_images
from isptune.plugins import registry

ROOT = Path(__file__).parents[3]
TUTORIAL = (ROOT / "docs" / "tutorials" / "stage.md").read_text(encoding="utf-8")


class Vignette(isptune.Distortion):
    """Darken the corners by up to the level."""

    level_range = (0.0, 0.9)

    def forward(self, images: Tensor, level: Tensor, noise: Tensor | None = None) -> Tensor:
        y, x = (torch.linspace(-1, 1, side, dtype=images.dtype) for side in images.shape[-2:])
        return images * (1 - level.to(images.dtype).reshape(-1, 1, 1, 1) * (y[:, None] ** 2 + x**2) / 2)


class Sharpen(isptune.Stage):
    """Mix with the mean of the neighbours."""

    amount = isptune.Float(0.0, 0.5, default=0.1)

    def forward(self, images: Tensor, amount: Tensor) -> Tensor:
        moved = images.roll(1, -1)
        return images + amount.to(images.dtype).reshape(-1, 1, 1, 1) * (moved - images)


class Tone(isptune.Stage):
    """A gamma and lifted shadows."""

    gamma = isptune.Float(0.4, 2.5, log=True, default=1.0)
    shadows = isptune.Float(0.0, 0.2, default=0.0)

    def forward(self, images: Tensor, gamma: Tensor, shadows: Tensor) -> Tensor:
        gamma, shadows = (value.to(images.dtype).reshape(-1, 1, 1, 1) for value in (gamma, shadows))
        return shadows + (1 - shadows) * images.clamp_min(1e-4) ** gamma


class Warmth(isptune.Objective):
    """How much more red than blue there is; the suite's picture is bluish."""

    higher_is_better = False
    is_differentiable = True
    score_range = (-10.0, 10.0)

    def __init__(self, strength: float = 1.0) -> None:
        self.strength = strength

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        images = check_images(images, "warmth")
        return self.strength * (images[:, 0] - images[:, 2]).double().mean(dim=(1, 2)).to(images.dtype)


class Taste(isptune.Judge):
    """The brighter, the better, in round numbers that follow from the seed."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def judge(self, round: Any) -> list[float]:
        known = {note["who"]: note["worth"] for note in round.notes}
        for one in round.contenders:
            if one.identity not in known:
                known[one.identity] = self.seed + sum(float(picture.mean()) for picture in one.pictures)
                round.note({"who": one.identity, "worth": known[one.identity]})
        return [known[one.identity] for one in round.contenders]


def my_camera(scenes: list[str]) -> Any:
    return registry.pipelines.get("synthetic")(
        scenes=scenes, stages=["gaussian_blur", "brighten"], compile=False
    )


def examples() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "isptune" / "testing").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Module, ast.ClassDef)):
                text = ast.get_docstring(node) or ""
                for found in re.findall(r"::\n\n((?: {4,}[^\n]*\n|\n)+)", text + "\n"):
                    yield path.stem, textwrap.dedent(found)
    for block in re.findall(r"```python[^\n]*\n(.*?)```", TUTORIAL, flags=re.DOTALL):
        if "Conformance" in block:
            yield "tutorial", block


FOUND = list(examples())
# Pytest collects the classes of the examples here, with all their tests.
for _where, _code in FOUND:
    _names: dict[str, Any] = {}
    exec(compile(_code, _where, "exec"), _names)
    for _name, _made in _names.items():
        if _name.startswith("Test"):
            globals()[f"{_name}{_where.title()}"] = _made


@pytest.fixture(autouse=True, scope="module")
def plugins() -> Iterator[None]:
    """What the examples name; names that other tests gave to others are given back."""
    made = [
        (registry.stages, "vignette", Vignette),
        (registry.stages, "sharpen", Sharpen),
        (registry.stages, "tone", Tone),
        (registry.objectives, "warmth", Warmth),
        (registry.objectives, "taste", Taste),
        (registry.pipelines, "my-camera", my_camera),
    ]
    before = [known._records.get(name) for known, name, _ in made]
    for known, name, plugin in made:
        known.register(name, replace=True)(plugin)
    yield
    for (known, name, _), record in zip(made, before, strict=True):
        known._records.pop(name)
        if record is not None:
            known._records[name] = record


def test_every_suite_has_an_example() -> None:
    assert {where for where, _ in FOUND} >= {
        "__init__",
        "distortion",
        "judge",
        "objective",
        "pipeline",
        "stage",
        "tutorial",
    }

"""A pipeline that reads small text files as raws, whose best level grows with the ISO."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import isptune
from isptune import Bool, Choice, Float, Int, Scene
from isptune.plugins.registry import pipelines
from isptune.scenes.sources import find_pictures

NAME = "example-lamps"


class Lamps(isptune.Pipeline):
    """A grey picture: how far the level is from what the ISO of the scene asks for, and the tone from 0.3."""

    takes_raw = True
    has_reference = True

    def __init__(self, scenes: list[str], crop: str | int | None = "auto", seed: int = 0) -> None:
        self.space = isptune.ParameterSpace(
            {
                "noise.level": Float(0.001, 1.0, log=True, default=0.01),
                "noise.steps": Int(0, 10, default=5),
                "tone.lift": Float(0.0, 1.0, default=0.5),
                "method": Choice(("plain", "fine"), default="plain"),
                "strong": Bool(default=False),
            }
        )
        self.scenes = []
        for source in scenes:
            for path in find_pictures(source, raw=True):
                assert isinstance(path, Path)
                held: dict[str, Any] = json.loads(path.read_text())
                taken = {name: held[name] for name in ("iso", "illuminant") if name in held}
                self.scenes.append(
                    Scene(
                        path.name,
                        (4, 4),
                        torch.zeros(3, 4, 4),
                        payload=held["wants"],
                        index=len(self.scenes),
                        source={"file": str(path.resolve())},
                        conditions=taken,
                    )
                )

    def render(self, values: torch.Tensor, scene: Scene | int) -> torch.Tensor:
        level, _, tone, _, _ = values.float().unbind(1)
        away = (level.log10() - self.scene(scene).payload).abs() / 6 + (tone - 0.3).abs() / 4
        return away.clamp(0, 1).reshape(-1, 1, 1, 1).expand(-1, 3, 4, 4)


def wanted(iso: float) -> float:
    """The logarithm of the best level: 0.01 at ISO 100, 0.1 at ISO 1000."""
    return math.log10(iso) - 4


@pytest.fixture
def lamps() -> Iterator[str]:
    isptune.register_pipeline(NAME)(Lamps)
    yield NAME
    pipelines._records.pop(NAME)


def write_lamp(name: str, wants: float | None = None, **taken: Any) -> str:
    """A file of a scene in the current folder."""
    held = {"wants": wanted(taken["iso"]) if wants is None else wants, **taken}
    Path(name).write_text(json.dumps(held))
    return name


def settings(**more: Any) -> dict[str, Any]:
    return {
        "scenes": ["*.dng"],
        "pipeline": NAME,
        "objective": "example-darkness",
        "optimizer": "cma",
        "population": 8,
        "budget": 48,
        "conditions": "iso",
        "share": ["tone.*"],
        "smooth": 0.0,
        "parameters": {"noise.steps": {"fix": None}, "method": {"fix": None}, "strong": {"fix": None}},
        **more,
    }


class Darkness(isptune.Objective):
    """How bright the picture is; lower is better."""

    higher_is_better = False

    def score(self, images: torch.Tensor, reference: torch.Tensor | None = None) -> torch.Tensor:
        return images.double().mean(dim=(1, 2, 3))


@pytest.fixture(autouse=True)
def darkness() -> Iterator[None]:
    from isptune.plugins.registry import objectives

    isptune.register_objective("example-darkness")(Darkness)
    yield
    objectives._records.pop("example-darkness")

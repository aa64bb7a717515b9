"""Scenes: pictures in and out, native-resolution crops, and the generated test chart."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isptune.scenes.generated import chart as chart
    from isptune.scenes.loading import load_scenes as load_scenes
    from isptune.scenes.reading import read_image as read_image
    from isptune.scenes.writing import write_image as write_image

_HOME = {
    "chart": "isptune.scenes.generated",
    "load_scenes": "isptune.scenes.loading",
    "read_image": "isptune.scenes.reading",
    "write_image": "isptune.scenes.writing",
}

__all__ = ["chart", "load_scenes", "read_image", "write_image"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'isptune.scenes' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])

"""How a plugin was made: the name and the options with which a run directory can make it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from isptune.storage.places import absolute_scene, settled_scenes

_ATTRIBUTE = "_isptune_recipe"


@dataclass(frozen=True)
class Recipe:
    """What a registry made a plugin from.

    Attributes:
        name: registered, or a place that stands for itself.
        options: all that were given.
    """

    name: str
    options: Mapping[str, Any]

    @property
    def unwritable(self) -> list[str]:
        """The options that no file can hold, such as tensors."""
        return [key for key, value in self.options.items() if not is_plain(value)]


def remember(plugin: Any, recipe: Recipe) -> None:
    """Note on a plugin how it was made."""
    setattr(plugin, _ATTRIBUTE, recipe)


def recipe_of(plugin: Any) -> Recipe | None:
    """How a plugin was made; None where its class was called directly, with arguments that nobody noted."""
    found: Recipe | None = getattr(plugin, _ATTRIBUTE, None)
    return found


def name_of(plugin: Any) -> str:
    """What a registry makes the like of a plugin from: the name or place it was made from, or its own."""
    recipe = recipe_of(plugin)
    name: str = plugin.name if recipe is None else recipe.name
    return name


def recorded(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as a file holds them: scenes and other paths as texts that mean the same from elsewhere."""
    return {
        key: settled_scenes(value) if key == "scenes" else _without_paths(value)
        for key, value in options.items()
    }


def _without_paths(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_paths(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_paths(entry) for entry in value]
    return absolute_scene(str(value)) if isinstance(value, Path) else value


def is_plain(value: Any) -> bool:
    """Whether YAML can hold a value and give it back."""
    try:
        yaml.safe_dump(value)
    except yaml.YAMLError:
        return False
    return True

"""Scenes by what they were taken under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isptune.conditions.settings import ISO, TableConfig
from isptune.errors import ConfigurationError
from isptune.runs.captions import picture_keys
from isptune.storage.paths import folder_name
from isptune.tuning.holdout import file_of, split
from isptune.wording.naming import listed
from isptune.wording.showing import counted

if TYPE_CHECKING:
    from isptune.contracts.pipeline import Pipeline, Scene

# Draws of the search do not depend on those of the scenes.
_STREAM = 0x401D


@dataclass
class Group:
    """The pictures of one condition.

    Attributes:
        condition: its values by name.
        tuned, held_out: sources of pictures, as ``scenes`` of a run has them.
        references: of those pictures that have one of their own choice, by source.
    """

    condition: dict[str, Any]
    tuned: list[str] = field(default_factory=list)
    held_out: list[str] = field(default_factory=list)
    references: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Such as ``"iso 100, D65"``."""
        return condition_name(self.condition)

    @property
    def folder(self) -> str:
        """Such as ``"iso-100-D65"``."""
        return folder_name("-".join(self.name.replace(",", "").split()))


def condition_name(condition: Mapping[str, Any]) -> str:
    """Conditions in words: ``"iso 100, D65"``."""
    words = [f"iso {value:g}" if name == ISO else str(value) for name, value in condition.items()]
    return ", ".join(words)


def group_scenes(config: TableConfig, pipeline: Pipeline) -> list[Group]:
    """The scenes of a table by condition, the lowest ISO first.

    Args:
        config: of the table.
        pipeline: with all scenes, which say what they were taken under.

    Raises:
        ConfigurationError: a scene does not say what is grouped by, there is one condition alone, or one has
            too few pictures for what is held out.
    """
    scenes = list(pipeline.scenes)
    _check_names(config, scenes)
    listed_as_held = isinstance(config.holdout, list)
    held = _named_as_held(config, pipeline) if listed_as_held else set()
    groups: dict[tuple[Any, ...], Group] = {}
    seen: set[str] = set()
    for scene, key in zip(scenes, picture_keys(scenes), strict=True):
        if key in seen:
            continue
        seen.add(key)
        condition = _condition_of(scene, config)
        group = groups.setdefault(tuple(condition.values()), Group(condition))
        source = _source(scene)
        (group.held_out if key in held else group.tuned).append(source)
        if "reference" in config.pipeline.options and "reference" in scene.source:
            group.references[source] = str(scene.source["reference"])
    found = [groups[key] for key in sorted(groups, key=lambda key: tuple(map(_ordered, key)))]
    if len(found) < 2:
        raise ConfigurationError(
            f"all scenes were taken at {found[0].name}; a table over {listed(config.conditions)} needs at "
            "least two conditions"
        )
    for group in found:
        _hold_out(group, config)
    return found


def _condition_of(scene: Scene, config: TableConfig) -> dict[str, Any]:
    """What a scene is grouped by."""
    known = {**scene.conditions, **_told(scene, config.scene_conditions)}
    for name in config.conditions:
        if name not in known:
            what, example = ("ISO", "{iso: 800}") if name == ISO else (name, "{illuminant: D65}")
            advice = f"scene_conditions: {{'{_picture_name(scene)}': {example}}}"
            raise ConfigurationError(
                f"the scene '{scene.name}' has no {what}, which conditions need; take a file that says "
                f"it, or write into a file for --config: {advice}"
            )
    return {name: known[name] for name in config.conditions}


def _picture_name(scene: Scene) -> str:
    name = str(scene.name)
    return name.rpartition("[")[0] if scene.source.get("crop") is not None else name


def _told(scene: Scene, told: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What the settings say of a scene; its own name or file wins over globs."""
    own: dict[str, Any] = {}
    globs: dict[str, Any] = {}
    for pattern, conditions in told.items():
        if _is_called(scene, pattern):
            own |= conditions
        elif _is_meant(scene, pattern):
            globs |= conditions
    return {**globs, **own}


def _is_called(scene: Scene, text: str) -> bool:
    """Whether a text is a scene's name, or its file from any folder on: ``x.dng``, ``night/x.dng``."""
    file = Path(str(scene.source.get("file", "")))
    return text == _picture_name(scene) or _parts(file)[-len(_parts(Path(text))) :] == _parts(Path(text))


def _is_meant(scene: Scene, pattern: str) -> bool:
    """Whether a glob names a scene, by its name or by its file from any folder on."""
    file = Path(str(scene.source.get("file", ""))).as_posix()
    return fnmatchcase(_picture_name(scene), pattern) or (
        "/" in pattern and fnmatchcase(f"/{file}", f"*/{pattern.removeprefix('./')}")
    )


def _parts(path: Path) -> tuple[str, ...]:
    return tuple(part for part in path.parts if part != "..")


def _check_names(config: TableConfig, scenes: Sequence[Scene]) -> None:
    for pattern in config.scene_conditions:
        if not any(_is_called(scene, pattern) or _is_meant(scene, pattern) for scene in scenes):
            names = [_picture_name(scene) for scene in scenes]
            raise ConfigurationError(
                f"scene_conditions names '{pattern}', which is none of the scenes; they are {listed(names)}"
            )


def _source(scene: Scene) -> str:
    """What names the picture of a scene in the settings of a run."""
    found = file_of(scene)
    if not found:
        raise ConfigurationError(
            f"the scene '{scene.name}' is no file; a table over conditions is made of runs on files"
        )
    return found


def _named_as_held(config: TableConfig, pipeline: Pipeline) -> set[str]:
    """The pictures that are held out by name."""
    held = split(pipeline, config)[1]
    assert held is not None
    inside = {id(scene) for scene in held.scenes}
    keys = picture_keys(list(pipeline.scenes))
    return {key for scene, key in zip(pipeline.scenes, keys, strict=True) if id(scene) in inside}


def _hold_out(group: Group, config: TableConfig) -> None:
    """Draw the held-out pictures of a group where they are counted, and refuse too few of either kind."""
    if isinstance(config.holdout, int):
        # A file that was given twice is one picture.
        pictures = list(dict.fromkeys(group.tuned))
        most = len(pictures) - 1
        if config.holdout > most:
            raise ConfigurationError(
                f"holdout is {config.holdout} of each condition, and {group.name} has "
                f"{counted(len(pictures), 'scene')}, of which at least one is tuned on; "
                + (f"allowed: 1 to {most}" if most else "give it more scenes, or leave out holdout")
            )
        generator = np.random.default_rng([config.seed, _STREAM])
        drawn = set(generator.choice(len(pictures), config.holdout, replace=False).tolist())
        group.held_out = [source for place, source in enumerate(pictures) if place in drawn]
        group.tuned = [source for source in group.tuned if source not in group.held_out]
    if not group.tuned:
        raise ConfigurationError(
            f"all scenes of {group.name} are held out, so that none is left to tune on; hold out fewer"
        )


def _ordered(value: Any) -> tuple[int, float, str]:
    """Numbers by size, names by letters."""
    return (0, float(value), "") if isinstance(value, int | float) else (1, 0.0, str(value))

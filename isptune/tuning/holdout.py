"""Scenes that only judge: which they are, and the pipeline without them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np

from isptune.errors import ConfigurationError, ImageError
from isptune.runs.captions import picture_keys
from isptune.storage.paths import shown
from isptune.tuning.blame import called
from isptune.tuning.prechecks import files_of
from isptune.wording.naming import did_you_mean, listed
from isptune.wording.showing import counted

if TYPE_CHECKING:
    from isptune.contracts.pipeline import Pipeline, Scene
    from isptune.tuning.settings import RunConfig

# Draws of the search do not depend on those of the scenes.
_STREAM = 0x401D


def split(pipeline: Pipeline, config: RunConfig) -> tuple[Pipeline, Pipeline | None]:
    """A pipeline with the scenes that are tuned on, and the same with those that only judge.

    Crops of one picture go together, as each would tell of the others. Scenes keep their index, from which
    their noise is seeded.

    Args:
        pipeline: with all scenes; nothing of it is changed.
        config: whose ``holdout`` is a count of pictures, which are drawn by ``seed``, or names and files.

    Returns:
        The pipeline itself and None where nothing is held out.

    Raises:
        ConfigurationError: a name that no scene has, or nothing would be left on one of both sides.
    """
    wanted = config.holdout
    if wanted is None:
        return pipeline, None
    scenes = list(pipeline.scenes)
    keys = _same_pictures(scenes)
    pictures = list(dict.fromkeys(keys))
    if isinstance(wanted, int):
        _check_count(wanted, pictures, scenes)
        drawn = np.random.default_rng([config.seed, _STREAM]).choice(len(pictures), wanted, replace=False)
        held = {pictures[place] for place in drawn.tolist()}
    else:
        held = _named(wanted, scenes, keys, pipeline)
        if len(held) == len(pictures):
            raise ConfigurationError(
                f"holdout names all {counted(len(pictures), 'scene')} of the run, so that none is left to "
                "tune on; hold out fewer"
            )
    judging = _once([scene for scene, key in zip(scenes, keys, strict=True) if key in held])
    tuned = [scene for scene, key in zip(scenes, keys, strict=True) if key not in held]
    return _with(pipeline, tuned), _with(pipeline, judging)


def _same_pictures(scenes: Sequence[Scene]) -> list[str]:
    """A key for each scene that crops of one picture share, and scenes of one file that was given twice."""
    first: dict[str, str] = {}
    keys = []
    for scene, key in zip(scenes, picture_keys(scenes), strict=True):
        place = {name: value for name, value in sorted(scene.source.items()) if name != "crop"}
        keys.append(first.setdefault(repr(place), key) if place else key)
    return keys


def _once(scenes: Sequence[Scene]) -> list[Scene]:
    """Scenes without those that repeat another: two judgements of one picture would pass for two pictures."""
    found = {repr(sorted(scene.source.items()) or id(scene)): scene for scene in reversed(scenes)}
    return list(reversed(found.values()))


def _with(pipeline: Pipeline, scenes: Sequence[Scene]) -> Pipeline:
    """The same pipeline with some of its scenes."""
    part = copy.copy(pipeline)
    try:
        part.scenes = list(scenes)
    except AttributeError:
        raise ConfigurationError(
            f"the pipeline '{called(pipeline)}' computes its scenes, so that none can be held out; make "
            "'scenes' an attribute of it"
        ) from None
    return part


def _check_count(count: int, pictures: Sequence[str], scenes: Sequence[Scene]) -> None:
    most = len(pictures) - 1
    if count <= most:
        return
    if not most:
        alone = str(scenes[0].name)
        alone = alone.partition("[")[0] if scenes[0].source.get("crop") is not None else alone
        crops = f" (its {len(scenes)} crops are one picture)" if len(scenes) > 1 else ""
        raise ConfigurationError(
            f"holdout is {count}, and the scene '{alone}' stands alone{crops}: nothing would be left to tune "
            "on; give more pictures, or name one that only judges"
        )
    raise ConfigurationError(
        f"holdout is {count}, and there are {len(pictures)} scenes, of which at least one is tuned on; "
        f"allowed: {'1' if most == 1 else f'1 to {most}'}"
    )


def _named(
    wanted: Sequence[str], scenes: Sequence[Scene], keys: Sequence[str], pipeline: Pipeline
) -> set[str]:
    """The pictures that names, globs of names, or files stand for."""
    held: set[str] = set()
    for entry in wanted:
        files = _files(entry, pipeline.takes_raw)
        found = {
            key
            for scene, key in zip(scenes, keys, strict=True)
            if _is(scene, entry) or file_of(scene) in files
        }
        if not found:
            names = [str(scene.name) for scene in scenes]
            raise ConfigurationError(
                f"holdout names '{shown(entry)}', which is none of the run's scenes"
                f"{did_you_mean(entry, names)}; they are {listed(names)}"
            )
        held |= found
    return held


def _is(scene: Scene, entry: str) -> bool:
    """Whether an entry is the name of a scene, or of the picture that it is a crop of, or a glob of it."""
    names = {str(scene.name)}
    if scene.source.get("crop") is not None:
        names.add(str(scene.name).rpartition("[")[0])
    return entry in names or any(fnmatchcase(name, entry) for name in names)


def file_of(scene: Scene) -> str:
    """What names a scene's picture in settings: its file, or the chart with its size; empty for others."""
    source: Mapping[str, Any] = scene.source
    if "chart" in source:
        return "chart:{}x{}".format(*source["chart"])
    return str(source.get("file", ""))


def _files(entry: str, raw: bool) -> set[str]:
    """The files of an entry, as ``file_of`` has them; none of one that is a name."""
    try:
        return files_of(entry, raw)
    except ImageError:
        return set()

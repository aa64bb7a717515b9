"""Paths that mean the same from the start of a command to its end, whatever a plugin does to the folder."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isptune.plugins import locations
from isptune.storage.paths import names_chart, user_path

# Options of plugins whose values name files.
_FILES = ("argv", "certificate", "parameters", "profiles", "program", "reference", "target", "template")


class Place:
    """A path that is settled when it is made: a later change of the working folder does not move it.

    Args:
        path: absolute, or relative to the current folder.
    """

    def __init__(self, path: str | Path) -> None:
        self._given = Path(path)
        self._folder = _current_folder()
        self._absolute = Path(os.path.abspath(self._given)) if self._folder else self._given

    @property
    def path(self) -> Path:
        """As it was given, where that still means the same place, and absolute otherwise."""
        return self._given if _current_folder() == self._folder else self._absolute


def _current_folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        # It was removed.
        return None


def absolute_scene(source: str) -> str:
    """A scene path or glob that still means the same from another folder; ``chart`` as it is."""
    return source if names_chart(source) else str(user_path(source).absolute())


def absolute_folder(source: str) -> str:
    """An existing folder as a path that means the same from another one; other text as it is."""
    folder = user_path(source)
    return str(folder.absolute()) if source.strip() and os.path.isdir(folder) else source


def absolute_path(source: str) -> str:
    """A file or folder that is there as a path from the root; other text as it is."""
    path = user_path(source)
    return os.path.abspath(path) if source.strip() and path.exists() else source


def absolute_file(source: str) -> str:
    """An existing file, named with a folder or an ending, as a path from the root; other text as it is."""
    path = Path(source)
    named = bool(path.suffix) or os.sep in source
    return os.path.abspath(path) if named and os.path.isfile(path) else source


def settled(options: Any) -> Any:
    """Options, however deeply they are nested, that mean the same from another folder.

    Every ``checkpoint`` that is a folder becomes absolute, and so does every plugin that is named by a file,
    and the files of options such as ``reference`` that are there.
    """
    if isinstance(options, Mapping):
        return {_settled_text(key): _settled_option(key, value) for key, value in options.items()}
    if type(options) in (list, tuple):
        return type(options)(settled(value) for value in options)
    return _settled_text(options)


def _settled_option(key: str, value: Any) -> Any:
    if key == "checkpoint" and isinstance(value, str):
        return absolute_folder(value)
    if key in _FILES:
        if isinstance(value, str):
            return absolute_file(value)
        if isinstance(value, list):
            return [absolute_file(one) if isinstance(one, str) else settled(one) for one in value]
    return settled(value)


def settled_scenes(scenes: Any) -> Any:
    """Scenes as a file can name them again: paths from the root, as texts; other objects as they are."""
    if isinstance(scenes, (list, tuple)):
        return [settled_scenes(scene) for scene in scenes]
    if not isinstance(scenes, (str, Path)):
        return scenes
    path = str(user_path(scenes))
    there = os.path.lexists(path) or glob.has_magic(path)
    return absolute_scene(str(scenes)) if there else str(scenes)


def _settled_text(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = locations.absolute(value)
    return found if os.path.isfile(found.rpartition(":")[0]) else value

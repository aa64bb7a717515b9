"""Pictures that are there, for a study: scenes are folders, and each may have a reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from isptune.errors import ConfigurationError
from isptune.wording.naming import listed, natural_key
from isptune_study.picture_checks import SUFFIXES, is_hidden

_REFERENCE = "reference"
"""The name, without its suffix, of a picture that is its folder's reference."""


@dataclass(frozen=True)
class Picture:
    """A picture that a study shows.

    Attributes:
        path: of its file.
        scene: what it shows; empty where there is one scene alone.
    """

    path: Path
    scene: str


def find_study_pictures(source: Path) -> tuple[list[Picture], dict[str, Path]]:
    """The pictures of a folder; where it holds folders instead, each of them is a scene.

    Returns:
        The pictures, and by scene the one that is called ``reference`` (and a suffix), which is not compared.

    Raises:
        ConfigurationError: there is no picture that a browser shows.
    """
    if not source.is_dir():
        raise ConfigurationError(f"there is no folder '{source}'")
    found = {"": _pictures_in(source)}
    if not any(not _is_reference(path) for path in found[""]):
        folders = sorted(
            (path for path in source.iterdir() if path.is_dir() and not is_hidden(path)),
            key=lambda path: path.name,
        )
        found = {folder.name: _pictures_in(folder) for folder in folders}
    pictures = [
        Picture(path, scene) for scene, paths in found.items() for path in paths if not _is_reference(path)
    ]
    if not pictures:
        raise ConfigurationError(
            f"the folder '{source}' holds no picture; allowed: {', '.join(SUFFIXES)}, in it or in a folder "
            "for each scene"
        )
    scenes = dict.fromkeys(one.scene for one in pictures)
    references: dict[str, Path] = {}
    for scene in scenes:
        own = [path for path in found[scene] if _is_reference(path)]
        if len(own) > 1:
            raise ConfigurationError(
                f"the folder '{own[0].parent}' holds {len(own)} references "
                f"({listed([one.name for one in own])}); allowed: one"
            )
        if own:
            references[scene] = own[0]
    return pictures, references


def find_references(source: Path, scenes: Sequence[str]) -> dict[str, Path]:
    """The references of scenes by name.

    Args:
        source: a picture, where there is one scene; or a folder of pictures that are called as the scenes.
        scenes: their names.

    Raises:
        ConfigurationError: it is neither, or a scene has none there, or several.
    """
    if source.is_file():
        if len(scenes) > 1:
            raise ConfigurationError(
                f"--references is the file '{source.name}', and there are {len(scenes)} scenes; allowed: a "
                f"folder that holds a picture for each, such as {scenes[0]}.png"
            )
        _check_suffix(source)
        return {scenes[0]: source}
    if not source.is_dir():
        raise ConfigurationError(f"there is no file or folder '{source}' of --references")
    there = _pictures_in(source)
    if scenes == [""]:
        if len(there) != 1:
            raise ConfigurationError(
                f"--references holds {len(there)} pictures, and there is one scene; name the file"
            )
        return {"": there[0]}
    found = {}
    for scene in scenes:
        own = [path for path in there if path.stem == scene]
        if len(own) != 1:
            said = f"has {len(own)} pictures" if own else "has no picture"
            held = listed([path.name for path in there]) if there else "nothing"
            raise ConfigurationError(
                f"--references {said} called '{scene}', as that scene is; it holds {held}"
            )
        found[scene] = own[0]
    return found


def _is_reference(path: Path) -> bool:
    return path.stem.lower() == _REFERENCE


def _pictures_in(folder: Path) -> list[Path]:
    found = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and path.is_file() and not is_hidden(path)
    ]
    return sorted(found, key=lambda path: natural_key(path.name))


def _check_suffix(path: Path) -> None:
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigurationError(
            f"'{path.name}' is no picture that a browser shows; allowed: {', '.join(SUFFIXES)}"
        )

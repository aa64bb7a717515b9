"""What a user names as a study: its folder, its database, or a file of answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from isptune.errors import ConfigurationError
from isptune_study.answer_files import read_answers
from isptune_study.answers import Answers
from isptune_study.plates import PlatesRead, plates_of_observers
from isptune_study.storage import FILE, StudyStore

_ANSWERS = "answers.csv"


@dataclass(frozen=True, eq=False)
class Opened:
    """A study that was read.

    Attributes:
        path: what was named.
        title: of it.
        answers: all of them.
        design: by which pairs were chosen; None where a file of answers says nothing of it.
        files: by image its file, where there is one.
        references: by scene the file of its reference, where it has one.
        details: by image what it was made with, where that is known.
        plates: by observer how the colour plates were read, where there were some.
    """

    path: Path
    title: str
    answers: Answers
    design: str | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    references: Mapping[str, Path] = field(default_factory=dict)
    details: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    plates: Mapping[str, PlatesRead] = field(default_factory=dict)


def open_study(given: str, images: str | None = None) -> Opened:
    """Read a study.

    Args:
        given: a folder with ``study.sqlite`` or ``answers.csv`` in it, or a file: a database, CSV or JSON.
        images: a folder in which the images of a file of answers lie.

    Raises:
        ConfigurationError: there is none, or it cannot be read.
    """
    path = Path(given)
    if path.is_dir():
        inside = next((path / name for name in (FILE, _ANSWERS) if (path / name).is_file()), None)
        if inside is None:
            raise ConfigurationError(f"the folder '{given}' holds no study: there is no {FILE} or {_ANSWERS}")
        path = inside
    if not path.is_file():
        raise ConfigurationError(
            f"there is no file '{given}'; allowed: a study's folder, or a file of answers"
        )
    if path.suffix.lower() not in (".csv", ".json"):
        if images is not None:
            raise ConfigurationError(
                "--images is for a file of answers: a study has its images in its folder"
            )
        return _of_store(path)
    answers = read_answers(path)
    return Opened(path, path.stem, answers, files=_files(answers, Path(images or path.parent)))


def _of_store(path: Path) -> Opened:
    with StudyStore(path) as store:
        settings, images, answers = store.settings, store.images, store.read()
        plates = {answers.observers[who]: read for who, read in plates_of_observers(store).items()}
    folder = path.parent
    files = {one.name: folder / one.file for one in images}
    return Opened(
        path,
        settings.title or folder.name,
        answers,
        settings.design,
        {name: file for name, file in files.items() if file.is_file()},
        {scene: folder / file for scene, file in settings.references.items()},
        {one.name: one.details for one in images},
        plates,
    )


def _files(answers: Answers, folder: Path) -> dict[str, Path]:
    """The images that lie in a folder, in one called ``images`` in it, or by scene below either."""
    scenes = answers.scenes or ("",) * len(answers.images)
    found = {}
    for name, scene in zip(answers.images, scenes, strict=True):
        for place in (folder / name, folder / "images" / name, folder / scene / name):
            if _is_file(place):
                found[name] = place
                break
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # no system has such a name
        return False

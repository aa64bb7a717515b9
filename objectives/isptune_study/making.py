"""A new study: its images as files, its database, and how the quality of the images is spread."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isptune.errors import ConfigurationError
from isptune.storage.writing import make_folder
from isptune_study.perturbing import Perturbed, batches
from isptune_study.serving.page_settings import write_page_template
from isptune_study.storage import FILE, StudyStore
from isptune_study.study_tables import Settings, StudyImage

if TYPE_CHECKING:
    from isptune.contracts.pipeline import Pipeline

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
"""What a browser shows."""


@dataclass(frozen=True)
class Picture:
    """A picture that a study shows.

    Attributes:
        path: of its file.
        scene: what it shows; empty where there is one scene alone.
    """

    path: Path
    scene: str


def make_from_pipeline(
    folder: Path, pipeline: Pipeline, perturbed: Perturbed, settings: Settings, bits: int = 8
) -> StudyStore:
    """Render settings on every scene of a pipeline and make a study of the pictures.

    Args:
        folder: of the study; it must not exist, or be empty.
        pipeline: renders.
        perturbed: the settings.
        settings: how the study compares; golden pairs are places among the settings.
        bits: of the PNG files.

    Raises:
        ConfigurationError: the folder holds something, or the study cannot be made.
    """
    from isptune.scenes import write_image
    from isptune.tuning.renderings import reference

    _begin(folder)
    values = perturbed.values
    described = pipeline.space.to_dicts(values)
    settings.design_for(len(values))
    images: list[StudyImage] = []
    references: dict[str, str] = {}
    names = _scene_names([scene.name for scene in pipeline.scenes])
    several = len(names) > 1
    for scene, name in zip(pipeline.scenes, names, strict=True):
        number = 0
        for batch in batches(pipeline, values, scene):
            if number == 0 and pipeline.has_reference:
                pristine = reference(pipeline, scene, batch[:1])
                if pristine is not None:
                    file = f"references/{name}.png"
                    make_folder(folder / "references", ConfigurationError)
                    write_image(folder / file, pristine[0].float().cpu(), bits)
                    references[name if several else ""] = file
            for picture in batch:
                number += 1
                file = f"images/{name}-{number:04d}.png"
                write_image(folder / file, picture.float().cpu(), bits)
                details: dict[str, Any] = {
                    "parameters": described[number - 1],
                    perturbed.by: float(perturbed.qualities[number - 1]),
                }
                images.append(_image(folder, file, name if several else "", details))
    return StudyStore.create(folder / FILE, replace(settings, references=references), images)


def make_from_pictures(folder: Path, pictures: Sequence[Picture], settings: Settings) -> StudyStore:
    """Make a study of pictures that are there; they are copied as they are.

    Raises:
        ConfigurationError: the folder holds something, or the study cannot be made.
    """
    counts: dict[str, int] = {}
    for one in pictures:
        counts[one.scene] = counts.get(one.scene, 0) + 1
    for count in counts.values():
        settings.design_for(count)
    _begin(folder)
    images = []
    for one in pictures:
        inside = f"images/{one.scene}/{one.path.name}" if one.scene else f"images/{one.path.name}"
        make_folder((folder / inside).parent, ConfigurationError)
        shutil.copyfile(one.path, folder / inside)
        images.append(_image(folder, inside, one.scene, {}))
    return StudyStore.create(folder / FILE, settings, images)


def find_study_pictures(source: Path) -> list[Picture]:
    """The pictures of a folder; where it holds folders instead, each of them is a scene.

    Raises:
        ConfigurationError: there is no picture that a browser shows.
    """
    from isptune.wording.naming import natural_key

    if not source.is_dir():
        raise ConfigurationError(f"there is no folder '{source}'")

    def inside(folder: Path) -> list[Path]:
        found = [path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES]
        return sorted(found, key=lambda path: natural_key(path.name))

    pictures = [Picture(path, "") for path in inside(source)]
    if not pictures:
        folders = sorted((path for path in source.iterdir() if path.is_dir()), key=lambda path: path.name)
        pictures = [Picture(path, folder.name) for folder in folders for path in inside(folder)]
    if not pictures:
        raise ConfigurationError(
            f"the folder '{source}' holds no picture; allowed: {', '.join(_SUFFIXES)}, in it or in a folder "
            "for each scene"
        )
    return pictures


def _begin(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(f"'{folder}' exists and is not empty; a study is not written over")
    make_folder(folder / "images", ConfigurationError)
    write_page_template(folder)


def _image(folder: Path, file: str, scene: str, details: dict[str, Any]) -> StudyImage:
    digest = hashlib.sha256((folder / file).read_bytes()).hexdigest()
    name = file.removeprefix("images/")
    return StudyImage(name, scene, file, digest, details)


def _scene_names(names: Sequence[str]) -> list[str]:
    """Names of scenes as files can have them, each once."""
    plain = [
        "".join(c if c.isalnum() or c in "-_" else "-" for c in Path(name).stem) or "scene" for name in names
    ]
    twice = {name for name in plain if plain.count(name) > 1}
    return [f"{name}-{place}" if name in twice else name for place, name in enumerate(plain, start=1)]

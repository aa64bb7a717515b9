"""A new study: its images as files, its database, and how the quality of the images is spread."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isptune.errors import ConfigurationError
from isptune.storage.writing import make_folder
from isptune_study.perturbing import Perturbed, batches
from isptune_study.picture_checks import check_pictures
from isptune_study.picture_folders import Picture
from isptune_study.serving.page_settings import write_page_template
from isptune_study.storage import FILE, StudyStore
from isptune_study.study_tables import Settings, StudyImage

if TYPE_CHECKING:
    from isptune.contracts.pipeline import Pipeline


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

    settings.check([""] * len(perturbed.values))
    _begin(folder, settings)
    values = perturbed.values
    described = pipeline.space.to_dicts(values)
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


def make_from_pictures(
    folder: Path,
    pictures: Sequence[Picture],
    settings: Settings,
    references: Mapping[str, Path] | None = None,
) -> tuple[StudyStore, list[str]]:
    """Make a study of pictures that are there; they are copied as they are.

    Args:
        folder: of the study; it must not exist, or be empty.
        pictures: that are compared.
        settings: how the study compares.
        references: by scene the file of what observers may look at beside the pictures.

    Returns:
        The study, and what whoever makes it should know, sentences.

    Raises:
        ConfigurationError: the folder holds something, or the study cannot be made.
        ImageError: a picture is none, or damaged.
    """
    check_new(folder)
    settings.check(one.scene for one in pictures)
    notes = check_pictures(pictures, references or {})
    _begin(folder, settings)
    images = []
    for one in pictures:
        inside = f"images/{one.scene}/{one.path.name}" if one.scene else f"images/{one.path.name}"
        _copy(one.path, folder, inside)
        images.append(_image(folder, inside, one.scene, {}))
    held = {}
    for scene, path in (references or {}).items():
        held[scene] = f"references/{scene or 'reference'}{path.suffix.lower()}"
        _copy(path, folder, held[scene])
    return StudyStore.create(folder / FILE, replace(settings, references=held), images), notes


def check_new(folder: Path) -> None:
    """Refuse a folder that holds something.

    Raises:
        ConfigurationError: it does, or it is a file.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(f"'{folder}' exists and is not empty; a study is not written over")


def _copy(path: Path, folder: Path, inside: str) -> None:
    make_folder((folder / inside).parent, ConfigurationError)
    try:
        shutil.copyfile(path, folder / inside)
    except OSError as error:
        raise ConfigurationError(f"cannot copy '{path}' to '{folder / inside}': {error.strerror}") from error


def _begin(folder: Path, settings: Settings) -> None:
    check_new(folder)
    make_folder(folder / "images", ConfigurationError)
    write_page_template(folder, settings.title)


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

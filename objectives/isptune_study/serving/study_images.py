"""The picture files of a study: found by number, never by a path that somebody sends."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from isptune.errors import ConfigurationError
from isptune_study.serving.source import ImageFile
from isptune_study.storage import StudyStore
from isptune_study.study_tables import StudyImage

_MEDIA = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}


class StudyImages:
    """Files and sizes, each looked up once.

    Args:
        folder: of the study; no file outside of it is given.
        references: by scene the file of its reference.
        images: those that are there; later ones are found in the database.
    """

    def __init__(self, folder: Path, references: Mapping[str, str], images: Sequence[StudyImage]) -> None:
        self._folder = folder.resolve()
        self._scenes = [*references]
        self._references = [*references.values()]
        self._images = [*images]
        self._sizes: dict[str, tuple[int, int]] = {}
        self._growing = threading.Lock()

    def _image(self, number: int, store: StudyStore) -> StudyImage:
        if number >= len(self._images):
            with self._growing:
                self._images = store.images
        if not 0 <= number < len(self._images):
            raise LookupError("there is no such picture for this observer")
        return self._images[number]

    def file(self, number: int, store: StudyStore) -> ImageFile:
        image = self._image(number, store)
        path = self._inside(image.file)
        return ImageFile(path, _MEDIA[path.suffix.lower()], image.digest)

    def size(self, number: int, store: StudyStore) -> tuple[int, int]:
        """Width and height."""
        return self._size(self._image(number, store).file)

    def has_reference(self, number: int) -> bool:
        return 0 <= number < len(self._references)

    def reference_of(self, number: int, store: StudyStore) -> int | None:
        """The number of the reference of a picture's scene."""
        scene = self._image(number, store).scene
        return self._scenes.index(scene) if scene in self._scenes else None

    def reference(self, number: int) -> ImageFile:
        path = self._inside(self._references[number])
        stamp = path.stat()
        return ImageFile(
            path, _MEDIA[path.suffix.lower()], f"{number}-{stamp.st_mtime_ns:x}-{stamp.st_size:x}"
        )

    def reference_size(self, number: int) -> tuple[int, int]:
        return self._size(self._references[number])

    def _inside(self, file: str) -> Path:
        """A file of the study.

        Raises:
            ConfigurationError: the database names one elsewhere, one that is missing, or no picture.
        """
        path = (self._folder / file).resolve()
        if not path.is_relative_to(self._folder) or path.suffix.lower() not in _MEDIA:
            raise ConfigurationError(f"the study names '{file}', which is no picture in its folder")
        if not path.is_file():
            raise ConfigurationError(f"the study's picture '{file}' is missing")
        return path

    def _size(self, file: str) -> tuple[int, int]:
        if file not in self._sizes:
            try:
                with Image.open(self._inside(file)) as opened:
                    self._sizes[file] = opened.size
            except OSError:
                raise ConfigurationError(f"the study's picture '{file}' cannot be read") from None
        return self._sizes[file]

"""The picture files of a study: found by number, never by a path that somebody sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from isptune.errors import ConfigurationError
from isptune_study.picture_checks import shown_size
from isptune_study.serving.source import ImageFile
from isptune_study.study_tables import StudyImage

_MEDIA = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}

NO_PICTURE = "there is no such picture for this observer"


class StudyImages:
    """Files and sizes, each looked up once.

    Args:
        folder: of the study; no file outside of it is given.
        references: by scene the file of its reference.
        images: of the study, by their numbers.
    """

    def __init__(self, folder: Path, references: Mapping[str, str], images: Sequence[StudyImage]) -> None:
        self._folder = folder.resolve()
        self._images = images
        self._references = [*references.values()]
        scenes = [*references]
        self._reference_of = [scenes.index(one.scene) if one.scene in scenes else None for one in images]
        self._sizes: dict[str, tuple[int, int]] = {}

    def check(self) -> None:
        """Refuse a study whose pictures are not all there.

        Raises:
            ConfigurationError: one is missing, or lies elsewhere.
        """
        for file in (*(one.file for one in self._images), *self._references):
            self._inside(file)

    def file(self, number: int) -> ImageFile:
        """The file of a picture that is there."""
        image = self._images[number]
        path = self._inside(image.file)
        return ImageFile(path, _MEDIA[path.suffix.lower()], image.digest)

    def size(self, number: int) -> tuple[int, int]:
        """Width and height."""
        return self._size(self._images[number].file)

    def reference_of(self, number: int) -> int | None:
        """The number of the reference of a picture's scene."""
        return self._reference_of[number]

    def reference(self, number: int) -> ImageFile:
        """The file of a reference.

        Raises:
            LookupError: there are fewer.
        """
        if number >= len(self._references):
            raise LookupError(NO_PICTURE)
        path = self._inside(self._references[number])
        stamp = path.stat()
        digest = f"{number}-{stamp.st_mtime_ns:x}-{stamp.st_size:x}"
        return ImageFile(path, _MEDIA[path.suffix.lower()], digest)

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
                    self._sizes[file] = shown_size(opened)
            except OSError:
                raise ConfigurationError(f"the study's picture '{file}' cannot be read") from None
        return self._sizes[file]

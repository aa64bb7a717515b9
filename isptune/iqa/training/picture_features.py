"""Features of a dataset's pictures, each computed once and kept under the digest of its file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from isptune.errors import ImageError
from isptune.iqa.datasets import Dataset
from isptune.iqa.datasets.by_size import batches_by_size
from isptune.iqa.training.encoding import FeatureFiles, Progress, encoded_batches
from isptune.iqa.training.learner import Features, Learner

# Pictures of one size are encoded together up to so many pixels: ten of 256 x 192, and a large one alone.
_PIXELS_TOGETHER = 1 << 19
# Read pictures that wait for others of their size.
_WAITING_BYTES = 1 << 28
# Features that stay in memory; what is beyond is read from disk again.
_KEPT_BYTES = 1 << 29


class PictureFeatures:
    """What a learner's ``encode`` gives for pictures of a dataset.

    Each file's features are a safetensors file in a folder whose name changes with the learner's
    ``encoding``, under the SHA-256 of the picture's file. So equal pictures are encoded once, a changed
    picture is encoded anew, and a stopped run continues where it stopped.

    Args:
        learner: on ``device`` already.
        dataset: the pictures.
        indices: which of them; all are encoded at once, as far as they are not kept yet.
        folder: where features are kept; only in memory if None.
        device: where to encode.
        progress: called with pictures done and their number.

    Raises:
        ImageError: a picture cannot be read. The others are encoded and kept all the same.
    """

    def __init__(
        self,
        learner: Learner,
        dataset: Dataset,
        indices: Sequence[int],
        folder: str | Path | None = None,
        device: torch.device | str = "cpu",
        progress: Progress | None = None,
    ) -> None:
        self._dataset = dataset
        self._files = None if folder is None else FeatureFiles(folder, learner.encoding())
        self._memory: dict[str, Features] = {}
        self._bytes = 0
        self._digests: dict[int, str] = {}
        self._failures: list[ImageError] = []
        self._done, self._count, self._progress = 0, len(indices), progress
        for keys, features in encoded_batches(learner, self._batches(indices), device):
            for row, key in enumerate(keys):
                self._keep(key, {name: value[row : row + 1].cpu() for name, value in features.items()})
                self._tell()
        if self._failures:
            more = len(self._failures) - 1
            raise ImageError(
                f"{self._failures[0]}" + (f" (and {more} more cannot be read either)" if more else "")
            )

    def __getitem__(self, indices: Sequence[int]) -> Features:
        """The features of pictures as one batch, in the order given."""
        parts = [self._of(self._digests[index]) for index in indices]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def _batches(self, indices: Sequence[int]) -> Iterator[tuple[list[str], Features]]:
        """Pictures that lack features, of one size at a time."""
        for batch in batches_by_size(
            self._lacking(indices), lambda height, width: _PIXELS_TOGETHER // (height * width), _WAITING_BYTES
        ):
            yield [key for key, _ in batch], {"images": torch.stack([image for _, image in batch])}

    def _lacking(self, indices: Sequence[int]) -> Iterator[tuple[str, Tensor]]:
        asked: set[str] = set()
        for index in indices:
            try:
                key = self._digest(index)
                self._digests[index] = key
                image = None if key in asked or self._has(key) else self._dataset.image(index)
            except ImageError as error:
                self._failures.append(error)
                image = None
            if image is None:
                self._tell()
            else:
                asked.add(key)
                yield key, image

    def _has(self, key: str) -> bool:
        return self._files is not None and key in self._files

    def _digest(self, index: int) -> str:
        try:
            with open(self._dataset.records[index].path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            # The reader has a better sentence for a file that cannot be opened.
            self._dataset.image(index)
            raise

    def _tell(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._count)

    def _keep(self, key: str, features: Features) -> None:
        size = sum(value.nbytes for value in features.values())
        if self._files is None or self._bytes + size <= _KEPT_BYTES:
            self._bytes += size
            self._memory[key] = features
        if self._files is not None and key not in self._files:
            self._files[key] = features

    def _of(self, key: str) -> Features:
        if key not in self._memory:
            assert self._files is not None
            found = self._files[key]
            self._keep(key, found)
            return found
        return self._memory[key]

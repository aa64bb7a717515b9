"""Features of a dataset's pictures, each computed once and kept under the digest of its file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from isptune.errors import ImageError
from isptune.iqa.datasets import Dataset
from isptune.iqa.training.encoding import encoded_batches
from isptune.iqa.training.learner import Features, Learner
from isptune.storage.writing import make_folder, write_whole

Progress = Callable[[int, int], None]

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
    picture is encoded anew, and a stopped run goes on where it was.

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
        self._folder: Path | None = None
        if folder is not None:
            facts = json.dumps(learner.encoding(), sort_keys=True, default=str)
            self._folder = Path(folder) / hashlib.sha256(facts.encode()).hexdigest()[:16]
            make_folder(self._folder)
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
        queues: dict[tuple[int, ...], list[tuple[str, Tensor]]] = {}
        asked: set[str] = set()

        def flush(size: tuple[int, ...]) -> tuple[list[str], Features]:
            queue = queues.pop(size)
            return [key for key, _ in queue], {"images": torch.stack([image for _, image in queue])}

        for index in indices:
            try:
                key = self._digest(index)
                self._digests[index] = key
                if key in asked or (self._folder is not None and self._file(key).exists()):
                    self._tell()
                    continue
                image = self._dataset.image(index)
            except ImageError as error:
                self._failures.append(error)
                self._tell()
                continue
            asked.add(key)
            size = tuple(image.shape[1:])
            queue = queues.setdefault(size, [])
            queue.append((key, image))
            if (len(queue) + 1) * size[0] * size[1] > _PIXELS_TOGETHER:
                yield flush(size)
            elif sum(picture.nbytes for queue in queues.values() for _, picture in queue) > _WAITING_BYTES:
                yield flush(max(queues, key=lambda one: len(queues[one])))
        for size in list(queues):
            yield flush(size)

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

    def _file(self, key: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{key}.safetensors"

    def _keep(self, key: str, features: Features) -> None:
        self._remember(key, features)
        if self._folder is None:
            self._memory[key] = features
            return
        from safetensors.torch import save

        # Another process may encode the same picture.
        write_whole(self._file(key), save({name: value.contiguous() for name, value in features.items()}))

    def _remember(self, key: str, features: Features) -> None:
        size = sum(value.nbytes for value in features.values())
        if self._bytes + size <= _KEPT_BYTES:
            self._bytes += size
            self._memory[key] = features

    def _of(self, key: str) -> Features:
        found = self._memory.get(key)
        if found is None:
            from safetensors.torch import load_file

            found = load_file(self._file(key))
            self._remember(key, found)
        return found

"""Features of a frozen host, computed once and kept on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from isptune.iqa.training.batch_source import Batch, Source
from isptune.iqa.training.encoding import encoded_batches
from isptune.iqa.training.learner import Features, Learner
from isptune.storage.writing import make_folder, write_whole

_TARGETS, _CONTENTS = "isptune.targets", "isptune.contents"

Progress = Callable[[int, int], None]


class CachedSource:
    """A source whose first ``count`` batches go through the learner's ``encode`` once; then they come again.

    Each batch is a safetensors file in ``folder``, under a name that changes with the learner's ``encoding``
    and with the data, so that nothing stale is read and a killed run goes on where it was.

    Args:
        learner: its ``encode`` makes the features; on ``device`` already.
        source: gives the batches of images.
        folder: where the files go.
        count: batches for training; those of the validation are kept as well.
        device: where to encode.
        progress: called with batches done and their number.
    """

    def __init__(
        self,
        learner: Learner,
        source: Source,
        folder: str | Path,
        count: int,
        device: torch.device | str = "cpu",
        progress: Progress | None = None,
    ) -> None:
        self._source, self._count = source, count
        self.steps_per_epoch = count
        facts = {"encoding": learner.encoding(), "data": source.describe()}
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:16]
        self._folder = Path(folder) / digest
        make_folder(self._folder)
        self._validation = 0
        for (name, batch, step), features in encoded_batches(learner, self._lacking(progress), device):
            self._keep(name, batch, features)
            if progress is not None and step:
                progress(step, count)

    def _lacking(self, progress: Progress | None) -> Iterator[tuple[tuple[str, Batch, int], Features]]:
        """The batches that are not kept yet, with their names and the number of training batches by then."""
        for index in range(self._count):
            name = f"training-{index:06d}"
            if not self._path(name).exists():
                batch = self._source.batch(index)
                yield (name, batch, index + 1), batch.features
            elif progress is not None:
                progress(index + 1, self._count)
        for batch in self._source.validation():
            name = f"validation-{self._validation:06d}"
            self._validation += 1
            if not self._path(name).exists():
                yield (name, batch, 0), batch.features

    def batch(self, step: int) -> Batch:
        return self._read(f"training-{step % self._count:06d}")

    def validation(self) -> Iterator[Batch]:
        for index in range(self._validation):
            yield self._read(f"validation-{index:06d}")

    def describe(self) -> dict[str, Any]:
        return {**self._source.describe(), "batches": self._count}

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.safetensors"

    def _keep(self, name: str, batch: Batch, features: Features) -> None:
        from safetensors.torch import save

        kept: dict[str, Tensor] = {key: value.cpu().contiguous() for key, value in features.items()}
        kept |= {_TARGETS: batch.targets.contiguous(), _CONTENTS: batch.contents.contiguous()}
        write_whole(self._path(name), save(kept))

    def _read(self, name: str) -> Batch:
        from safetensors.torch import load_file

        kept = load_file(self._path(name))
        targets, contents = kept.pop(_TARGETS), kept.pop(_CONTENTS)
        return Batch(kept, targets, contents)

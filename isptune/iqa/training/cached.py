"""Features of a frozen host, computed once and kept on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from isptune.iqa.training.batch_source import Batch, Source
from isptune.iqa.training.encoding import FeatureFiles, Progress, encoded_batches
from isptune.iqa.training.learner import Features, Learner

_TARGETS, _CONTENTS = "isptune.targets", "isptune.contents"


class CachedSource:
    """A source whose first ``count`` batches go through the learner's ``encode`` once; then they come again.

    Each batch is a safetensors file in ``folder``, under a name that changes with the learner's ``encoding``
    and with the data, so that nothing stale is read and a killed run continues where it stopped.

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
        self._files = FeatureFiles(folder, {"encoding": learner.encoding(), "data": source.describe()})
        self._validation = 0
        for (name, batch, step), features in encoded_batches(learner, self._lacking(progress), device):
            kept = {key: value.cpu() for key, value in features.items()}
            self._files[name] = {**kept, _TARGETS: batch.targets, _CONTENTS: batch.contents}
            if progress is not None and step:
                progress(step, count)

    def _lacking(self, progress: Progress | None) -> Iterator[tuple[tuple[str, Batch, int], Features]]:
        """The batches that are not kept yet, with their names and the number of training batches by then."""
        for index in range(self._count):
            name = f"training-{index:06d}"
            if name not in self._files:
                batch = self._source.batch(index)
                yield (name, batch, index + 1), batch.features
            elif progress is not None:
                progress(index + 1, self._count)
        for batch in self._source.validation():
            name = f"validation-{self._validation:06d}"
            self._validation += 1
            if name not in self._files:
                yield (name, batch, 0), batch.features

    def batch(self, step: int) -> Batch:
        return self._read(f"training-{step % self._count:06d}")

    def validation(self) -> Iterator[Batch]:
        for index in range(self._validation):
            yield self._read(f"validation-{index:06d}")

    def describe(self) -> dict[str, Any]:
        return {**self._source.describe(), "batches": self._count}

    def _read(self, name: str) -> Batch:
        kept = self._files[name]
        targets, contents = kept.pop(_TARGETS), kept.pop(_CONTENTS)
        return Batch(kept, targets, contents)

"""Batches from a data set with opinions (MOS)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from isptune.errors import ConfigurationError
from isptune.iqa.datasets import Dataset
from isptune.iqa.training.batch_source import Batch
from isptune.iqa.training.encoding import Progress
from isptune.iqa.training.learner import Learner
from isptune.iqa.training.picture_features import PictureFeatures

# After so many passes the orders come again.
_ORDERS = 10


class OpinionSource:
    """Pictures and opinions of a data set, a permutation of the training part after the other.

    Targets are opinions scaled into [0, 1] by the range of the data set, or of its training part where the
    data set states none. Pictures of a batch may be of unlike sizes: each goes through the learner's
    ``encode`` once, at the start, so only learners with a frozen host can be trained on them.

    Args:
        learner: its ``encode`` makes features of every picture.
        dataset: the pictures and opinions.
        training, validation: indices of the two parts.
        batch_size: pictures in a batch.
        seed: of the permutations.
        device: where to encode.
        cache: a folder where features are kept; only in memory if None.
        progress: called with encoded pictures and their number.

    Raises:
        ImageError: a picture cannot be read.
        ConfigurationError: a part has too few pictures, all opinions are equal, or the learner keeps no
            features.
    """

    def __init__(
        self,
        learner: Learner,
        dataset: Dataset,
        training: list[int],
        validation: list[int],
        batch_size: int = 32,
        seed: int = 0,
        device: torch.device | str = "cpu",
        cache: str | Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        if not learner.caches_features:
            raise ConfigurationError(
                f"the learner '{learner.name}' has no frozen host and is trained on crops of one size: "
                "--data synthetic"
            )
        for what, indices, least in (("training", training, 2), ("validation", validation, 1)):
            if len(indices) < least:
                raise ConfigurationError(
                    f"the {what} part of '{dataset.name}' has {len(indices)} of its {len(dataset)} pictures; "
                    f"at least {least} {'are' if least > 1 else 'is'} needed"
                )
        self._dataset = dataset
        self._training, self._validation = training, validation
        self._size, self._seed = min(batch_size, len(training)), seed
        mos = dataset.mos.to(torch.float32)
        part = mos[training]
        low, high = dataset.mos_range or (float(part.min()), float(part.max()))
        if not high > low:
            raise ConfigurationError(
                f"all opinions of '{dataset.name}' are {low:g}: there is nothing to learn"
            )
        scaled = (mos - low) / (high - low)
        same = dataset.higher_is_better == learner.higher_is_better
        self._targets: Tensor = scaled if same else 1 - scaled
        names = sorted({record.content for record in dataset.records})
        numbers = {name: index for index, name in enumerate(names)}
        self._contents = torch.tensor([numbers[record.content] for record in dataset.records])
        self.steps_per_epoch = len(training) // self._size
        self._features = PictureFeatures(learner, dataset, [*training, *validation], cache, device, progress)

    def batch(self, step: int) -> Batch:
        epoch, place = divmod(step % (_ORDERS * self.steps_per_epoch), self.steps_per_epoch)
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + epoch)
        order = torch.randperm(len(self._training), generator=generator)
        chosen = order[place * self._size : (place + 1) * self._size].tolist()
        return self._make([self._training[index] for index in chosen])

    def validation(self) -> Iterator[Batch]:
        for start in range(0, len(self._validation), self._size):
            yield self._make(self._validation[start : start + self._size])

    def describe(self) -> dict[str, Any]:
        """Plain data that changes with anything that changes the batches."""
        records = self._dataset.records
        return {
            "dataset": self._dataset.name,
            "training": [records[index].name for index in self._training],
            "validation": [records[index].name for index in self._validation],
            "batch_size": self._size,
            "seed": self._seed,
            "batches": _ORDERS * self.steps_per_epoch,
        }

    def _make(self, indices: list[int]) -> Batch:
        return Batch(self._features[indices], self._targets[indices], self._contents[indices])

"""Where batches come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from isptune.iqa.training.learner import Features


@dataclass(frozen=True)
class Batch:
    """Samples of a step.

    Attributes:
        features: what the learner's ``encode`` gave, or the images as ``{"images": (N, 3, H, W)}``.
        targets: (N,) or (N, K), in the orientation of the learner's scores.
        contents: (N,) integers: samples of one pristine content share one.
    """

    features: Features
    targets: Tensor
    contents: Tensor


class Source(Protocol):
    """Gives the batch of any step by itself, so that a resumed training sees what an unbroken one sees."""

    steps_per_epoch: int

    def batch(self, step: int) -> Batch:
        """The batch of a step, the same on every call."""

    def validation(self) -> Iterator[Batch]:
        """Batches of contents that `batch` never gives."""

    def describe(self) -> dict[str, Any]:
        """Plain data that changes with anything that changes the batches."""

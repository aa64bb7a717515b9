"""The contract of a pipeline of which tasks with known answers can be drawn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor

from isptune.contracts.pipeline import Pipeline


class Simulated(ABC):
    """A mixin of pipelines that can be drawn at random with their answers, so that a network learns to tune.

    Training alone asks for answers; whatever tunes never sees them::

        class MyCamera(isptune.contracts.simulated.Simulated, isptune.Pipeline): ...
    """

    @abstractmethod
    def simulated(self, pictures: Sequence[Tensor] | None, seed: int) -> Pipeline:
        """A pipeline of the same parameters, with what is hidden drawn by the seed; it is ``Simulated`` too.

        Args:
            pictures: (3, H, W) in [0, 1], what its scenes show; None for the scenes of this one.
            seed: another seed, another task.
        """

    @abstractmethod
    def answer(self) -> Tensor:
        """(1, n) parameter values that suit its scenes best."""

"""The contract of what suggests candidates to begin a search with, from a look at the pipeline."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from isptune.contracts.pipeline import Pipeline


class Suggesting(ABC):
    """A mixin of learners whose checkpoints ``isptune tune --proposer`` takes.

    Attributes:
        probes: how many renderings of each scene it looks at.
    """

    probes: int

    @abstractmethod
    def suggestions(self, pipeline: Pipeline, count: int) -> tuple[Tensor, Tensor]:
        """Candidates that may suit the pipeline's scenes, and what was rendered to find them.

        It may call ``render`` and nothing else that a search could not: no truth, no answer, no reference.

        Args:
            pipeline: with its scenes.
            count: how many candidates are wanted.

        Returns:
            (count, n) parameter values, the most promising first, and (P, n) those of the probes, which are
            candidates of the search as well, so that the budget counts them.

        Raises:
            ConfigurationError: it was not trained for this pipeline.
        """

"""What the package's own optimizers share: ``ask`` and ``tell`` in strict alternation on whole batches."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from isptune.errors import ConfigurationError
from isptune.optimizer import Candidates, Optimizer, Steps
from isptune.optimizers._repeats import Repeats


class BatchOptimizer(Optimizer):
    """An optimizer whose subclass writes ``propose`` and ``learn`` and needs no checks of its own.

    Raises (from ``ask`` and ``tell``):
        ConfigurationError: two ``ask`` without a ``tell`` between them, a ``tell`` without an ``ask``,
            wrong shapes, a NaN loss, missing gradients, another number of objectives than before, or
            candidates other than those asked for.
    """

    avoids_repeats: ClassVar[bool] = True

    _repeats: Repeats | None = None
    _asked: Candidates | None = None
    _objectives: int | None = None

    @abstractmethod
    def propose(self) -> Candidates:
        """The next batch, (P, n) float64 in [0, 1]; the base class hands out a copy.

        Where the class ``avoids_repeats`` and the space has steps, candidates that were asked for before are
        moved in that copy: ``learn`` gets what was evaluated.
        """

    @abstractmethod
    def learn(self, candidates: Candidates, losses: Candidates, gradients: Candidates | None) -> None:
        """Take the checked losses, free of NaN, of the batch that ``propose`` gave.

        They are (P,); where the class ``is_multi_objective`` they are (P, K) of two or more objectives, or
        (P,) of one.
        """

    def know(self, steps: Steps) -> None:
        """Take what may be known of a space with steps, before the first ``ask``."""
        super().know(steps)
        if self.avoids_repeats:
            self._repeats = Repeats(steps, self.seed)

    def ask(self) -> Candidates:
        """The next batch: (P, n) float64 in [0, 1]."""
        if self._asked is not None:
            raise ConfigurationError(
                f"the optimizer '{self._label}' was asked twice; tell it the losses of the first batch before"
            )
        self._asked = self.propose()
        if self._repeats is not None:
            self._asked = self._repeats.moved(self._asked)
        return self._asked.copy()

    def tell(self, candidates: ArrayLike, losses: ArrayLike, gradients: ArrayLike | None = None) -> None:
        """Take the losses of the batch that ``ask`` gave, and its gradients (P, n) where needed."""
        points, values = self.checked(candidates, losses)
        slopes = self._checked_gradients(gradients) if self.needs_gradient else None
        if self._asked is None:
            raise ConfigurationError(
                f"the optimizer '{self._label}' was told losses before it was asked for candidates"
            )
        if not np.array_equal(points, self._asked):
            raise ConfigurationError(
                f"the optimizer '{self._label}' was told other candidates than the ones it was asked for"
            )
        count = 1 if values.ndim == 1 else values.shape[1]
        if self._objectives not in (None, count):
            raise ConfigurationError(
                f"the optimizer '{self._label}' was told {self._objectives} losses per candidate before and "
                f"{count} now; the number of objectives stays the same throughout a run"
            )
        self._objectives = count
        values = values[:, 0] if values.ndim == 2 and count == 1 else values
        asked, self._asked = self._asked, None
        self.learn(asked, values, slopes)

    @property
    def _label(self) -> str:
        return self.name or type(self).__name__

    def _checked_gradients(self, gradients: ArrayLike | None) -> Candidates:
        wanted = (self.population, self.dimension)
        if gradients is None:
            raise ConfigurationError(
                f"the optimizer '{self._label}' needs the gradients of the losses, of the shape {wanted}"
            )
        slopes = np.asarray(gradients, dtype=np.float64)
        if slopes.shape != wanted:
            raise ConfigurationError(
                f"the optimizer '{self._label}' must be told gradients of the shape {wanted}, "
                f"got {slopes.shape}"
            )
        return slopes


def require_pairs(name: str, population: int, instead: str) -> None:
    """Refuse a population of one with a ConfigurationError, for methods that compare candidates.

    Args:
        name: of the method.
        population: that was asked for.
        instead: the optimizers that work with one candidate at a time, for the message.
    """
    if population < 2:
        raise ConfigurationError(
            f"the population of '{name}' is {population}, and the smallest that it works with is 2; "
            f"for one candidate at a time choose {instead}"
        )


def latin_hypercube(generator: np.random.Generator, count: int, dimension: int) -> Candidates:
    """(count, dimension) points, of which each coordinate has one in each of ``count`` equal strata."""
    strata = np.stack([generator.permutation(count) for _ in range(dimension)], axis=1)
    return (strata + generator.random(strata.shape)) / count

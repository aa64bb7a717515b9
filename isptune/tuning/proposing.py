"""An optimizer as the loop drives it: every batch checked, every answer checked, no values proposed twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from isptune.contracts.free_space import Candidates
from isptune.contracts.optimizer import Optimizer
from isptune.errors import ConfigurationError, IsptuneError
from isptune.tuning.repeats import Repeats


class Proposer:
    """Asks an optimizer for candidates and tells it their losses, in strict alternation on whole batches.

    Args:
        optimizer: a fresh one, which nobody else drives.

    Example:
        >>> import isptune
        >>> proposer = Proposer(isptune.create_optimizer("es", space=2, population=4))
        >>> candidates = proposer.ask()
        >>> proposer.tell(candidates, (candidates**2).sum(axis=1, keepdims=True))
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        space = optimizer.space
        self._repeats = None if space.is_continuous else Repeats(space, optimizer.seed)
        self._asked: Candidates | None = None
        self._objectives: int | None = None

    def ask(self, logged: Candidates | None = None) -> Candidates:
        """The next batch: (P, n) float64 in [0, 1], the caller's own.

        Args:
            logged: what a log says that it was, for methods that need not plan it again.

        Raises:
            ConfigurationError: there was no ``tell`` since the last ``ask``.
            IsptuneError: the optimizer proposed what no candidates can be.
        """
        if self._asked is not None:
            raise ConfigurationError(
                f"{self._whose} was asked twice; tell it the losses of the first batch before"
            )
        batch = self._proposed(logged)
        if self._repeats is not None and self.optimizer.avoids_repeats:
            batch = self._repeats.moved(batch)
        self._asked = batch.copy()
        return batch

    def tell(self, candidates: ArrayLike, losses: ArrayLike, gradients: ArrayLike | None = None) -> None:
        """Have the optimizer learn from the losses of the batch that ``ask`` gave.

        Args:
            candidates: (P, n), what ``ask`` returned.
            losses: (P, K), lower is better, +inf for a candidate that failed.
            gradients: (P, n), the losses' gradients in the unit cube, where the optimizer needs them.

        Raises:
            ConfigurationError: a ``tell`` without an ``ask``, wrong shapes, a NaN loss, missing gradients,
                another number of objectives than before, or candidates other than those asked for.
        """
        points, values = self._checked(candidates, losses)
        slopes = self._checked_gradients(gradients) if self.optimizer.needs_gradient else None
        if self._asked is None:
            raise ConfigurationError(f"{self._whose} was told losses before it was asked for candidates")
        if not np.array_equal(points, self._asked):
            raise ConfigurationError(
                f"{self._whose} was told other candidates than the ones it was asked for"
            )
        count = values.shape[1]
        if self._objectives not in (None, count):
            raise ConfigurationError(
                f"{self._whose} was told {self._objectives} losses per candidate before and {count} now; "
                "the number of objectives stays the same throughout a run"
            )
        self._objectives = count
        asked, self._asked = self._asked, None
        self.optimizer.learn(asked, values, slopes)

    @property
    def _whose(self) -> str:
        return f"the optimizer '{self.optimizer.called}'"

    @property
    def _shape(self) -> tuple[int, int]:
        return self.optimizer.population, self.optimizer.space.dimension

    def _proposed(self, logged: Candidates | None) -> Candidates:
        """A copy of what the optimizer proposes, refused where it is no batch."""
        batch = self.optimizer.propose() if logged is None else self.optimizer.recall(logged.copy())
        what = f"{self._whose} proposed"
        if not isinstance(batch, np.ndarray):
            raise IsptuneError(f"{what} a {type(batch).__name__}; expected: a numpy array")
        if batch.shape != self._shape:
            raise IsptuneError(
                f"{what} the shape {batch.shape}; expected: {self._shape}, a whole batch with one candidate "
                "a row"
            )
        if batch.dtype != np.float64:
            raise IsptuneError(f"{what} {batch.dtype}; expected: float64")
        wrong = ~((batch >= 0.0) & (batch <= 1.0))
        if wrong.any():
            row, column = (int(place) for place in np.argwhere(wrong)[0])
            value = "NaN" if np.isnan(batch[row, column]) else f"{batch[row, column]:.17g}"
            raise IsptuneError(
                f"{what} {value} for '{self.optimizer.space.names[column]}' of candidate {row}; "
                "expected: 0 to 1"
            )
        return batch.copy()

    def _checked(self, candidates: ArrayLike, losses: ArrayLike) -> tuple[Candidates, Candidates]:
        points = np.asarray(candidates, dtype=np.float64)
        values = np.array(losses, dtype=np.float64)
        population = self.optimizer.population
        several = self.optimizer.is_multi_objective
        fits = values.ndim == 2 and len(values) == population
        fits = fits and (values.shape[1] > 0 if several else values.shape[1] == 1)
        if points.shape != self._shape or not fits:
            allowed = f"({population}, {'K' if several else 1})"
            raise ConfigurationError(
                f"{self._whose} must be told candidates of the shape {self._shape} and losses of the shape "
                f"{allowed}, got {points.shape} and {values.shape}"
            )
        if np.isnan(values).any():
            raise ConfigurationError("a loss is NaN; a candidate that failed has the loss +inf")
        return points, values

    def _checked_gradients(self, gradients: ArrayLike | None) -> Candidates:
        if gradients is None:
            raise ConfigurationError(
                f"{self._whose} needs the gradients of the losses, of the shape {self._shape}"
            )
        slopes = np.array(gradients, dtype=np.float64)
        if slopes.shape != self._shape:
            raise ConfigurationError(
                f"{self._whose} must be told gradients of the shape {self._shape}, got {slopes.shape}"
            )
        return slopes

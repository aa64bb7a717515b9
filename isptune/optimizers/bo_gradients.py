"""Model-based search that learns from gradients as well."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from isptune.contracts.free_space import Candidates, FreeSpace
from isptune.optimizers._promise import Model
from isptune.optimizers._sloped import SlopedSurrogate
from isptune.optimizers.bo import ModelSearch


class GradientModelSearch(ModelSearch):
    """``bo`` with gradients: each evaluation tells the model a loss and n slopes; needs gradients.

    All is as in ``bo``, but for the Gaussian process, which is fitted to the losses and to their gradients
    together (Solak et al. 2003): as many numbers as n + 1 evaluations without gradients would give. It finds
    its way where a loss has many valleys, in which ``adam`` stays in the first one.

    Each candidate costs a forward and a backward pass, about three evaluations without gradients.

    Args:
        space: the n parameters, or their number; all real.
        population: the number P of candidates in a batch, 2 by default.
        seed: the only source of randomness (PCG64).
        budget: the first batches take at most a third of it.
        starts: the first candidates.
        initial: how many candidates are evaluated before the first model; the parameters, if None.

    Raises:
        ConfigurationError: an option outside its range.

    Example:
        >>> optimizer = GradientModelSearch(space=2, population=4, seed=0)
        >>> for _ in range(3):
        ...     candidates = optimizer.propose()
        ...     offset = candidates - 0.4
        ...     losses = (offset**2).sum(axis=1, keepdims=True)
        ...     optimizer.learn(candidates, losses, 2.0 * offset)
        >>> bool(losses.min() < 1e-4)
        True
    """

    default_population: ClassVar[int] = 2
    needs_gradient: ClassVar[bool] = True
    is_multi_objective: ClassVar[bool] = False
    learns_from_labels: ClassVar[bool] = False

    def __init__(
        self,
        space: FreeSpace | int,
        population: int | None = None,
        seed: int = 0,
        budget: int | None = None,
        starts: ArrayLike | None = None,
        initial: Annotated[int, Field(ge=2)] | None = None,
    ) -> None:
        super().__init__(space, population, seed, budget, starts, initial)
        self._gradients: Candidates = np.empty((0, self.dimension))

    @property
    def _usual(self) -> int:
        return max(self.dimension, 4)

    def learn(self, candidates: Candidates, losses: Candidates, gradients: Candidates | None = None) -> None:
        """Remember losses and gradients."""
        assert gradients is not None
        super().learn(candidates, losses)
        self._gradients = np.concatenate([self._gradients, gradients])

    def _models(self, chosen: NDArray[np.intp]) -> list[Model]:
        losses = np.clip(self._losses[chosen, 0], -1e300, 1e300)
        return [SlopedSurrogate(self._points[chosen], losses, self._gradients[chosen])]

"""Random search: the baseline that every other optimizer has to beat."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from isptune.contracts.free_space import Candidates, FreeSpace
from isptune.contracts.optimizer import Optimizer
from isptune.optimizers._batch import check_own


class RandomSearch(Optimizer):
    """Candidates drawn from the unit cube without regard to the losses, the baseline.

    Args:
        space: the n parameters, or their number where all are real.
        population: the number P of candidates in a batch, 30 by default.
        seed: the only source of randomness.
        budget: not used.
        starts: evaluated in the first batch, in place of draws.
        sampler: ``"uniform"`` for independent uniform draws; ``"sobol"`` for one scrambled Sobol sequence
            over the whole run, which fills the cube more evenly (Sobol 1967; Owen 1998; needs scipy).

    Example:
        >>> optimizer = RandomSearch(space=2, population=4, seed=0, sampler="sobol")
        >>> optimizer.propose().shape
        (4, 2)
    """

    avoids_repeats = True

    def __init__(
        self,
        space: FreeSpace | int,
        population: int | None = None,
        seed: int = 0,
        budget: int | None = None,
        starts: ArrayLike | None = None,
        sampler: Literal["uniform", "sobol"] = "uniform",
    ) -> None:
        super().__init__(space, population, seed, budget, starts)
        check_own("random", RandomSearch, sampler=sampler)
        self._generator = np.random.Generator(np.random.PCG64(self.seed))
        self._begun = False
        self._sequence: Any = None
        if sampler == "sobol":
            # scipy takes half a second to import, which `isptune list` should not pay.
            from scipy.stats import qmc

            self._sequence = qmc.Sobol(self.dimension, scramble=True, seed=self._generator)

    def propose(self) -> Candidates:
        """The next P draws."""
        if self._begun:
            return self._drawn()
        self._begun = True
        return self.begun(self._drawn())

    def _drawn(self) -> Candidates:
        if self._sequence is None:
            return self._generator.random((self.population, self.dimension))
        with warnings.catch_warnings():
            # A batch need not be a power of two long: the sequence goes on from batch to batch.
            warnings.simplefilter("ignore", UserWarning)
            return np.asarray(self._sequence.random(self.population), dtype=np.float64)

    def learn(self, candidates: Candidates, losses: Candidates, gradients: Candidates | None = None) -> None:
        """Nothing: the draws do not depend on the losses."""

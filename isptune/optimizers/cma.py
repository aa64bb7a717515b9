"""CMA-ES with a diagonal covariance matrix, on pycma, in whole batches."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isptune.contracts.requirements import Packaging
from isptune.optimizer import Candidates
from isptune.optimizers._batch import BatchOptimizer
from isptune.optimizers._isolation import Isolation
from isptune.optimizers.nevergrad import FiniteLosses, NevergradOptimizer, method_class

# What pycma's numbers are counted in: sixths of a parameter's range from its centre.
_CENTRE, _UNIT = 0.5, 1.0 / 6.0


class CMA(BatchOptimizer):
    """CMA-ES with a diagonal covariance matrix (Ros and Hansen 2008), on pycma.

    It is the best of Nevergrad's CMA variants on hidden maps of the kind that the synthetic pipeline has:
    with the mean normalised distortion itself as the objective and 1,500 evaluations, it ended lower than
    the full matrix (``nevergrad:OldCMA``) on uncoupled maps and about as low on coupled ones, and it was
    ahead at half of the budget on both.

    The search starts in the centre with steps of a twentieth of the range (a fortieth from 18 parameters
    on), is clipped at the bounds, and starts anew in the centre where pycma finds that it has converged. One
    generation of it is a batch, or as many batches as 4 + 3 ln n candidates need. The proposals are those
    of ``nevergrad:DiagonalCMA`` with the same seed wherever a batch has that many candidates, without
    Nevergrad's own 0.7 ms a candidate. A loss of +inf is passed on as a finite one that is worse than all
    seen so far.

    With several losses per candidate it is ``nevergrad:DiagonalCMA`` itself, which is told minus the volume
    that the front would dominate with the candidate.

    Args:
        dimension: the number n of parameters. The search gets a second, unused one where it is 1.
        population: the number P of candidates in a batch, 30 by default.
        seed: the only source of randomness.
        budget: not used.

    Raises:
        IsptuneError: pycma itself raised.
    """

    is_multi_objective = True
    packaging = Packaging(requires=("cma",))

    def __init__(
        self, dimension: int, population: int | None = None, seed: int = 0, budget: int | None = None
    ) -> None:
        super().__init__(dimension, population, seed, budget)
        self._isolation = Isolation(self.seed, "pycma")
        self._losses = FiniteLosses()
        self._search: Any = None
        # Of the current generation: points that wait to be handed out, and those whose losses are known,
        # in the units of the search.
        self._waiting: list[NDArray[np.float64]] = []
        self._points: list[NDArray[np.float64]] = []
        self._values: list[float] = []
        self._several: NevergradOptimizer | None = None

    def propose(self) -> Candidates:
        """The next P points of the search, clipped to the unit cube."""
        if self._several is not None:
            return self._several.propose()
        if not self._waiting:
            with self._isolation.running():
                if self._search is None or self._search.stop():
                    self._search = self._begin()
                self._waiting = self._search.ask()
        batch, self._waiting = self._waiting[: self.population], self._waiting[self.population :]
        cube = np.clip(_UNIT * (np.array(batch) + _CENTRE / _UNIT), 0.0, 1.0)
        # The search is told where its points were clipped to, and the unused coordinate of one alone.
        self._points.extend((cube - _CENTRE) / _UNIT)
        return cube[:, : self.dimension].copy()

    def learn(self, candidates: Candidates, losses: Candidates, gradients: Candidates | None) -> None:
        """Tell pycma a generation as soon as it is complete."""
        if losses.ndim == 2 and self._several is None:
            # Both begin alike, so that Nevergrad can take over before anything was told.
            self._several = method_class("DiagonalCMA")(
                self.dimension, self.population, self.seed, self.budget
            )
            same = (self._several.propose() == candidates).all(axis=1)
            # Nevergrad is not told of what was moved: it knows only what it proposed.
            self._several.forget(~same)
            candidates, losses = candidates[same], losses[same]
            # From here on it is Nevergrad's own candidates that are evaluated.
            self._repeats = None
        if self._several is not None:
            self._several.learn(candidates, losses, gradients)
            return
        self._values.extend(self._losses.finite(losses).tolist())
        moved = (candidates - _CENTRE) / _UNIT
        for point, where in zip(self._points[-len(moved) :], moved, strict=True):
            point[: self.dimension] = where
        if not self._waiting:
            with self._isolation.running():
                self._search.tell(self._points, self._values)
            self._points, self._values = [], []

    def _begin(self) -> Any:
        # Importing pycma takes a second.
        import cma

        size = max(2, self.dimension)
        least = 4 + int(3 * math.log(size))
        options = {
            "popsize": self.population * math.ceil(least / self.population),
            "randn": self._isolation.own.randn,
            "seed": np.nan,
            "CMA_diagonal": True,
            "verbose": -9,
            # Otherwise it reads options from a file of that name in the working directory.
            "signals_filename": "",
        }
        return cma.CMAEvolutionStrategy(np.zeros(size), 0.3 if size < 18 else 0.15, options)

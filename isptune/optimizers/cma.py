"""CMA-ES with a diagonal covariance matrix, on pycma, in whole batches."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isptune.contracts.free_space import Candidates, FreeSpace
from isptune.contracts.optimizer import Optimizer
from isptune.contracts.requirements import Packaging
from isptune.optimizers._batch import first_steps
from isptune.optimizers._isolation import Isolation
from isptune.optimizers.nevergrad import FiniteLosses, NevergradOptimizer, method_class

# What pycma's numbers are counted in: sixths of a parameter's range, from where the search begins.
_UNIT = 1.0 / 6.0


class CMA(Optimizer):
    """CMA-ES with a diagonal covariance matrix (Ros and Hansen 2008), on pycma.

    It is the best of Nevergrad's CMA variants on hidden maps of the kind that the synthetic pipeline has:
    with the mean normalised distortion itself as the objective and 1,500 evaluations, it ended lower than
    the full matrix (``nevergrad:OldCMA``) on uncoupled maps and about as low on coupled ones, and it was
    ahead at half of the budget on both.

    The search starts in the centre, or at the first of the starts, with steps of a twentieth of the range (a
    fortieth from 18 parameters on), is clipped at the bounds, and starts anew in the same place where pycma
    finds that it has converged. Starts stand for as many points of the first generation, and from them the
    first steps of whole numbers and choices are at least half a cell. One generation of it is a batch, or as
    many batches as 4 + 3 ln n candidates need. Without starts the proposals are those of
    ``nevergrad:DiagonalCMA`` with the same seed wherever a batch has that many candidates, without
    Nevergrad's own 0.7 ms a candidate. A loss of +inf is passed on as a finite one that is worse than all
    seen so far.

    With several losses per candidate it is ``nevergrad:DiagonalCMA`` itself, which is told minus the volume
    that the front would dominate with the candidate.

    Args:
        space: the n parameters, or their number where all are real. The search gets a second, unused one
            where it is 1.
        population: the number P of candidates in a batch, 30 by default.
        seed: the only source of randomness.
        budget: not used.
        starts: the first is where the search begins.

    Raises:
        IsptuneError: pycma itself raised.
    """

    is_multi_objective = True
    avoids_repeats = True
    packaging = Packaging(requires=("cma",))

    def __init__(
        self,
        space: FreeSpace | int,
        population: int | None = None,
        seed: int = 0,
        budget: int | None = None,
        starts: ArrayLike | None = None,
    ) -> None:
        super().__init__(space, population, seed, budget, starts)
        self._isolation = Isolation(self.seed, "pycma")
        self._losses = FiniteLosses()
        self._search: Any = None
        # The second coordinate of one parameter is not used.
        self._centre = np.full(max(2, self.dimension), 0.5)
        if len(self.starts):
            self._centre[: self.dimension] = self.starts[0]
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
            begun = self._search is not None
            with self._isolation.running():
                if self._search is None or self._search.stop():
                    self._search = self._begin()
                self._waiting = self._search.ask()
            if not begun:
                return self._first()
        batch, self._waiting = self._waiting[: self.population], self._waiting[self.population :]
        return self._handed_out(self._in_cube(batch))

    def _first(self) -> Candidates:
        """The starts and, in place of the last ones, all other points of the first generation."""
        first = self.population - len(self.starts[: self.population])
        last = len(self._waiting) - (self.population - first)
        batch, self._waiting = self._waiting[:first], self._waiting[first:last]
        cube = np.tile(self._centre, (self.population, 1))
        cube[self.population - first :] = self._in_cube(batch)
        cube[:, : self.dimension] = self.begun(cube[:, : self.dimension])
        return self._handed_out(cube)

    def _in_cube(self, points: list[NDArray[np.float64]]) -> Candidates:
        found = np.reshape(points, (-1, len(self._centre)))
        return np.clip(_UNIT * (found + self._centre / _UNIT), 0.0, 1.0)

    def _handed_out(self, cube: Candidates) -> Candidates:
        # The search is told where its points were clipped to, and the unused coordinate of one alone.
        self._points.extend((cube - self._centre) / _UNIT)
        return cube[:, : self.dimension].copy()

    def learn(self, candidates: Candidates, losses: Candidates, gradients: Candidates | None = None) -> None:
        """Tell pycma a generation as soon as it is complete."""
        if losses.shape[1] > 1 and self._several is None:
            # Both begin alike, so that Nevergrad can take over before anything was told.
            self._several = method_class("DiagonalCMA")(
                self.space, self.population, self.seed, self.budget, self.starts
            )
            same = (self._several.propose() == candidates).all(axis=1)
            # Nevergrad is not told of what was moved: it knows only what it proposed.
            self._several.forget(~same)
            candidates, losses = candidates[same], losses[same]
            # From here on it is Nevergrad's own candidates that are evaluated.
            self.avoids_repeats = False
        if self._several is not None:
            self._several.learn(candidates, losses, gradients)
            return
        self._values.extend(self._losses.finite(losses[:, 0]).tolist())
        moved = (candidates - self._centre[: self.dimension]) / _UNIT
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
        step = 0.3 if size < 18 else 0.15
        if len(self.starts):
            stds = first_steps(self.space, step * _UNIT) / (step * _UNIT)
            options["CMA_stds"] = np.append(stds, np.ones(size - self.dimension))
        return cma.CMAEvolutionStrategy(np.zeros(size), step, options)

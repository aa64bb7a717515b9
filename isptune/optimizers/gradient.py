"""Gradient descent through a differentiable pipeline and objective: Adam from several starts at once."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from isptune.contracts.free_space import Candidates, FreeSpace
from isptune.contracts.optimizer import Optimizer
from isptune.optimizers._batch import check_own, latin_hypercube

# Squares of larger gradients would overflow; Adam does not depend on the gradients' scale below that.
_LARGEST_GRADIENT = 1e150
_EPSILON = 1e-12
# What counts as an improvement, as a share of how far the start's loss has fallen; the start that holds the
# best candidate of all may go on for longer.
_PROGRESS, _LEADER_PROGRESS = 1e-3, 1e-6
_GAIN_UP, _GAIN_DOWN, _GAIN_RANGE = 1.2, 0.5, (1e-4, 2.0)


class Adam(Optimizer):
    """Adam from several starts as one batch, with a gain per coordinate; needs gradients.

    Adam (Kingma and Ba 2015) moves every start by ``learning_rate * gain * m / sqrt(v)``, where m and v are
    the bias-corrected running means of its gradients and their squares. A run on images has tens of steps
    where training a network has many thousands, hence what is different here:

    - short memories, ``beta1`` = 0.5 and ``beta2`` = 0.9;
    - a gain for each coordinate of each start (delta-bar-delta, Jacobs 1988): halved where the gradient
      changed its sign, which means that a minimum was stepped over, and raised by 1.2 elsewhere, between
      1e-4 and 2. It takes the place of a schedule;
    - a step that leaves the unit cube ends at its face and that coordinate's momentum is dropped;
    - a start that has not improved for ``patience`` steps, by a thousandth of how far its loss has fallen (a
      millionth for the start that holds the best candidate), begins anew: in turn close to the best candidate
      seen so far (at a distance drawn between 0.01 and 0.3 a coordinate) and at a uniform point. So does, at
      once, a start whose loss or gradient is not finite.

    Where no starts are given, and for those that are left, the first ones are a Latin hypercube over the
    middle half of every range. Each candidate costs a
    forward and a backward pass, about three evaluations without gradients.

    Args:
        space: the n parameters, or their number where all are real.
        population: the number P of starts, 4 by default.
        seed: the only source of randomness (PCG64).
        budget: not used.
        starts: where as many of the P starts begin.
        learning_rate: the first step of each coordinate, as a share of its range.
        beta1: the memory of the mean gradient, in [0, 1).
        beta2: the memory of the mean square, in [0, 1).
        patience: after how many steps without an improvement a start begins anew.

    Raises:
        ConfigurationError: an option outside its range.

    Example:
        >>> optimizer = Adam(space=2, seed=0)
        >>> for _ in range(30):
        ...     candidates = optimizer.propose()
        ...     offset = candidates - 0.4
        ...     optimizer.learn(candidates, (offset**2).sum(axis=1, keepdims=True), 2.0 * offset)
        >>> bool((offset**2).sum(axis=1).min() < 1e-4)
        True
    """

    default_population: ClassVar[int] = 4
    needs_gradient: ClassVar[bool] = True
    avoids_repeats = True

    def __init__(
        self,
        space: FreeSpace | int,
        population: int | None = None,
        seed: int = 0,
        budget: int | None = None,
        starts: ArrayLike | None = None,
        learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.1,
        beta1: Annotated[float, Field(ge=0, lt=1)] = 0.5,
        beta2: Annotated[float, Field(ge=0, lt=1)] = 0.9,
        patience: Annotated[int, Field(ge=1)] = 12,
    ) -> None:
        super().__init__(space, population, seed, budget, starts)
        check_own("adam", Adam, learning_rate=learning_rate, beta1=beta1, beta2=beta2, patience=patience)
        self.learning_rate = float(learning_rate)
        self.beta1 = float(beta1)
        self.beta2 = float(beta2)
        self.patience = int(patience)
        self._generator = np.random.Generator(np.random.PCG64(self.seed))
        shape = (self.population, self.dimension)
        # In the middle half: an optimum is seldom at the ends of a range, and the way to it is shorter.
        self._points = self.begun(0.25 + 0.5 * latin_hypercube(self._generator, *shape))
        self._mean, self._square, self._previous = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self._gain = np.ones(shape)
        self._age = np.zeros(self.population, dtype=np.int64)
        # Per start: the highest loss, and the loss at its last improvement that counted.
        self._highest = np.full(self.population, -np.inf)
        self._mark = np.full(self.population, np.inf)
        self._improved_at = np.zeros(self.population, dtype=np.int64)
        self._best, self._best_point, self._leader = np.inf, self._points[0].copy(), -1
        self._restarts = 0

    def propose(self) -> Candidates:
        """Where the P starts have got to."""
        return self._points.copy()

    def learn(self, candidates: Candidates, losses: Candidates, gradients: Candidates | None = None) -> None:
        """One step of every start."""
        assert gradients is not None
        losses = losses[:, 0]
        usable = np.isfinite(losses) & np.isfinite(gradients).all(axis=1)
        self._remember(candidates, losses)
        slopes = np.where(usable[:, None], gradients, 0.0)
        self._step(np.clip(slopes, -_LARGEST_GRADIENT, _LARGEST_GRADIENT))
        for start in np.flatnonzero(~usable | (self._age - self._improved_at >= self.patience)):
            self._restart(int(start))

    def _remember(self, candidates: Candidates, losses: Candidates) -> None:
        self._age += 1
        # Huge losses of both signs would overflow in the difference.
        with np.errstate(over="ignore", invalid="ignore"):
            self._highest = np.fmax(self._highest, np.where(np.isfinite(losses), losses, -np.inf))
            fallen = np.nan_to_num(self._highest - losses, nan=0.0, neginf=0.0)
            tolerance = np.where(np.arange(self.population) == self._leader, _LEADER_PROGRESS, _PROGRESS)
            better = losses < self._mark - tolerance * fallen
        self._mark = np.where(better, losses, self._mark)
        self._improved_at = np.where(better, self._age, self._improved_at)
        lowest = int(np.argmin(losses))
        if losses[lowest] < self._best:
            self._best, self._best_point = float(losses[lowest]), candidates[lowest].copy()
            self._leader = lowest

    def _step(self, slopes: Candidates) -> None:
        # The sign is taken of each factor, for a product of two small gradients may vanish.
        turned = np.sign(slopes) * np.sign(self._previous)
        factor = np.where(turned < 0, _GAIN_DOWN, np.where(turned > 0, _GAIN_UP, 1.0))
        self._gain = np.clip(self._gain * factor, *_GAIN_RANGE)
        self._previous = slopes
        self._mean = self.beta1 * self._mean + (1.0 - self.beta1) * slopes
        self._square = self.beta2 * self._square + (1.0 - self.beta2) * slopes**2
        age = self._age[:, None]
        mean = self._mean / (1.0 - self.beta1**age)
        square = self._square / (1.0 - self.beta2**age)
        moved = self._points - self.learning_rate * self._gain * mean / (np.sqrt(square) + _EPSILON)
        self._points = np.clip(moved, 0.0, 1.0)
        self._mean = np.where(moved == self._points, self._mean, 0.0)

    def _restart(self, start: int) -> None:
        self._restarts += 1
        fresh, gain = self._generator.random(self.dimension), 1.0
        distance = 0.01 * 30.0 ** self._generator.random()
        normal = self._generator.standard_normal(self.dimension)
        if self._restarts % 2 == 1 and np.isfinite(self._best):
            fresh = np.clip(self._best_point + distance * normal, 0.0, 1.0)
            # A start close to the best one must not jump away from it with its first step.
            gain = min(distance / self.learning_rate, 1.0)
        self._points[start] = fresh
        for state in (self._mean, self._square, self._previous):
            state[start] = 0.0
        self._gain[start] = gain
        self._age[start] = self._improved_at[start] = 0
        self._highest[start], self._mark[start] = -np.inf, np.inf
        if start == self._leader:
            self._leader = -1

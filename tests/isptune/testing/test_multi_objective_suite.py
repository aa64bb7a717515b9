"""The suite of multi-objective optimizers: a sound one passes, each kind of fault fails the check made for it."""

from __future__ import annotations

import numpy as np
import pytest

from isptune.contracts.optimizer import Optimizer
from isptune.testing import MultiObjectiveConformance
from isptune.testing.multi_objective import dominated_area


class Steps(Optimizer):
    """A sound optimizer: normal steps around the candidate of the lowest sum of losses."""

    is_multi_objective = True
    default_population = 8

    def __init__(self, space, population=None, seed=0, budget=None, starts=None):
        super().__init__(space, population, seed, budget, starts)
        self.generator = np.random.default_rng(self.seed)
        self.best, self.centre, self.step = np.inf, np.full(self.dimension, 0.5), 0.2
        self.is_first = True

    def propose(self):
        normal = self.generator.standard_normal((self.population, self.dimension))
        batch = np.clip(self.centre + self.step * normal, 0.0, 1.0)
        batch, self.is_first = self.begun(batch) if self.is_first else batch, False
        return batch

    def learn(self, candidates, losses, gradients):
        sums = losses.mean(axis=1)
        self.step *= 0.95
        if sums.min() < self.best:
            self.best, self.centre = float(sums.min()), candidates[sums.argmin()]


class SaysItTakesOne(Steps):
    is_multi_objective = False


class ForgetsItsStarts(Steps):
    def begun(self, batch):
        return batch


class FailsOnFailures(Steps):
    def learn(self, candidates, losses, gradients):
        if not np.isfinite(losses).all():
            raise ValueError("no")
        super().learn(candidates, losses, gradients)


class DrawsGlobally(Steps):
    """With several losses it draws from the global generator of numpy."""

    def learn(self, candidates, losses, gradients):
        super().learn(candidates, losses, gradients)
        if losses.shape[1] > 1:
            self.centre = np.random.random(self.dimension)


def suite_of(kind):
    class Suite(MultiObjectiveConformance):
        def make(self, space=5, population=None, seed=0, budget=None, starts=None):
            return kind(space, population, seed, budget, starts)

    return Suite()


class TestSound(MultiObjectiveConformance):
    def make(self, space=5, population=None, seed=0, budget=None, starts=None):
        return Steps(space, population, seed, budget, starts)


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        (SaysItTakesOne, "test_says_that_it_takes_several_losses"),
        (ForgetsItsStarts, "test_several_losses_of_starts"),
        (FailsOnFailures, "test_survives_failures_among_several_losses"),
        (DrawsGlobally, "test_global_random_state_has_no_part_in_several_losses"),
        (DrawsGlobally, "test_the_same_seed_gives_the_same_candidates_for_several_losses"),
        (DrawsGlobally, "test_replaying_a_log_of_several_losses_continues_it"),
    ],
)
def test_each_fault_fails_its_check(kind, check):
    with pytest.raises((AssertionError, ValueError)):
        getattr(suite_of(kind), check)()


def test_the_dominated_area_by_hand():
    losses = np.array([[1.0, 3.0], [2.0, 1.0], [3.0, 3.0], [9.0, 0.0]])
    # Below (4, 4): three by one of the first, and two by two more of the second.
    assert dominated_area(losses, np.array([4.0, 4.0])) == 3 * 1 + 2 * 2
    assert dominated_area(losses, np.array([0.5, 0.5])) == 0.0

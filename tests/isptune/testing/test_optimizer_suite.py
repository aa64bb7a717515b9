"""The suite itself: a sound optimizer passes all of it, and each kind of fault fails the check made for it."""

from __future__ import annotations

import random

import numpy as np
import pytest

from isptune.errors import ConfigurationError
from isptune.optimizer import Optimizer
from isptune.testing import OptimizerConformance


class Hill(Optimizer):
    """A plain sound optimizer, written against the contract alone: normal steps around the best point."""

    default_population = 8

    def __init__(self, dimension, population=None, seed=0, budget=None):
        super().__init__(dimension, population, seed, budget)
        self.generator = np.random.default_rng(self.seed)
        self.best, self.centre, self.step = np.inf, np.full(self.dimension, 0.5), 0.2

    def ask(self):
        normal = self.generator.standard_normal((self.population, self.dimension))
        return np.clip(self.centre + self.step * normal, 0.0, 1.0)

    def tell(self, candidates, losses, gradients=None):
        points, values = self.checked(candidates, losses)
        self.step *= 0.95
        if values.min() < self.best:
            self.best, self.centre = float(values.min()), points[values.argmin()].copy()


class Maximises(Hill):
    def tell(self, candidates, losses, gradients=None):
        points, values = self.checked(candidates, losses)
        super().tell(points, -values)


class ClaimsToAvoidRepeats(Hill):
    avoids_repeats = True


class LeavesTheCube(Hill):
    def ask(self):
        return super().ask() * 1.05


class OneTooMany(Hill):
    def ask(self):
        return np.concatenate([super().ask(), np.full((1, self.dimension), 0.5)])


class SinglePrecision(Hill):
    def ask(self):
        return super().ask().astype(np.float32)


class DrawsFromTheStandardLibrary(Hill):
    def ask(self):
        return np.clip(super().ask() + 0.01 * random.random(), 0.0, 1.0)


class DrawsFromNumpy(Hill):
    def ask(self):
        return np.clip(super().ask() + 0.01 * np.random.random(), 0.0, 1.0)


class ReseedsNumpy(Hill):
    def ask(self):
        np.random.seed(self.seed)
        return super().ask()


class IgnoresTheSeed(Hill):
    def __init__(self, dimension, population=None, seed=0, budget=None):
        super().__init__(dimension, population, 0, budget)


class DrawsFromTheSystem(Hill):
    def __init__(self, dimension, population=None, seed=0, budget=None):
        super().__init__(dimension, population, seed, budget)
        self.generator = np.random.default_rng()


class HandsOutItsState(Hill):
    def ask(self):
        self.asked = super().ask()
        return self.asked

    def tell(self, candidates, losses, gradients=None):
        super().tell(self.asked, losses)


class KeepsTheCallersArray(Hill):
    def tell(self, candidates, losses, gradients=None):
        points, values = self.checked(candidates, losses)
        if values.min() < self.best:
            self.best, self.centre = float(values.min()), points[values.argmin()]


class ForgetsBetweenRuns(Hill):
    """Its first candidates depend on how many optimizers were made before."""

    made = 0

    def __init__(self, dimension, population=None, seed=0, budget=None):
        super().__init__(dimension, population, seed, budget)
        type(self).made += 1
        self.step += 1e-6 * type(self).made


class BreaksOnFailures(Hill):
    def tell(self, candidates, losses, gradients=None):
        points, values = self.checked(candidates, losses)
        self.centre = np.average(points, axis=0, weights=np.exp(-values / values.mean()))


class BreaksOnFailedBatches(Hill):
    def tell(self, candidates, losses, gradients=None):
        points, values = self.checked(candidates, losses)
        super().tell(points[np.isfinite(values)], values[np.isfinite(values)])


class BreaksOnConstants(Hill):
    def tell(self, candidates, losses, gradients=None):
        points, values = self.checked(candidates, losses)
        if values.std() == 0.0:
            raise ZeroDivisionError("no spread")
        super().tell(points, values)


class BreaksOnHugeLosses(Hill):
    def tell(self, candidates, losses, gradients=None):
        _points, values = self.checked(candidates, losses)
        if np.isinf(np.float64(values.max()) ** 2):
            self.centre = self.centre * np.nan


class TakesNaN(Hill):
    def checked(self, candidates, losses):
        return np.asarray(candidates), np.asarray(losses)


class AnotherMessage(Hill):
    def checked(self, candidates, losses):
        try:
            return super().checked(candidates, losses)
        except ConfigurationError as error:
            raise ConfigurationError("bad input") from error


class NeverImproves(Hill):
    def __init__(self, dimension, population=None, seed=0, budget=None):
        super().__init__(dimension, population, seed, budget)
        self.first = super().ask()

    def ask(self):
        return self.first.copy()


def suite_of(optimizer_class) -> OptimizerConformance:
    class Suite(OptimizerConformance):
        populations = (None, 7)

        def make(self, dimension=5, population=None, seed=0, budget=None):
            return optimizer_class(dimension, population, seed, budget)

    return Suite()


class TestASoundOptimizer(OptimizerConformance):
    def make(self, dimension=5, population=None, seed=0, budget=None):
        return Hill(dimension, population, seed, budget)


@pytest.mark.parametrize(
    ("faulty", "check"),
    [
        (Maximises, "test_minimises"),
        (ClaimsToAvoidRepeats, "test_no_values_are_asked_for_twice"),
        (DrawsFromTheSystem, "test_steps_leave_candidates_reproducible"),
        (LeavesTheCube, "test_candidates_stay_inside_when_losses_pull_to_a_corner"),
        (LeavesTheCube, "test_batches_are_float64_in_the_unit_cube"),
        (OneTooMany, "test_each_batch_holds_exactly_the_population"),
        (SinglePrecision, "test_batches_are_float64_in_the_unit_cube"),
        (DrawsFromTheStandardLibrary, "test_global_random_state_is_left_as_found"),
        (DrawsFromTheStandardLibrary, "test_global_random_state_has_no_influence"),
        (DrawsFromNumpy, "test_global_random_state_is_left_as_found"),
        (DrawsFromNumpy, "test_global_random_state_has_no_influence"),
        (ReseedsNumpy, "test_global_random_state_is_left_as_found"),
        (IgnoresTheSeed, "test_another_seed_gives_other_candidates"),
        (DrawsFromTheSystem, "test_the_same_seed_gives_the_same_candidates"),
        (DrawsFromTheSystem, "test_replaying_a_log_continues_it"),
        (ForgetsBetweenRuns, "test_the_same_seed_gives_the_same_candidates"),
        (HandsOutItsState, "test_callers_may_change_their_arrays"),
        (KeepsTheCallersArray, "test_callers_may_change_their_arrays"),
        (BreaksOnFailures, "test_survives_failed_candidates"),
        (BreaksOnFailedBatches, "test_survives_failed_batches"),
        (BreaksOnConstants, "test_survives_constant_losses"),
        (BreaksOnHugeLosses, "test_survives_huge_losses"),
        (TakesNaN, "test_refuses_nan"),
        (TakesNaN, "test_refuses_wrong_shapes"),
        (AnotherMessage, "test_refuses_nan"),
        (AnotherMessage, "test_refuses_wrong_shapes"),
        (NeverImproves, "test_improves_on_the_first_batch"),
    ],
)
# Faulty optimizers compute with infinities; the suite must judge their candidates, not numpy's warnings.
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_fault_fails_its_check(faulty, check):
    state = np.random.get_state()
    with pytest.raises((AssertionError, ArithmeticError, ValueError)):
        getattr(suite_of(faulty), check)()
    np.random.set_state(state)

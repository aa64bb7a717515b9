"""The suite itself: a sound optimizer passes all of it, and each kind of fault fails the check made for it."""

from __future__ import annotations

import random

import numpy as np
import pytest

from isptune.contracts.optimizer import Optimizer
from isptune.errors import IsptuneError
from isptune.testing import OptimizerConformance


class Hill(Optimizer):
    """A plain sound optimizer, written against the contract alone: normal steps around the best point."""

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

    def learn(self, candidates, losses, gradients=None):
        self.step *= 0.95
        if losses.min() < self.best:
            self.best, self.centre = float(losses.min()), candidates[losses.argmin()].copy()


class Maximises(Hill):
    def learn(self, candidates, losses, gradients=None):
        super().learn(candidates, -losses)


class LeavesTheCube(Hill):
    def propose(self):
        return super().propose() * 1.05


class OneTooMany(Hill):
    def propose(self):
        return np.concatenate([super().propose(), np.full((1, self.dimension), 0.5)])


class SinglePrecision(Hill):
    def propose(self):
        return super().propose().astype(np.float32)


class DrawsFromTheStandardLibrary(Hill):
    def propose(self):
        return np.clip(super().propose() + 0.01 * random.random(), 0.0, 1.0)


class DrawsFromNumpy(Hill):
    def propose(self):
        return np.clip(super().propose() + 0.01 * np.random.random(), 0.0, 1.0)


class ReseedsNumpy(Hill):
    def propose(self):
        np.random.seed(self.seed)
        return super().propose()


class IgnoresTheSeed(Hill):
    def __init__(self, space, population=None, seed=0, budget=None, starts=None):
        super().__init__(space, population, 0, budget, starts)


class DrawsFromTheSystem(Hill):
    def __init__(self, space, population=None, seed=0, budget=None, starts=None):
        super().__init__(space, population, seed, budget, starts)
        self.generator = np.random.default_rng()


class ForgetsBetweenRuns(Hill):
    """Its first candidates depend on how many optimizers were made before."""

    made = 0

    def __init__(self, space, population=None, seed=0, budget=None, starts=None):
        super().__init__(space, population, seed, budget, starts)
        type(self).made += 1
        self.step += 1e-6 * type(self).made


class BreaksOnFailures(Hill):
    def learn(self, candidates, losses, gradients=None):
        self.centre = np.average(candidates, axis=0, weights=np.exp(-losses[:, 0] / losses.mean()))


class BreaksOnFailedBatches(Hill):
    def learn(self, candidates, losses, gradients=None):
        able = np.isfinite(losses[:, 0])
        super().learn(candidates[able], losses[able])


class BreaksOnConstants(Hill):
    def learn(self, candidates, losses, gradients=None):
        if losses.std() == 0.0:
            raise ZeroDivisionError("no spread")
        super().learn(candidates, losses)


class BreaksOnHugeLosses(Hill):
    def learn(self, candidates, losses, gradients=None):
        if np.isinf(np.float64(losses.max()) ** 2):
            self.centre = self.centre * np.nan


class ForgetsItsStarts(Hill):
    def begun(self, batch):
        return batch


class KeepsTheStartsOfTheCaller(Hill):
    def __init__(self, space, population=None, seed=0, budget=None, starts=None):
        super().__init__(space, population, seed, budget, starts)
        self.starts = self.starts if starts is None else starts


class BreaksOnStarts(Hill):
    """It takes it for granted that the first candidate has a loss."""

    def learn(self, candidates, losses, gradients=None):
        super().learn(candidates, losses, gradients)
        if len(self.starts) and not np.isfinite(losses[0, 0]):
            raise ValueError("no loss")


class DrawsMoreWhereThereAreStarts(Hill):
    def __init__(self, space, population=None, seed=0, budget=None, starts=None):
        super().__init__(space, population, seed, budget, starts)
        if starts is not None:
            self.generator.random()
            self.generator = self.generator if len(starts) == 0 else np.random.default_rng()


class NeverImproves(Hill):
    def __init__(self, space, population=None, seed=0, budget=None, starts=None):
        super().__init__(space, population, seed, budget, starts)
        self.first = super().propose()

    def propose(self):
        return self.first.copy()


def suite_of(optimizer_class) -> OptimizerConformance:
    class Suite(OptimizerConformance):
        populations = (None, 7)

        def make(self, space=5, population=None, seed=0, budget=None, starts=None):
            return optimizer_class(space, population, seed, budget, starts)

    return Suite()


class TestASoundOptimizer(OptimizerConformance):
    def make(self, space=5, population=None, seed=0, budget=None, starts=None):
        return Hill(space, population, seed, budget, starts)


@pytest.mark.parametrize(
    ("faulty", "check"),
    [
        (Maximises, "test_minimises"),
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
        (BreaksOnFailures, "test_survives_failed_candidates"),
        (BreaksOnFailedBatches, "test_survives_failed_batches"),
        (BreaksOnConstants, "test_survives_constant_losses"),
        (BreaksOnHugeLosses, "test_survives_huge_losses"),
        (ForgetsItsStarts, "test_the_first_batch_begins_with_the_starts"),
        (KeepsTheStartsOfTheCaller, "test_starts_may_be_changed_by_their_owner"),
        (BreaksOnStarts, "test_survives_starts_that_fail"),
        (DrawsMoreWhereThereAreStarts, "test_starts_leave_a_search_reproducible"),
        (DrawsMoreWhereThereAreStarts, "test_no_starts_are_as_none"),
        (NeverImproves, "test_improves_on_the_first_batch"),
    ],
)
# Faulty optimizers compute with infinities; the suite must judge their candidates, not numpy's warnings.
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_fault_fails_its_check(faulty, check):
    state = np.random.get_state()
    with pytest.raises((AssertionError, ArithmeticError, ValueError, IsptuneError)):
        getattr(suite_of(faulty), check)()
    np.random.set_state(state)

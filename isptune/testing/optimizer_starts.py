"""The part of the conformance suite for optimizers that is about their space and where they begin."""

from __future__ import annotations

import numpy as np

from isptune.contracts.free_space import FreeSpace
from isptune.testing.optimizer_subject import (
    Array,
    OptimizerSubject,
    check_equal,
    run,
    sphere,
    stepped,
)
from isptune.tuning.proposing import Proposer


class OptimizerStarts(OptimizerSubject):
    """What an optimizer must do with start candidates, and in a space of whole numbers and choices."""

    # Start candidates

    def test_the_first_batch_begins_with_the_starts(self) -> None:
        for space in self._spaces():
            population = self.make(space).population
            for count in (1, 3, population + 2):
                starts = points(space, count)
                batch = Proposer(self.make(space, starts=starts)).ask()
                expected = starts[:population]
                assert np.array_equal(batch[: len(expected)], expected), (
                    f"the first batch begins with {batch[0]}, expected the {count} starts, the first being "
                    f"{starts[0]}; let the first propose end with: return self.begun(batch)"
                )

    def test_starts_leave_a_search_reproducible(self) -> None:
        for space in self._spaces():
            starts = points(space, 3)
            first, second = (run(self.make(space, starts=starts), sphere, self.generations) for _ in range(2))
            check_equal(first, second, "two runs from one seed and the same starts differ")

    def test_survives_starts_that_fail(self) -> None:
        def failing(candidates: Array) -> tuple[Array, Array]:
            losses, gradients = sphere(candidates)
            losses[:3] = np.inf
            gradients[:3] = np.nan
            return losses, gradients

        for space in self._spaces():
            run(self.make(space, starts=points(space, 3)), failing, self.generations)

    def test_no_starts_are_as_none(self) -> None:
        first, second = (run(self.make(4, starts=starts), sphere, 2) for starts in (None, np.empty((0, 4))))
        check_equal(first, second, "starts=None and an array of no starts give other candidates")

    def test_starts_may_be_changed_by_their_owner(self) -> None:
        starts = points(FreeSpace.of_reals(4), 2)
        optimizer, kept = self.make(4, starts=starts), starts.copy()
        starts[:] = 0.5
        assert np.array_equal(Proposer(optimizer).ask()[:2], kept), (
            "changing the array of starts after the optimizer was made changed the first batch, expected no "
            "change; use self.starts, which is a copy"
        )

    # Whole numbers and choices

    def test_steps_leave_candidates_reproducible(self) -> None:
        if self.make().needs_gradient:
            return
        first, second = (run(self.make(stepped(5, 0, 2), 8), sphere, self.generations) for _ in range(2))
        check_equal(first, second, "two runs from one seed differ in a space with steps,")

    def _spaces(self) -> list[FreeSpace]:
        """Of real numbers and, for what needs no gradients, of mixed kinds."""
        reals = [FreeSpace.of_reals(1), FreeSpace.of_reals(3)]
        return reals if self.make().needs_gradient else [*reals, stepped(5, 0, 2)]


def points(space: FreeSpace, count: int) -> Array:
    """(count, n) different candidates, those of steps in the middle of their cells."""
    found = np.random.default_rng(8).random((count, space.dimension))
    steps = np.array(space.counts)
    return np.where(steps > 0, (np.floor(found * steps) + 0.5) / np.maximum(steps, 1), found)

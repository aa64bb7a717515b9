"""The conformance suite of optimizers that take several losses per candidate."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np

from isptune.contracts.free_space import FreeSpace
from isptune.contracts.optimizer import Optimizer
from isptune.testing.checks import untouched_generators
from isptune.testing.optimizer import OptimizerConformance
from isptune.testing.optimizer_starts import points
from isptune.testing.optimizer_subject import RANDOM, Array, Log, Loss, check_equal, run, stepped
from isptune.testing.optimizer_subject import follow as follow_log
from isptune.tuning.fronts import non_dominated
from isptune.tuning.proposing import Proposer

Losses = Callable[[Array], Array]
"""Maps (P, n) candidates to (P, K) losses."""


class MultiObjectiveConformance(OptimizerConformance):
    """What every optimizer with ``is_multi_objective`` must do beside the rest; a test class inherits it.

    Class facts that a subclass sets, beside those of ``OptimizerConformance``:
        objectives: the numbers of losses that most checks run with.

    Example:
        >>> from isptune.testing import MultiObjectiveConformance
        >>> class TestNSGA2(MultiObjectiveConformance):
        ...     name = "nsga2"
    """

    objectives: tuple[int, ...] = (2, 3)

    def test_says_that_it_takes_several_losses(self) -> None:
        assert type(self.make()).is_multi_objective, (
            "is_multi_objective is False, expected True for this suite; set it in the class, or inherit "
            "OptimizerConformance"
        )

    def test_batches_of_several_losses(self) -> None:
        for count in self.objectives:
            for dimension in self.dimensions:
                follow(self.make(dimension), distances_to(count), self.generations)

    def test_the_same_seed_gives_the_same_candidates_for_several_losses(self) -> None:
        for count in self.objectives:
            first, second = (
                follow(self.planned(seed=3), distances_to(count), self.generations) for _ in range(2)
            )
            check_equal(first, second, "two runs from one seed differ")

    def test_replaying_a_log_of_several_losses_continues_it(self) -> None:
        for count in self.objectives:
            unbroken = follow(self.planned(seed=5), distances_to(count), self.generations)
            resumed = Proposer(self.planned(seed=5))
            half = self.generations // 2
            for candidates, losses, _ in unbroken[:half]:
                assert np.array_equal(resumed.ask(), candidates), (
                    "a replayed batch differs from the logged one"
                )
                resumed.tell(candidates, np.asarray(json.loads(json.dumps(losses.tolist()))))
            continued = follow_log(resumed, alone(distances_to(count)), self.generations - half)
            check_equal(unbroken[half:], continued, "a resumed run differs from the unbroken one")

    def test_global_random_state_has_no_part_in_several_losses(self) -> None:
        runs = []
        for seed in (1, 2):
            with untouched_generators(RANDOM, seed):
                runs.append(follow(self.planned(), distances, self.generations))
        check_equal(runs[0], runs[1], "the candidates depend on the global random state")

    def test_survives_failures_among_several_losses(self) -> None:
        for failing in (lambda number: number % 3 == 1, lambda number: number >= 0):
            proposer = Proposer(self.planned())
            for generation in range(self.generations):
                candidates = proposer.ask()
                losses = distances(candidates)
                if generation != 1:
                    losses[[failing(number) for number in range(len(losses))]] = np.inf
                proposer.tell(candidates, losses)

    def test_several_losses_of_starts(self) -> None:
        for space in (FreeSpace.of_reals(3), stepped(5, 0, 2)):
            starts = points(space, 3)
            for count in self.objectives:
                first, second = (
                    follow(self.make(space, starts=starts), distances_to(count), self.generations)
                    for _ in range(2)
                )
                check_equal(first, second, "two runs from one seed and the same starts differ")
                assert np.array_equal(first[0][0][:3], starts), (
                    "the first batch does not begin with the starts, expected them there whatever the number "
                    "of losses; let the first propose end with: return self.begun(batch)"
                )

    def test_survives_constant_and_huge_losses(self) -> None:
        follow(self.planned(), lambda candidates: np.full((len(candidates), 2), 3.0), self.generations)
        follow(self.planned(), lambda candidates: 1e300 * distances(candidates), self.generations)
        # An objective that says nothing, and two that say the same.
        follow(self.planned(), lambda candidates: distances(candidates) * [1.0, 0.0], self.generations)
        follow(self.planned(), lambda candidates: distances(candidates)[:, [0, 0]], self.generations)

    def test_the_front_grows(self) -> None:
        """The volume that the front dominates must become larger by what follows the first batch."""
        count = self.search_generations
        log = follow(self.planned(count), distances, count)
        first, whole = log[0][1], np.concatenate([losses for _, losses, _ in log])
        reference = first.max(axis=0)
        before, after = (dominated_area(losses, reference) for losses in (first, whole))
        assert after > before, f"{count} batches dominate {after:g}, the first alone {before:g}"


def distances_to(count: int) -> Losses:
    """(P, count) squared distances to so many points; the front is the hull between them."""

    def losses(candidates: Array) -> Array:
        size = candidates.shape[1]
        points = [np.roll(np.linspace(0.2, 0.9, size + count), 2 * k)[:size] for k in range(count)]
        return np.stack([((candidates - point) ** 2).sum(axis=1) for point in points], axis=1)

    return losses


distances = distances_to(2)


def dominated_area(losses: Array, reference: Array) -> float:
    """The area below a reference point that (E, 2) losses dominate: the hypervolume of two objectives.

    Zitzler and Thiele, "Multiobjective optimization using evolutionary algorithms" (1998).
    """
    front = losses[non_dominated(losses)]
    front = front[(front < reference).all(axis=1)]
    front = front[np.argsort(front[:, 0])]
    heights = np.diff(front[:, 1], prepend=reference[1])
    return float(((reference[0] - front[:, 0]) * -heights).sum())


def alone(losses: Losses) -> Loss:
    """The same losses, without gradients."""
    return lambda candidates: (losses(candidates), None)


def follow(optimizer: Optimizer, losses: Losses, generations: int) -> Log:
    """Drive a fresh optimizer for some generations and give what was asked and told."""
    return run(optimizer, alone(losses), generations)

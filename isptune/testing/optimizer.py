"""The conformance suite of optimizers: inherit it in a test module and set ``name`` or override ``make``."""

from __future__ import annotations

import json

import numpy as np

from isptune.testing.checks import untouched_generators
from isptune.testing.optimizer_starts import OptimizerStarts
from isptune.testing.optimizer_subject import (
    RANDOM,
    Array,
    Log,
    Loss,
    check_equal,
    follow,
    pull,
    run,
    sphere,
)
from isptune.tuning.proposing import Proposer


class OptimizerConformance(OptimizerStarts):
    """What every optimizer must do; a plugin's own test class inherits it.

    It is driven as a run drives it, by ``isptune.tuning.proposing.Proposer``, which checks each batch. The
    suite uses no pytest fixture, so a script may call its ``test_`` methods as well. Class facts to
    override stand in ``OptimizerSubject``.

    Example:
        >>> from isptune.testing import OptimizerConformance
        >>> class TestRandom(OptimizerConformance):
        ...     name = "random"
        ...     learns = False
    """

    # Shapes, bounds and counts

    def test_batches_are_float64_in_the_unit_cube(self) -> None:
        for dimension in self.dimensions:
            optimizer = self.make(dimension)
            assert optimizer.dimension == dimension, (
                f"dimension is {optimizer.dimension}, expected {dimension}; call super().__init__ with the "
                "arguments"
            )
            run(optimizer, sphere, self.generations)

    def test_candidates_stay_inside_when_losses_pull_to_a_corner(self) -> None:
        for direction in (1.0, -1.0):
            count = self.search_generations // 2
            run(self.planned(count), pull(direction), count)

    def test_each_batch_holds_exactly_the_population(self) -> None:
        for population in self.populations:
            optimizer = self.make(population=population)
            if population is None:
                assert optimizer.population == type(optimizer).default_population, (
                    f"population is {optimizer.population}, expected default_population, "
                    f"{type(optimizer).default_population}; call super().__init__ with the arguments"
                )
            else:
                assert optimizer.population == population, (
                    f"population is {optimizer.population}, expected {population} as given; call "
                    "super().__init__ with the arguments"
                )
            run(optimizer, sphere, self.generations)

    # Reproducibility

    def test_the_same_seed_gives_the_same_candidates(self) -> None:
        first = run(self.planned(seed=3), sphere, self.generations)
        second = run(self.planned(seed=3), sphere, self.generations)
        check_equal(first, second, "two runs from one seed differ")

    def test_another_seed_gives_other_candidates(self) -> None:
        first = run(self.planned(seed=3), sphere, self.generations)
        second = run(self.planned(seed=4), sphere, self.generations)
        assert any(not np.array_equal(a[0], b[0]) for a, b in zip(first, second, strict=True)), (
            "two seeds gave the same candidates"
        )

    def test_replaying_a_log_continues_it(self) -> None:
        """A resumed run: a fresh optimizer, told what a log file holds, asks for the very same candidates."""
        unbroken = run(self.planned(seed=5), sphere, self.generations)
        resumed = Proposer(self.planned(seed=5))
        half = self.generations // 2
        for generation in unbroken[:half]:
            asked = resumed.ask()
            assert np.array_equal(asked, generation[0]), "a replayed batch differs from the logged one"
            text = json.dumps([np.asarray(column).tolist() for column in generation])
            resumed.tell(*map(np.asarray, json.loads(text)))
        continued = follow(resumed, sphere, self.generations - half)
        check_equal(unbroken[half:], continued, "a resumed run differs from the unbroken one")

    def test_global_random_state_is_left_as_found(self) -> None:
        # The construction counts as well: a method that draws its first batch there is caught by this.
        optimizer = self.planned()
        with untouched_generators(RANDOM, seed=11):
            run(self.planned(), sphere, self.generations)
            run(optimizer, sphere, self.generations)

    def test_global_random_state_has_no_influence(self) -> None:
        logs: list[Log] = []
        for seed in (1, 2):
            with untouched_generators(RANDOM, seed):
                logs.append(run(self.planned(), sphere, self.generations))
        check_equal(logs[0], logs[1], "the candidates depend on the global random state")

    # Losses that are no ordinary numbers

    def test_survives_failed_candidates(self) -> None:
        def partly_failing(candidates: Array) -> tuple[Array, Array]:
            losses, gradients = sphere(candidates)
            failed = (np.arange(len(losses)) % 3 == 1)[:, None]
            return np.where(failed, np.inf, losses), np.where(failed, np.nan, gradients)

        self._survives(partly_failing)

    def test_survives_failed_batches(self) -> None:
        def failing(candidates: Array) -> tuple[Array, Array]:
            return np.full((len(candidates), 1), np.inf), np.full(candidates.shape, np.nan)

        self._survives(failing)
        proposer = Proposer(self.planned())
        for generation in range(self.generations):
            follow(proposer, failing if generation in (0, 2) else sphere, 1)

    def test_survives_constant_losses(self) -> None:
        self._survives(lambda candidates: (np.full((len(candidates), 1), 2.0), np.zeros(candidates.shape)))

    def test_survives_huge_losses(self) -> None:
        def huge(candidates: Array) -> tuple[Array, Array]:
            losses, gradients = sphere(candidates)
            return losses * 1e300, gradients * 1e300

        self._survives(huge)

    def _survives(self, loss: Loss) -> None:
        run(self.planned(), loss, self.generations)

    # Searching

    def test_improves_on_the_first_batch(self) -> None:
        count = self.search_generations
        log = run(self.planned(count), sphere, count)
        first, best = log[0][1].min(), min(losses.min() for _, losses, _ in log)
        assert best < first, f"{count} batches found nothing better than the first one's best, {first:g}"

    def test_minimises(self) -> None:
        """Where the loss falls towards one corner, the candidates move there, and not to the opposite one."""
        if not self.learns:
            return
        count = self.search_generations
        down, up = (
            np.mean([candidates.mean() for candidates, _, _ in log[-(count // 4) :]])
            for log in (run(self.planned(count), pull(sign), count) for sign in (1.0, -1.0))
        )
        assert down < up, (
            f"the candidates' mean is {down:g} where losses grow with it and {up:g} where they fall with it"
        )

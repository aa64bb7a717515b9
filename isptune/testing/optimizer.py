"""The conformance suite of optimizers: inherit it in a test module and set ``name`` or override ``make``."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from isptune.errors import ConfigurationError
from isptune.optimizer import Optimizer, Steps

Array = NDArray[np.float64]
Loss = Callable[[Array], tuple[Array, Array]]
"""Maps (P, n) candidates to (P,) losses and their (P, n) gradients."""

Log = list[tuple[Array, Array, Array]]
"""One (candidates, losses, gradients) per generation."""


class OptimizerConformance:
    """What every optimizer must do; a plugin's own test class inherits it.

    The suite uses no pytest fixture, so a script may call its ``test_`` methods as well.

    Class facts that a subclass sets:
        name: the registered name; or override ``make``.
        learns: False for a design that ignores the losses, such as random search; it is then not
            required to move towards lower losses.
        dimensions: the numbers of parameters that shapes and bounds are checked with.
        populations: the batch sizes that evaluation counts are checked with; None is the default one.
        generations: how many batches most checks run.
        search_generations: how many batches the checks of the search itself run.

    Example:
        >>> from isptune.testing import OptimizerConformance
        >>> class TestRandom(OptimizerConformance):
        ...     name = "random"
        ...     learns = False
    """

    name: str = ""
    learns: bool = True
    dimensions: ClassVar[tuple[int, ...]] = (1, 2, 5, 12)
    populations: ClassVar[tuple[int | None, ...]] = (None, 7, 12)
    generations: int = 6
    search_generations: int = 20

    def make(
        self, dimension: int = 5, population: int | None = None, seed: int = 0, budget: int | None = None
    ) -> Optimizer:
        """A new optimizer; override it where the registered name alone does not make one."""
        from isptune.api import create_optimizer

        return create_optimizer(
            self.name, dimension=dimension, population=population, seed=seed, budget=budget
        )

    def planned(self, generations: int | None = None, seed: int = 0, dimension: int = 5) -> Optimizer:
        """A new optimizer with a budget of exactly that many batches, so that it goes through all phases."""
        population = self.make(dimension=dimension).population
        return self.make(dimension, seed=seed, budget=population * (generations or self.generations))

    # Shapes, bounds and counts

    def test_batches_are_float64_in_the_unit_cube(self) -> None:
        for dimension in self.dimensions:
            optimizer = self.make(dimension=dimension)
            assert optimizer.dimension == dimension, (
                f"dimension is {optimizer.dimension}, expected {dimension}; call super().__init__ with the "
                "arguments"
            )
            for _ in range(self.generations):
                candidates = optimizer.ask()
                check_batch(candidates, optimizer)
                _tell(optimizer, candidates, *sphere(candidates))

    def test_candidates_stay_inside_when_losses_pull_to_a_corner(self) -> None:
        for direction in (1.0, -1.0):
            count = self.search_generations // 2
            for candidates, _, _ in run(self.planned(count), pull(direction), count):
                inside = (candidates >= 0.0) & (candidates <= 1.0)
                assert inside.all(), f"coordinates outside [0, 1]: {candidates[~inside]}"

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
            for candidates, _, _ in run(optimizer, sphere, self.generations):
                assert len(candidates) == optimizer.population, (
                    f"ask gave {len(candidates)} candidates, expected population, {optimizer.population}; "
                    "give whole batches"
                )

    # Reproducibility

    def test_the_same_seed_gives_the_same_candidates(self) -> None:
        first = run(self.planned(seed=3), sphere, self.generations)
        second = run(self.planned(seed=3), sphere, self.generations)
        _check_equal(first, second, "two runs from one seed differ")

    def test_another_seed_gives_other_candidates(self) -> None:
        first = run(self.planned(seed=3), sphere, self.generations)
        second = run(self.planned(seed=4), sphere, self.generations)
        assert any(not np.array_equal(a[0], b[0]) for a, b in zip(first, second, strict=True)), (
            "two seeds gave the same candidates"
        )

    def test_replaying_a_log_continues_it(self) -> None:
        """A resumed run: a fresh optimizer, told what a log file holds, asks for the very same candidates."""
        unbroken = run(self.planned(seed=5), sphere, self.generations)
        resumed = self.planned(seed=5)
        half = self.generations // 2
        for candidates, losses, gradients in unbroken[:half]:
            asked = resumed.ask()
            assert np.array_equal(asked, candidates), "a replayed batch differs from the logged one"
            text = json.dumps([candidates.tolist(), losses.tolist(), gradients.tolist()])
            logged, told, slopes = (np.asarray(column) for column in json.loads(text))
            _tell(resumed, logged, told, slopes)
        continued = run(resumed, sphere, self.generations - half)
        _check_equal(unbroken[half:], continued, "a resumed run differs from the unbroken one")

    def test_global_random_state_is_left_as_found(self) -> None:
        import torch

        optimizer = self.planned()
        random.seed(11)
        np.random.seed(11)
        before = random.getstate(), numpy_state(), torch.get_rng_state()
        # The construction counts as well: a method that draws its first batch there is caught by this.
        run(self.planned(), sphere, self.generations)
        run(optimizer, sphere, self.generations)
        assert random.getstate() == before[0], "the standard library's random state was changed"
        assert numpy_state() == before[1], "numpy's global random state was changed"
        assert torch.equal(torch.get_rng_state(), before[2]), "torch's global random state was changed"

    def test_global_random_state_has_no_influence(self) -> None:
        import torch

        logs: list[Log] = []
        state = torch.get_rng_state()
        for seed in (1, 2):
            random.seed(seed)
            np.random.seed(seed)
            torch.manual_seed(seed)
            logs.append(run(self.planned(), sphere, self.generations))
        torch.set_rng_state(state)
        _check_equal(logs[0], logs[1], "the candidates depend on the global random state")

    def test_callers_may_change_their_arrays(self) -> None:
        clean, careless = self.planned(), self.planned()
        for _ in range(self.generations):
            expected, candidates = clean.ask(), careless.ask()
            assert np.array_equal(expected, candidates), "changing an array of the caller changed the search"
            told, (losses, gradients) = candidates.copy(), sphere(candidates)
            _tell(clean, expected, losses.copy(), gradients.copy())
            candidates[:] = 0.5
            _tell(careless, told, losses, gradients)
            told[:], losses[:], gradients[:] = 0.25, -1.0, 7.0

    # Whole numbers and choices

    def stepped(self, counts: tuple[int, ...]) -> Optimizer:
        """A new optimizer that knows of steps; 0 stands for a real number."""
        optimizer = self.make(dimension=len(counts), population=8)
        optimizer.know(Steps(counts, partial(cells, counts)))
        return optimizer

    def test_no_values_are_asked_for_twice(self) -> None:
        kind = type(self.make())
        if not kind.avoids_repeats or kind.needs_gradient:
            return
        for counts in ((3, 4), (5, 0, 2), (0, 2), (40, 1000), (2,)):
            log = run(self.stepped(counts), sphere, self.generations)
            keys = [key for batch, _, _ in log for key in cells(counts, batch)]
            there = math.prod(counts) if all(counts) else len(keys)
            different = min(there, len(keys))
            assert len(set(keys)) == different, (
                f"{len(set(keys))} of {len(keys)} candidates differ, and {different} could, where the "
                f"coordinates have {counts} values (0: a real number)"
            )

    def test_steps_leave_candidates_reproducible(self) -> None:
        if type(self.make()).needs_gradient:
            return
        first, second = (run(self.stepped((5, 0, 2)), sphere, self.generations) for _ in range(2))
        _check_equal(first, second, "two runs from one seed differ in a space with steps,")

    # Losses that are no ordinary numbers

    def test_survives_failed_candidates(self) -> None:
        def partly_failing(candidates: Array) -> tuple[Array, Array]:
            losses, gradients = sphere(candidates)
            failed = np.arange(len(losses)) % 3 == 1
            return np.where(failed, np.inf, losses), np.where(failed[:, None], np.nan, gradients)

        self._survives(partly_failing)

    def test_survives_failed_batches(self) -> None:
        def failing(candidates: Array) -> tuple[Array, Array]:
            return np.full(len(candidates), np.inf), np.full(candidates.shape, np.nan)

        self._survives(failing)
        optimizer = self.planned()
        for generation in range(self.generations):
            candidates = optimizer.ask()
            check_batch(candidates, optimizer)
            _tell(optimizer, candidates, *(failing if generation in (0, 2) else sphere)(candidates))

    def test_survives_constant_losses(self) -> None:
        self._survives(lambda candidates: (np.full(len(candidates), 2.0), np.zeros(candidates.shape)))

    def test_survives_huge_losses(self) -> None:
        def huge(candidates: Array) -> tuple[Array, Array]:
            losses, gradients = sphere(candidates)
            return losses * 1e300, gradients * 1e300

        self._survives(huge)

    def _survives(self, loss: Loss) -> None:
        optimizer = self.planned()
        for candidates, _, _ in run(optimizer, loss, self.generations):
            check_batch(candidates, optimizer)

    # Refusals

    def test_refuses_wrong_shapes(self) -> None:
        optimizer = self.make()
        population, dimension = optimizer.population, optimizer.dimension
        candidates = optimizer.ask()
        losses, gradients = sphere(candidates)
        several = type(optimizer).is_multi_objective
        allowed = f"({population},) or ({population}, K)" if several else f"({population},)"
        for wrong, told in (
            (candidates[:, :-1], losses),
            (candidates[:-1], losses[:-1]),
            (candidates, losses[:-1]),
            (candidates, losses[:, None, None] if several else losses[:, None]),
        ):
            _refuses(
                f"the optimizer '{optimizer.name or type(optimizer).__name__}' must be told candidates of "
                f"the shape ({population}, {dimension}) and losses of the shape {allowed}, "
                f"got {wrong.shape} and {told.shape}",
                optimizer,
                wrong,
                told,
                gradients,
            )
        _tell(optimizer, candidates, losses, gradients)
        check_batch(optimizer.ask(), optimizer)

    def test_refuses_nan(self) -> None:
        optimizer = self.make()
        candidates = optimizer.ask()
        losses, gradients = sphere(candidates)
        losses[-1] = np.nan
        _refuses(
            "a loss is NaN; a candidate that failed has the loss +inf",
            optimizer,
            candidates,
            losses,
            gradients,
        )

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


def cells(counts: Sequence[int], candidates: Array) -> list[bytes]:
    """A key for each candidate: its cells, and its coordinates where ``counts`` is 0."""
    steps = np.array(counts)
    inside = np.minimum(np.floor(candidates * steps), steps - 1)
    return [row.tobytes() for row in np.where(steps > 0, inside, candidates) + 0.0]


def sphere(candidates: Array) -> tuple[Array, Array]:
    """Squared distances to a point off the centre, and their gradients."""
    offset = candidates - np.linspace(0.3, 0.6, candidates.shape[1])
    return (offset**2).sum(axis=1), 2.0 * offset


def pull(direction: float) -> Loss:
    """A loss that falls linearly towards the corner of zeros (1.0) or of ones (-1.0)."""

    def loss(candidates: Array) -> tuple[Array, Array]:
        return direction * candidates.sum(axis=1), np.full(candidates.shape, direction)

    return loss


def run(optimizer: Optimizer, loss: Loss, generations: int) -> Log:
    """Drive an optimizer for some generations and give what was asked and told."""
    log = []
    for _ in range(generations):
        candidates = optimizer.ask()
        kept = candidates.copy()
        losses, gradients = loss(kept)
        _tell(optimizer, candidates, losses, gradients)
        log.append((kept, losses, gradients))
    return log


def numpy_state() -> tuple[Any, ...]:
    """Numpy's global random state as plain values that can be compared."""
    name, keys, *rest = np.random.get_state(legacy=True)
    return (name, np.asarray(keys).tobytes(), *rest)


def _tell(optimizer: Optimizer, candidates: Array, losses: Array, gradients: Array) -> None:
    if optimizer.needs_gradient:
        optimizer.tell(candidates, losses, gradients)
    else:
        optimizer.tell(candidates, losses)


def check_batch(candidates: Array, optimizer: Optimizer) -> None:
    """Fail unless a batch has the right shape and type and lies in the unit cube."""
    shape = (optimizer.population, optimizer.dimension)
    assert isinstance(candidates, np.ndarray), f"ask gave a {type(candidates).__name__}, not an array"
    assert candidates.shape == shape, f"ask gave the shape {candidates.shape}, not {shape}"
    assert candidates.dtype == np.float64, f"ask gave {candidates.dtype}, not float64"
    assert ((candidates >= 0.0) & (candidates <= 1.0)).all(), "a coordinate is outside [0, 1] or not a number"


def _check_equal(first: Log, second: Log, message: str) -> None:
    for generation, (a, b) in enumerate(zip(first, second, strict=True)):
        assert np.array_equal(a[0], b[0]), f"{message} from generation {generation} on"


def _refuses(message: str, optimizer: Optimizer, candidates: Array, losses: Array, gradients: Array) -> None:
    refusal = None
    try:
        _tell(optimizer, candidates, losses, gradients)
    except ConfigurationError as error:
        refusal = str(error)
    assert refusal == message, f"tell raised {refusal!r}, not {message!r}"

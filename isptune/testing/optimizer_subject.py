"""What every part of the conformance suite for optimizers builds on: settings, losses, runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from isptune.contracts.free_space import FreeSpace
from isptune.contracts.optimizer import Optimizer
from isptune.tuning.proposing import Proposer

Array = NDArray[np.float64]
Loss = Callable[[Array], tuple[Array, Array | None]]
"""Maps (P, n) candidates to (P, K) losses and, of one loss, their (P, n) gradients."""

Log = list[tuple[Array, Array, Array | None]]
"""One (candidates, losses, gradients) per generation."""

RANDOM = "draw from a generator of its own that is made from seed"


class OptimizerSubject:
    """The optimizer under test and how long it is run.

    Class facts that a subclass sets:
        name: the registered name; or override ``make``.
        learns: False for a design that ignores the losses, such as random search; it is then not
            required to move towards lower losses.
        dimensions: the numbers of parameters that shapes and bounds are checked with.
        populations: the batch sizes that evaluation counts are checked with; None is the default one.
        generations: how many batches most checks run.
        search_generations: how many batches the checks of the search itself run.
    """

    name: str = ""
    learns: bool = True
    dimensions: ClassVar[tuple[int, ...]] = (1, 2, 5, 12)
    populations: ClassVar[tuple[int | None, ...]] = (None, 7, 12)
    generations: int = 6
    search_generations: int = 20

    def make(
        self,
        space: FreeSpace | int = 5,
        population: int | None = None,
        seed: int = 0,
        budget: int | None = None,
        starts: Array | None = None,
    ) -> Optimizer:
        """A new optimizer; override it where the registered name alone does not make one."""
        from isptune.plugins.api import create_optimizer

        return create_optimizer(
            self.name, space=space, population=population, seed=seed, budget=budget, starts=starts
        )

    def planned(self, generations: int | None = None, seed: int = 0, dimension: int = 5) -> Optimizer:
        """A new optimizer with a budget of exactly that many batches, so that it goes through all phases."""
        population = self.make(dimension).population
        return self.make(dimension, seed=seed, budget=population * (generations or self.generations))


def stepped(*counts: int) -> FreeSpace:
    """A space of parameters with so many values each; 0 stands for a real one."""
    return FreeSpace(
        names=tuple(f"parameter {place}" for place in range(len(counts))),
        kinds=tuple("int" if count else "float" for count in counts),
        counts=counts,
        identify=partial(cells, counts),
    )


def cells(counts: Sequence[int], candidates: Array) -> list[bytes]:
    """A key for each candidate: its cells, and its coordinates where ``counts`` is 0."""
    steps = np.array(counts)
    inside = np.minimum(np.floor(candidates * steps), steps - 1)
    return [row.tobytes() for row in np.where(steps > 0, inside, candidates) + 0.0]


def sphere(candidates: Array) -> tuple[Array, Array]:
    """Squared distances to a point off the centre, and their gradients."""
    offset = candidates - np.linspace(0.3, 0.6, candidates.shape[1])
    return (offset**2).sum(axis=1, keepdims=True), 2.0 * offset


def pull(direction: float) -> Loss:
    """A loss that falls linearly towards the corner of zeros (1.0) or of ones (-1.0)."""

    def loss(candidates: Array) -> tuple[Array, Array]:
        return direction * candidates.sum(axis=1, keepdims=True), np.full(candidates.shape, direction)

    return loss


def run(optimizer: Optimizer, loss: Loss, generations: int) -> Log:
    """Drive a fresh optimizer for some generations and give what was asked and told."""
    return follow(Proposer(optimizer), loss, generations)


def follow(proposer: Proposer, loss: Loss, generations: int) -> Log:
    """The same of one that was driven before."""
    log = []
    for _ in range(generations):
        candidates = proposer.ask()
        losses, gradients = loss(candidates)
        proposer.tell(candidates, losses, gradients)
        log.append((candidates, losses, gradients))
    return log


def check_equal(first: Log, second: Log, message: str) -> None:
    """Fail unless two logs hold the same candidates."""
    for generation, (a, b) in enumerate(zip(first, second, strict=True)):
        assert np.array_equal(a[0], b[0]), f"{message} from generation {generation} on"

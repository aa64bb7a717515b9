"""The contract of an engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from isptune.benchmark.results import Cell
from isptune.benchmark.worker import Job, Outcome

RETRIES = 3
"""How often a cell is begun again whose worker was lost, not counting the first time."""


@dataclass(frozen=True)
class Event:
    """A cell has finished a generation, or come to its end (``outcome``).

    Attributes:
        cell: which one.
        generation, generations: how many are done, of how many.
        outcome: at the end.
        lost: the worker went away, and another one takes the cell up where its log ends.
    """

    cell: Cell
    generation: int = 0
    generations: int = 0
    outcome: Outcome | None = None
    lost: bool = False


class Engine(Protocol):
    """Runs jobs and tells what happens.

    Every cell ends in its own run directory, the same whatever the engine; a cell that fails is an outcome
    and stops no other. Leaving the iterator early stops all work.
    """

    def run(self, jobs: Sequence[Job]) -> Iterator[Event]:
        """Run all jobs; every one gives an event with its outcome in the end."""
        ...

"""The contract of an engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from isptune.benchmark.cell_results import FAILED, Cell, write_cell
from isptune.benchmark.cell_worker import Job, Outcome
from isptune.errors import ConfigurationError
from isptune.tracking import Progress
from isptune.tuning.progress import ProgressBar

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


def event_of(cell: Cell, progress: Progress) -> Event:
    """What is told of a generation; of a run that time ends, the generations that there will be."""
    return Event(cell, progress.generation, ProgressBar.total(progress))


Listener = Callable[[Event], None]


class Engine(Protocol):
    """Runs jobs and tells what happens.

    Every cell ends in its own run directory, the same whatever the engine; a cell that fails is an outcome
    and stops no other. An exception of the listener, or a signal's, stops all work.

    Attributes:
        elsewhere: cells may run on machines that have what this one lacks.
    """

    elsewhere: ClassVar[bool]

    def run(self, jobs: Sequence[Job], tell: Listener) -> None:
        """Run all jobs, and tell of their generations and, at the end of each, its outcome."""
        ...


def generations(job: Job, tell: Listener) -> Callable[[Progress], None]:
    """A callback of a cell's run that tells of every generation that is new."""

    def told(progress: Progress) -> None:
        if not progress.replayed:
            tell(event_of(job.cell, progress))

    return told


def lost(job: Job, losses: int, sentence: str, waiting: deque[tuple[Job, int]]) -> Event:
    """Put a cell whose worker was lost at the head of the queue again, or give it up.

    Args:
        job: the cell.
        losses: how many workers it lost before this one.
        sentence: its error if it is given up.
        waiting: the queue, of jobs with their losses.
    """
    if losses < RETRIES:
        waiting.appendleft((job, losses + 1))
        return Event(job.cell, lost=True)
    write_cell(job.directory, job.cell, FAILED, {"error": sentence})
    return Event(job.cell, outcome=Outcome(job.cell, FAILED, sentence))


def check_count(name: str, count: int | None) -> None:
    """Refuse a number (of workers, say) below 1 with a ConfigurationError."""
    if count is not None and count < 1:
        raise ConfigurationError(f"{name} is {count}; allowed: from 1")

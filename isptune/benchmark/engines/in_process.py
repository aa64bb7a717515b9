"""One cell after the other, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from isptune.benchmark.engines.engine import Event
from isptune.benchmark.worker import Job, Worker


class InProcess:
    """The plainest engine: cells of one objective share its model."""

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads

    def run(self, jobs: Sequence[Job]) -> Iterator[Event]:
        worker = Worker(self._threads)
        for job in jobs:
            outcome = worker.run(job)
            yield Event(job.cell, outcome=outcome)

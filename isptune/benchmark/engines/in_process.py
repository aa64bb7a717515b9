"""Cells in this process: one after the other, or several whose populations are scored in one batch."""

from __future__ import annotations

import itertools
import queue
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import ClassVar

from isptune.benchmark.engines.engine import Event, check_count
from isptune.benchmark.meeting import Left, Meeting
from isptune.benchmark.worker import Job, Parts, Worker
from isptune.contracts.objective import Objective
from isptune.tracking import Progress


class InProcess:
    """Cells of one objective share its model.

    Args:
        threads: of PyTorch.
        together: how many cells of one objective go on at the same time, their populations scored in one
            batch. It pays where a single population leaves the device idle; memory grows with it.
    """

    elsewhere: ClassVar[bool] = False

    def __init__(self, threads: int = 1, together: int | None = None) -> None:
        check_count("together", together)
        self._threads = threads
        self._together = together or 1

    def run(self, jobs: Sequence[Job]) -> Iterator[Event]:
        worker = Worker(self._threads)
        for _, group in itertools.groupby(jobs, key=lambda job: job.config.objective.written):
            yield from self._run_group(worker, list(group))

    def _run_group(self, worker: Worker, jobs: list[Job]) -> Iterator[Event]:
        """Run the cells of one objective."""
        # The cells are in threads so that each can stop in the midst of a generation until the others have
        # rendered theirs, and so that their events come while they run. One thread computes at a time.
        told: queue.SimpleQueue[Event | BaseException | None] = queue.SimpleQueue()
        waiting = deque(jobs)
        meeting = Meeting(min(self._together, len(jobs)))

        def live(place: int) -> None:
            try:
                with meeting.member():
                    while waiting:
                        told.put(self._run_one(worker, waiting.popleft(), meeting, place, told))
            except Left:
                pass
            except BaseException as error:
                told.put(error)
            told.put(None)

        threads = [
            threading.Thread(target=live, args=(place,), daemon=True) for place in range(meeting.members)
        ]
        for thread in threads:
            thread.start()
        try:
            running = len(threads)
            while running:
                message = told.get()
                if isinstance(message, BaseException):
                    raise message
                if message is None:
                    running -= 1
                else:
                    yield message
        finally:
            meeting.close()
            for thread in threads:
                thread.join()

    def _run_one(
        self,
        worker: Worker,
        job: Job,
        meeting: Meeting,
        place: int,
        told: queue.SimpleQueue[Event | BaseException | None],
    ) -> Event:
        def tell(progress: Progress) -> None:
            meeting.check_open()
            if not progress.replayed:
                told.put(Event(job.cell, progress.generation, progress.generations))

        def join(objective: Objective) -> Objective:
            return meeting.seat(place, objective)

        return Event(job.cell, outcome=worker.run(job, [tell], Parts(seat=join)))

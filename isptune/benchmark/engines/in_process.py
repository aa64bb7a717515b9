"""Cells in this process, one after the other."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from typing import ClassVar

from isptune.benchmark.cell_worker import Job, Worker
from isptune.benchmark.engines.engine import Event
from isptune.tracking import Progress


class _Stopped(BaseException):
    """Nobody waits for the cells any more."""


class InProcess:
    """Cells of one objective share its model.

    Args:
        threads: of PyTorch.
    """

    elsewhere: ClassVar[bool] = False

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads

    def run(self, jobs: Sequence[Job]) -> Iterator[Event]:
        # The cells run in a thread, so that their events come while they run.
        told: queue.SimpleQueue[Event | BaseException | None] = queue.SimpleQueue()
        stopped = threading.Event()

        def live() -> None:
            worker = Worker(self._threads)
            try:
                for job in jobs:
                    told.put(_run_one(worker, job, told, stopped))
            except _Stopped:
                pass
            except BaseException as error:
                told.put(error)
            told.put(None)

        thread = threading.Thread(target=live, daemon=True)
        thread.start()
        try:
            while (message := told.get()) is not None:
                if isinstance(message, BaseException):
                    raise message
                yield message
        finally:
            stopped.set()
            thread.join()


def _run_one(
    worker: Worker,
    job: Job,
    told: queue.SimpleQueue[Event | BaseException | None],
    stopped: threading.Event,
) -> Event:
    """Run a cell; it ends after its generation where nobody waits for it any more."""

    def tell(progress: Progress) -> None:
        if stopped.is_set():
            raise _Stopped
        if not progress.replayed:
            told.put(Event(job.cell, progress.generation, progress.generations))

    return Event(job.cell, outcome=worker.run(job, [tell]))

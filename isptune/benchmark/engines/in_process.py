"""Cells in this process, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from isptune.benchmark.cell_worker import Job, Worker
from isptune.benchmark.engines.engine import Event, Listener, generations


class InProcess:
    """Cells of one objective share its model.

    Args:
        threads: of PyTorch.
    """

    elsewhere: ClassVar[bool] = False

    def __init__(self, threads: int = 1) -> None:
        self._worker = Worker(threads)

    def run(self, jobs: Sequence[Job], tell: Listener) -> None:
        mistakes: list[Exception] = []

        def told(event: Event) -> None:
            try:
                tell(event)
            except Exception as error:
                mistakes.append(error)
                raise

        for job in jobs:
            outcome = self._worker.run(job, [generations(job, told)])
            if mistakes:
                # The listener's, which to the worker is the cell's.
                raise mistakes[0]
            tell(Event(job.cell, outcome=outcome))

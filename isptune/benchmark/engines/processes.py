"""Several processes of this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, ClassVar

from isptune.benchmark.cell_worker import Job, Worker
from isptune.benchmark.engines.engine import Event, Listener, check_count, generations, lost
from isptune.errors import IsptuneError
from isptune.tuning.devices import processors


class Processes:
    """Local processes, each with a model of its own.

    A process that dies (killed for memory, say) is replaced, and its cell goes on where its log ends, three
    times at most.

    Args:
        threads: of PyTorch in every process.
        workers: how many; the number of processors over ``threads`` if None.
    """

    elsewhere: ClassVar[bool] = False

    def __init__(self, threads: int = 1, workers: int | None = None) -> None:
        check_count("workers", workers)
        self._threads = threads
        self._count = workers or max(1, processors() // threads)

    def run(self, jobs: Sequence[Job], tell: Listener) -> None:
        context = multiprocessing.get_context("spawn")
        # Cells of one objective follow each other, so that a process seldom changes models.
        waiting = deque((job, 0) for job in jobs)
        busy: dict[Connection, tuple[Any, tuple[Job, int]]] = {}
        idle: list[tuple[Connection, Any]] = []
        try:
            while waiting or busy:
                while waiting and len(busy) < self._count:
                    connection, process = idle.pop() if idle else self._start(context)
                    taken = waiting.popleft()
                    busy[connection] = process, taken
                    # A process that died just now is found below.
                    with contextlib.suppress(OSError):
                        connection.send(taken[0])
                for ready in wait(list(busy)):
                    assert isinstance(ready, Connection)
                    process, (job, losses) = busy[ready]
                    try:
                        message = ready.recv()
                    except (EOFError, OSError):
                        del busy[ready]
                        process.join()
                        tell(lost(job, losses, _ending(process.exitcode, losses + 1), waiting))
                        continue
                    if isinstance(message, IsptuneError):
                        raise message
                    if message.outcome is not None:
                        del busy[ready]
                        idle.append((ready, process))
                    tell(message)
        finally:
            for connection, process in [*idle, *((c, p) for c, (p, _) in busy.items())]:
                connection.close()
                if (connection, process) not in idle:
                    process.terminate()
            for _, process in [*idle, *((c, p) for c, (p, _) in busy.items())]:
                process.join()

    def _start(self, context: Any) -> tuple[Connection, Any]:
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._threads), daemon=True)
        process.start()
        theirs.close()
        return ours, process


def _ending(code: int | None, times: int) -> str:
    """How the processes of a cell ended, as a sentence."""
    how = f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
    return f"the process that ran it ended {how}, {times} times"


def _serve(connection: Connection, threads: int) -> None:
    """A process's life: take a job, tell of its generations and its end; until the other side hangs up."""
    # The parent alone answers Ctrl-C; where it is killed, its run directories must be free for the next one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    worker = Worker(threads)
    while True:
        try:
            job: Job = connection.recv()
        except (EOFError, OSError):
            return
        try:
            outcome = worker.run(job, [generations(job, connection.send)])
            connection.send(Event(job.cell, outcome=outcome))
        except IsptuneError as error:
            connection.send(error)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)

"""One thread that writes: what waits when it is free becomes one transaction."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from isptune.errors import DiskFullError
from isptune_study.storage import StudyStore

T = TypeVar("T")

_TOGETHER = 256
"""So many tasks at most make one transaction."""

_GATHER_SECONDS = 0.003
"""Others that come so soon after the first one are written with it."""


class Writer:
    """The only one that writes to a study's database.

    A task is a call of the store. Its future is done only after the transaction is on the disk. Tasks that
    come while one transaction is being written make the next one together, so that a disk which takes
    milliseconds for each still takes hundreds of answers a second.

    Args:
        path: of the database.
    """

    def __init__(self, path: str | Path) -> None:
        self._store = StudyStore(path)
        self._tasks: SimpleQueue[tuple[Callable[[StudyStore], Any], Future[Any]] | None] = SimpleQueue()
        self._is_closed = False
        self._closing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="study-writer", daemon=True)
        self._thread.start()

    def submit(self, task: Callable[[StudyStore], T]) -> Future[T]:
        """Run a task in the next transaction.

        Raises:
            DiskFullError: the writer is closed.
        """
        future: Future[T] = Future()
        with self._closing:
            if self._is_closed:
                raise DiskFullError("the server stops; send the answer again once it is back")
            self._tasks.put((task, future))
        return future

    def close(self) -> None:
        """Write what waits, and end."""
        with self._closing:
            if self._is_closed:
                return
            self._is_closed = True
            self._tasks.put(None)
        self._thread.join()

    def _run(self) -> None:
        more = True
        while more:
            batch, more = self._batch()
            if batch:
                self._write(batch)
        self._store.close()

    def _batch(self) -> tuple[list[tuple[Callable[[StudyStore], Any], Future[Any]]], bool]:
        """What waits, at least one, and whether more may come."""
        batch = []
        one = self._tasks.get()
        time.sleep(_GATHER_SECONDS)
        while one is not None:
            batch.append(one)
            if len(batch) >= _TOGETHER:
                return batch, True
            try:
                one = self._tasks.get_nowait()
            except Empty:
                return batch, True
        return batch, False

    def _write(self, batch: list[tuple[Callable[[StudyStore], Any], Future[Any]]]) -> None:
        done: list[tuple[Future[Any], Any, Exception | None]] = []
        try:
            with self._store.together():
                for task, future in batch:
                    if not future.set_running_or_notify_cancel():
                        continue
                    try:
                        done.append((future, task(self._store), None))
                    except sqlite3.DatabaseError:
                        raise
                    # What one asks for wrongly is no other's.
                    except Exception as error:
                        done.append((future, None, error))
        # Of the disk or of the database: nothing of the batch was kept.
        except Exception as error:
            lost = DiskFullError(f"this could not be saved: {error}")
            lost.__cause__ = error
            done = [(future, None, lost) for _, future in batch if not future.cancelled()]
        for future, result, refused in done:
            if refused is None:
                future.set_result(result)
            else:
                future.set_exception(refused)
        try:
            self._store.settle()
        except Exception:
            # The next withdrawal, or closing the database, does it.
            self._store.has_removed = True

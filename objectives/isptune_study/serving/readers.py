"""Stores for reading, as many as requests read at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from isptune_study.storage import StudyStore


class Readers:
    """Lends stores to threads, one to each at a time.

    Args:
        path: of the database.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._free: deque[StudyStore] = deque()

    @contextmanager
    def lent(self) -> Iterator[StudyStore]:
        """A store for reading while the block lasts."""
        try:
            # Taking from and adding to a deque need no lock.
            store = self._free.pop()
        except IndexError:
            store = StudyStore(self._path)
        try:
            yield store
        finally:
            self._free.append(store)

    def close(self) -> None:
        """Close all; none is lent any more."""
        while self._free:
            self._free.pop().close()

"""The SQLite file of a study: how it is opened, and how its transactions are made."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from isptune.errors import ConfigurationError
from isptune_study.study_tables import BY_BLOCK, SITTINGS, VERSION

# With WAL, NORMAL may lose acknowledged answers when the power fails.
_SYNCHRONOUS = "FULL"


class Database:
    """An open file.

    Args:
        path: of the file, which exists.

    Raises:
        ConfigurationError: there is no study, or it is of a later isptune.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise ConfigurationError(f"there is no study in '{self.path}'")
        self._may_write = _may_write(self.path)
        self._connection = connected(self.path)
        self._is_together = False
        self.has_removed = False
        """Whether something was removed that ``settle`` has yet to take out of the log of the database."""
        try:
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise ConfigurationError(f"'{self.path}' is no study: {error}") from error
        if version == 1 and self._may_write:
            self._upgrade()
        elif version not in (1, VERSION):
            self._connection.close()
            raise ConfigurationError(
                f"'{self.path}' is a study of version {version}; allowed: 1 and {VERSION}"
            )

    def _upgrade(self) -> None:
        # Whoever may only read it needs neither.
        with suppress(sqlite3.OperationalError):
            self._connection.executescript(
                f"BEGIN IMMEDIATE; {SITTINGS} {BY_BLOCK} PRAGMA user_version = {VERSION}; COMMIT;"
            )

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """One transaction of all calls within: they are on the disk together, or none is.

        A call that raises one of isptune's errors leaves nothing of itself, and the others stay.
        """
        if not self._may_write:
            raise ConfigurationError(f"'{self.path}' cannot be written")
        self._connection.execute("BEGIN IMMEDIATE")
        self._is_together = True
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # A full disk may have ended it already.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        finally:
            self._is_together = False

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction of one call, or a part of the one that is open."""
        connection = self._connection
        if not self._is_together:
            with self.together():
                yield connection
            return
        connection.execute("SAVEPOINT call")
        try:
            yield connection
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK TO call")
                connection.execute("RELEASE call")
            raise
        connection.execute("RELEASE call")

    def settle(self) -> None:
        """Take what was removed out of the log of the database as well; outside of a transaction."""
        if self.has_removed:
            self.has_removed = False
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, values).fetchall()


def _may_write(path: Path) -> bool:
    """Whether the file and those beside it that SQLite makes can be written."""
    return os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))


def _reading(path: Path) -> str:
    """How SQLite is to open a study that was archived: nothing is written beside it.

    Where another process left a log of answers beside it, SQLite has to read that as well.
    """
    log = path.with_name(f"{path.name}-wal")
    has_log = log.is_file() and log.stat().st_size > 0
    return f"{path.resolve().as_uri()}?mode=ro{'' if has_log else '&immutable=1'}"


def connected(path: Path) -> sqlite3.Connection:
    """A connection whose transactions are begun by hand."""
    try:
        # Closed by another thread than the one that it belongs to.
        connection = sqlite3.connect(
            path if _may_write(path) else _reading(path),
            timeout=30.0,
            isolation_level=None,
            check_same_thread=False,
            uri=not _may_write(path),
        )
        if _may_write(path):
            connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.DatabaseError as error:
        raise ConfigurationError(f"'{path}' is no study: {error}") from error
    connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS}")
    connection.execute("PRAGMA foreign_keys = ON")
    # What an observer takes back is written over.
    connection.execute("PRAGMA secure_delete = ON")
    return connection

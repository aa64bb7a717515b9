"""A study in one SQLite file: what is shown, to whom, and every answer, durable once it is acknowledged."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from isptune.errors import ConfigurationError
from isptune_study.answers import Answers
from isptune_study.sessions import Checks, Trial
from isptune_study.study_tables import TABLES, VERSION, Settings, StudyImage

FILE = "study.sqlite"
"""Its name in the folder of a study, beside the folder ``images``."""

_TOKEN_BYTES = 16

# With WAL, NORMAL may lose acknowledged answers when the power fails.
_SYNCHRONOUS = "FULL"


class AnswerConflictError(ConfigurationError):
    """A trial that was answered otherwise before."""


class StudyStore:
    """A study's database. All writing is one transaction a call, and on the disk when the call returns.

    The file is in WAL mode with ``synchronous=FULL``: readers do not wait for the writer, and an answer that
    was acknowledged outlives a kill and a power cut. One store belongs to one thread.

    Args:
        path: of the file, which exists.

    Raises:
        ConfigurationError: there is no study, or it is of a later isptune.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise ConfigurationError(f"there is no study in '{self.path}'")
        self._connection = _connected(self.path)
        try:
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise ConfigurationError(f"'{self.path}' is no study: {error}") from error
        if version != VERSION:
            self._connection.close()
            raise ConfigurationError(f"'{self.path}' is a study of version {version}; allowed: {VERSION}")

    @classmethod
    def create(cls, path: str | Path, settings: Settings, images: Sequence[StudyImage]) -> StudyStore:
        """Make the file of a new study.

        Raises:
            ConfigurationError: it is there already, no design can be made, or two images have one name.
        """
        path = Path(path)
        if path.exists():
            raise ConfigurationError(f"'{path}' exists; a study is not written over")
        names = [image.name for image in images]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ConfigurationError(f"two images of the study are called '{twice}'")
        scenes: dict[str, int] = {}
        for image in images:
            scenes[image.scene] = scenes.get(image.scene, 0) + 1
        for count in scenes.values():
            settings.design_for(count)
        data = {**vars(settings), "checks": vars(settings.checks)}
        with closing(_connected(path)) as connection, connection:
            connection.executescript(f"BEGIN; {TABLES} PRAGMA user_version = {VERSION};")
            connection.executemany(
                "INSERT INTO study VALUES (?, ?)",
                [(key, json.dumps(value)) for key, value in data.items()],
            )
            connection.executemany(
                "INSERT INTO images VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (place, one.name, one.scene, one.file, one.digest, json.dumps(dict(one.details)))
                    for place, one in enumerate(images)
                ],
            )
        return cls(path)

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> StudyStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def settings(self) -> Settings:
        found = {key: json.loads(value) for key, value in self._rows("SELECT key, value FROM study")}
        checks = found.pop("checks")
        golden = tuple((better, worse) for better, worse in checks.pop("golden"))
        return Settings(**found, checks=Checks(**checks, golden=golden))

    @property
    def images(self) -> list[StudyImage]:
        """In the order of their numbers, from 0."""
        found = self._rows("SELECT name, scene, file, digest, details FROM images ORDER BY image")
        return [
            StudyImage(name, scene, file, digest, json.loads(details))
            for name, scene, file, digest, details in found
        ]

    def add_observer(self, name: str, details: Mapping[str, Any] | None = None) -> tuple[int, str]:
        """A new observer's number and token of 128 bits; only a digest of the token is kept."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        try:
            with self._connection as connection:
                number = connection.execute(
                    "SELECT COALESCE(MAX(observer) + 1, 0) FROM observers"
                ).fetchone()[0]
                connection.execute(
                    "INSERT INTO observers VALUES (?, ?, ?, ?, NULL, ?)",
                    (number, name, digest_of(token), time.time(), json.dumps(dict(details or {}))),
                )
        except sqlite3.IntegrityError:
            raise ConfigurationError(f"there is an observer '{name}' already") from None
        return int(number), token

    def observer_of(self, token: str) -> int | None:
        """Whose token it is; None for nobody's and that of one who withdrew."""
        found = self._rows(
            "SELECT observer FROM observers WHERE token_digest = ? AND withdrawn IS NULL", (digest_of(token),)
        )
        return int(found[0][0]) if found else None

    def withdraw(self, observer: int) -> None:
        """Remove an observer's answers and trials; the name stays taken and the token is void."""
        with self._connection as connection:
            connection.execute("DELETE FROM answers WHERE observer = ?", (observer,))
            connection.execute("DELETE FROM trials WHERE observer = ?", (observer,))
            connection.execute(
                "UPDATE observers SET withdrawn = ? WHERE observer = ?", (time.time(), observer)
            )

    def issue(self, observer: int, block: int, trials: Iterable[tuple[str, int, int, Trial]]) -> None:
        """Note what an observer is asked next: (scene, left, right, trial), by the images' numbers."""
        rows = list(trials)
        with self._connection as connection:
            first = connection.execute(
                "SELECT COALESCE(MAX(trial) + 1, 0) FROM trials WHERE observer = ?", (observer,)
            ).fetchone()[0]
            connection.executemany(
                "INSERT INTO trials VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (observer, first + place, block, scene, left, right, trial.kind, _known(trial.expected))
                    for place, (scene, left, right, trial) in enumerate(rows)
                ],
            )

    def answer(
        self,
        observer: int,
        trial: int,
        share: float,
        key: str,
        *,
        seconds: float | None = None,
        session: int = 1,
        details: Mapping[str, Any] | None = None,
    ) -> bool:
        """Keep an answer; it is durable when this returns.

        Args:
            observer, trial: which was asked.
            share: the left one's: 1, 0.5 or 0.
            key: of this answer, made by who sends it; the same one again changes nothing.
            seconds: until the answer.
            session: the observer's sitting.
            details: plain data such as scale, zoom and flips.

        Returns:
            Whether it is new; False for the same answer again.

        Raises:
            AnswerConflictError: the trial was answered otherwise, or the key belongs to another answer.
            ConfigurationError: nobody asked that, or the share is another number.
        """
        row = (observer, trial, share, seconds, session, time.time(), key, json.dumps(dict(details or {})))
        try:
            with self._connection as connection:
                connection.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError as error:
            found = self._rows(
                "SELECT observer, trial, share, idempotency_key FROM answers "
                "WHERE (observer = ? AND trial = ?) OR idempotency_key = ?",
                (observer, trial, key),
            )
            if (observer, trial, share, key) in found:
                return False
            if found:
                raise AnswerConflictError(f"trial {trial} was answered otherwise before") from None
            raise ConfigurationError(f"the answer to trial {trial} is refused: {error}") from None
        return True

    def blocks(self, observer: int) -> int:
        """How many blocks were issued to an observer."""
        query = "SELECT COALESCE(MAX(block) + 1, 0) FROM trials WHERE observer = ?"
        return int(self._rows(query, (observer,))[0][0])

    def waiting(self, observer: int) -> list[tuple[int, int, int, int]]:
        """(trial, left, right, kind) of what was issued and not answered, in its order."""
        return self._rows(
            "SELECT trial, left_image, right_image, kind FROM trials "
            "LEFT JOIN answers USING (observer, trial) WHERE observer = ? AND share IS NULL ORDER BY trial",
            (observer,),
        )

    def read(self) -> Answers:
        """Every answer of those who did not withdraw."""
        images = self.images
        names = [row[0] for row in self._rows("SELECT name FROM observers ORDER BY observer")]
        rows = self._rows(
            "SELECT answers.observer, left_image, right_image, share, kind, expected, seconds, session "
            "FROM answers JOIN trials USING (observer, trial) ORDER BY answers.observer, answers.trial"
        )
        columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(8)]
        who, left, right, share, kind, expected, seconds, session = columns
        scenes = [one.scene for one in images]
        nan = float("nan")
        return Answers.of(
            who,
            left,
            right,
            share,
            images=[one.name for one in images],
            observers=names,
            kind=kind,
            expected=[nan if value is None else value for value in expected],
            seconds=[nan if value is None else value for value in seconds],
            session=session,
            scenes=scenes if len(set(scenes)) > 1 else (),
        )

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, values).fetchall()


def _connected(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, timeout=30.0)
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.DatabaseError as error:
        raise ConfigurationError(f"'{path}' is no study: {error}") from error
    connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS}")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def digest_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def _known(value: float) -> float | None:
    return None if value != value else value

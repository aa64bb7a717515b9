"""A study in one SQLite file: what is shown, to whom, and every answer, durable once it is acknowledged."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import Any

from isptune.errors import ConfigurationError
from isptune_study import database
from isptune_study.answers import Answers
from isptune_study.observers import Observers
from isptune_study.sessions import Checks, Trial
from isptune_study.study_tables import TABLES, VERSION, Settings, StudyImage

FILE = "study.sqlite"
"""Its name in the folder of a study, beside the folder ``images``."""


class AnswerConflictError(ConfigurationError):
    """A trial that was answered otherwise before."""


class NotAskedError(ConfigurationError):
    """An answer to what this observer was not asked."""


class StudyStore(Observers):
    """A study's database. All writing is one transaction a call, and on the disk when the call returns.

    The file is in WAL mode with ``synchronous=FULL``: readers do not wait for the writer, and an answer that
    was acknowledged outlives a kill and a power cut. One store belongs to one thread. Several calls become
    one transaction within ``together``.

    Args:
        path: of the file, which exists.

    Raises:
        ConfigurationError: there is no study, or it is of a later isptune.
    """

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
        settings.check(image.scene for image in images)
        data = {**vars(settings), "checks": vars(settings.checks)}
        with closing(database.connected(path)) as connection:
            connection.executescript(f"BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {VERSION};")
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
            connection.execute("COMMIT")
        return cls(path)

    @cached_property
    def settings(self) -> Settings:
        """How the study compares; it never changes."""
        known = {one.name for one in fields(Settings)}
        rows = self._rows("SELECT key, value FROM study")
        found = {key: json.loads(value) for key, value in rows if key in known}
        checks = found.pop("checks")
        golden = tuple((better, worse) for better, worse in checks.pop("golden"))
        return Settings(**found, checks=Checks(**checks, golden=golden))

    @cached_property
    def images(self) -> list[StudyImage]:
        """In the order of their numbers, from 0; they never change."""
        found = self._rows("SELECT name, scene, file, digest, details FROM images ORDER BY image")
        return [
            StudyImage(name, scene, file, digest, json.loads(details))
            for name, scene, file, digest, details in found
        ]

    @property
    def is_stopped(self) -> bool:
        """Whether nothing is to be shown until it goes on."""
        return bool(self._rows("SELECT 1 FROM study WHERE key = 'stopped' AND value = 'true'"))

    def stop(self, stopped: bool = True) -> None:
        """Stop a study, or let it go on."""
        with self._writing() as connection:
            connection.execute("INSERT OR REPLACE INTO study VALUES ('stopped', ?)", (json.dumps(stopped),))

    def issue(self, observer: int, block: int, trials: Iterable[tuple[str, int, int, Trial]]) -> bool:
        """Note what an observer is asked next: (scene, left, right, trial), by the images' numbers.

        Returns:
            Whether it is new; False, and nothing is changed, where that block was issued before or
            an earlier one was not answered.
        """
        rows = list(trials)
        with self._writing() as connection:
            if self.blocks(observer) > block or self.waiting(observer, 1):
                return False
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
        return True

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
            NotAskedError: nobody asked that, or the share is another number.
        """
        row = (observer, trial, share, seconds, session, time.time(), key, json.dumps(dict(details or {})))
        try:
            with self._writing() as connection:
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
            raise NotAskedError(f"the answer to trial {trial} is refused: {error}") from None
        return True

    def blocks(self, observer: int) -> int:
        """How many blocks were issued to an observer."""
        query = "SELECT COALESCE(MAX(block) + 1, 0) FROM trials WHERE observer = ?"
        return int(self._rows(query, (observer,))[0][0])

    def waiting(self, observer: int, most: int = -1) -> list[tuple[int, int, int, int]]:
        """(trial, left, right, kind) of what was issued and not answered, in its order; all where -1."""
        # Blocks before the last one were answered, or it would not have been issued.
        return self._rows(
            "SELECT trial, left_image, right_image, kind FROM trials "
            "LEFT JOIN answers USING (observer, trial) WHERE observer = ?1 "
            "AND block = (SELECT MAX(block) FROM trials WHERE observer = ?1) "
            # The plus lets SQLite look the block up instead of walking through all trials in order.
            "AND share IS NULL ORDER BY +trial LIMIT ?2",
            (observer, most),
        )

    def progress(self, observer: int) -> int:
        """How many answers an observer gave."""
        # Trials are numbered from 0, and those that wait are of the last block.
        rows = self._rows(
            "SELECT (SELECT COALESCE(MAX(trial) + 1, 0) FROM trials WHERE observer = ?1) - COUNT(*) "
            "FROM trials LEFT JOIN answers USING (observer, trial) WHERE observer = ?1 "
            "AND block = (SELECT MAX(block) FROM trials WHERE observer = ?1) AND share IS NULL",
            (observer,),
        )
        return int(rows[0][0])

    def viewed_answers(self) -> list[tuple[int, int, int, float, dict[str, Any]]]:
        """(observer, trial, sitting, given, details) of each answer, as ``read`` orders them."""
        rows = self._rows("SELECT observer, trial, session, given, details FROM answers ORDER BY 1, 2")
        return [(who, trial, number, at, json.loads(text)) for who, trial, number, at, text in rows]

    def shows(self, observer: int, image: int) -> bool:
        """Whether an image is of a trial that was issued to an observer."""
        query = "SELECT 1 FROM trials WHERE observer = ? AND (left_image = ? OR right_image = ?) LIMIT 1"
        return bool(self._rows(query, (observer, image, image)))

    def read(self, observer: int | None = None) -> Answers:
        """Every answer of those who did not withdraw, or those of one observer."""
        images = self.images
        names = [row[0] for row in self._rows("SELECT name FROM observers ORDER BY observer")]
        rows = self._rows(
            "SELECT answers.observer, left_image, right_image, share, kind, expected, seconds, session "
            "FROM answers JOIN trials USING (observer, trial) WHERE ?1 IS NULL OR answers.observer = ?1 "
            "ORDER BY answers.observer, answers.trial",
            (observer,),
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


def _known(value: float) -> float | None:
    return None if value != value else value

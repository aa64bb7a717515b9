"""The observers of a study in its database: tokens, consent, sittings, withdrawal."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from isptune.errors import ConfigurationError
from isptune_study.database import Database

_TOKEN_BYTES = 16


class Known(NamedTuple):
    """Whose token it is.

    Attributes:
        observer: the number.
        consent: the digest of the text that the observer agreed to; empty before.
    """

    observer: int
    consent: str


@dataclass(frozen=True)
class ObserverRow:
    """What is known of an observer.

    Attributes:
        observer: the number.
        name: of the observer.
        note: of who runs the study.
        consented: whether a text was agreed to.
        withdrawn: whether all answers were taken back.
        answered: how many answers count or not.
        unsure: how many of them are "not sure".
        last: when the last one was given, in seconds of the epoch; None before.
        sittings: how many visits.
    """

    observer: int
    name: str
    note: str
    consented: bool
    withdrawn: bool
    answered: int
    unsure: int
    last: float | None
    sittings: int


class Observers(Database):
    """The part of a study's database that is about observers."""

    def add_observer(self, name: str, details: Mapping[str, Any] | None = None) -> tuple[int, str]:
        """A new observer's number and token of 128 bits; only a digest of the token is kept."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        try:
            with self._writing() as connection:
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

    def renew_token(self, observer: int) -> str:
        """A new token; the old one is void.

        Raises:
            LookupError: there is no such observer, or all was withdrawn.
        """
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        with self._writing() as connection:
            changed = connection.execute(
                "UPDATE observers SET token_digest = ? WHERE observer = ? AND withdrawn IS NULL",
                (digest_of(token), observer),
            ).rowcount
        if not changed:
            raise LookupError(f"there is no observer {observer} who takes part")
        return token

    def known(self, token: str) -> Known | None:
        """Whose token it is; None for nobody's and that of one who withdrew."""
        digest = digest_of(token)
        found = self._rows(
            "SELECT observer, details, token_digest FROM observers "
            "WHERE token_digest = ? AND withdrawn IS NULL",
            (digest,),
        )
        if not found or not hmac.compare_digest(found[0][2], digest):
            return None
        return Known(int(found[0][0]), str(json.loads(found[0][1]).get("consent", {}).get("digest", "")))

    def observer_of(self, token: str) -> int | None:
        """The number of the observer of a token; None for nobody's and that of one who withdrew."""
        found = self.known(token)
        return None if found is None else found.observer

    def name_of(self, observer: int) -> str:
        """The name of an observer.

        Raises:
            LookupError: there is no such observer.
        """
        found = self._rows("SELECT name FROM observers WHERE observer = ?", (observer,))
        if not found:
            raise LookupError(f"there is no observer {observer}")
        return str(found[0][0])

    def agree(self, observer: int, digest: str) -> None:
        """Note that an observer agreed to a text; the first time counts."""
        with self._writing() as connection:
            row = connection.execute(
                "SELECT details FROM observers WHERE observer = ?", (observer,)
            ).fetchone()
            details = json.loads(row[0])
            if details.get("consent", {}).get("digest") == digest:
                return
            details["consent"] = {"digest": digest, "given": time.time()}
            connection.execute(
                "UPDATE observers SET details = ? WHERE observer = ?", (json.dumps(details), observer)
            )

    def start_sitting(self, observer: int, details: Mapping[str, Any]) -> int:
        """Note a visit; its number, from 1."""
        with self._writing() as connection:
            number = self.sittings(observer) + 1
            connection.execute(
                "INSERT INTO sittings VALUES (?, ?, ?, ?)",
                (observer, number, time.time(), json.dumps(dict(details))),
            )
        return number

    def sittings(self, observer: int) -> int:
        """How many visits of an observer there were."""
        query = "SELECT COALESCE(MAX(sitting), 0) FROM sittings WHERE observer = ?"
        return int(self._rows(query, (observer,))[0][0])

    def viewed_sittings(self) -> list[tuple[int, int, float, dict[str, Any]]]:
        """(observer, sitting, started, details) of each visit."""
        # A study of the first version that could not be written to has none.
        if not self._rows("SELECT 1 FROM sqlite_master WHERE name = 'sittings'"):
            return []
        rows = self._rows("SELECT observer, sitting, started, details FROM sittings ORDER BY 1, 2")
        return [(who, number, at, json.loads(text)) for who, number, at, text in rows]

    def withdraw(self, observer: int) -> None:
        """Remove an observer's answers, trials and sittings; the name stays taken and the token is void.

        Raises:
            LookupError: there is no such observer.
        """
        with self._writing() as connection:
            if not connection.execute("SELECT 1 FROM observers WHERE observer = ?", (observer,)).fetchone():
                raise LookupError(f"there is no observer {observer}")
            for table in ("answers", "trials", "sittings"):
                connection.execute(f"DELETE FROM {table} WHERE observer = ?", (observer,))
            connection.execute(
                "UPDATE observers SET withdrawn = COALESCE(withdrawn, ?), details = '{}' WHERE observer = ?",
                (time.time(), observer),
            )
        self.has_removed = True
        if not self._is_together:
            self.settle()

    def observer_rows(self) -> list[ObserverRow]:
        """All observers, by number."""
        rows = self._rows(
            "SELECT observers.observer, name, observers.details, withdrawn IS NOT NULL, "
            "COUNT(answers.trial), COALESCE(SUM(share = 0.5), 0), MAX(given), "
            "(SELECT COUNT(*) FROM sittings WHERE sittings.observer = observers.observer) "
            "FROM observers LEFT JOIN answers USING (observer) GROUP BY observers.observer ORDER BY 1"
        )
        found = []
        for number, name, text, withdrawn, answered, unsure, last, sittings in rows:
            details = json.loads(text)
            note, consented = str(details.get("note", "")), "consent" in details
            found.append(
                ObserverRow(number, name, note, consented, bool(withdrawn), answered, unsure, last, sittings)
            )
        return found


def digest_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()

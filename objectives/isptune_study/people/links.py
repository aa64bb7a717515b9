"""The observers of a search and their links, all of which follow from the run's notes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

from isptune_study.people.desk import Desk
from isptune_study.storage import AnswerConflictError

_BYTES = 16


class Links:
    """Who takes part, and the token of each.

    Tokens follow from a secret that the run's first generation notes, so that links are the same on another
    day. Whoever can read the run's folder can answer in the observers' place, which such a person could do
    anyway.

    Args:
        desk: keeps the notes; a generation is open.
        names: of those whom the run was started with.
    """

    def __init__(self, desk: Desk, names: Sequence[str]) -> None:
        self._desk = desk
        found = [note["secret"] for note in desk.notes if "secret" in note]
        if not found:
            found = [secrets.token_hex(_BYTES)]
            desk.note({"secret": found[0]})
        self._secret = bytes.fromhex(found[0])
        self.names = [*names, *(note["joins"] for note in desk.notes if "joins" in note)]
        self._renewed = [note["renewed"] for note in desk.notes if "renewed" in note]

    @property
    def port(self) -> int | None:
        """Of the page on an earlier day: links are whole with it alone."""
        found = [note["port"] for note in self._desk.notes if "port" in note]
        return found[-1] if found else None

    def served_at(self, port: int) -> None:
        """Note the port of the page for another day."""
        if port != self.port:
            self._desk.note({"port": port})

    @property
    def admin(self) -> str:
        """The admin's secret."""
        return self._token("admin")

    def token(self, observer: int) -> str:
        """The token of an observer; a LookupError where there is none."""
        name = self.names[observer]
        return self._token(f"observer {self._renewed.count(name)} {name}")

    def whose(self, token: str) -> int | None:
        """The observer with a token."""
        given = token.encode()
        matches = [
            place
            for place in range(len(self.names))
            if hmac.compare_digest(self.token(place).encode(), given)
        ]
        return matches[0] if matches else None

    def add(self, name: str) -> int:
        """Another observer's number.

        Raises:
            AnswerConflictError: the name is there.
            ConfigurationError: there is no generation to note it in.
        """
        if name in self.names:
            raise AnswerConflictError(f"there is an observer '{name}' already")
        self._desk.note({"joins": name})
        self.names.append(name)
        return len(self.names) - 1

    def renew(self, observer: int) -> str:
        """A new token for an observer; the old one is void."""
        name = self.names[observer]
        self._desk.note({"renewed": name})
        self._renewed.append(name)
        return self.token(observer)

    def _token(self, what: str) -> str:
        digest = hmac.new(self._secret, what.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest[:_BYTES]).decode().rstrip("=")

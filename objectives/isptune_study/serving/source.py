"""Where the pairs of a page come from and where its answers go: a study's database, or a search."""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from isptune_study.observers import Known
from isptune_study.serving.messages import (
    Asked,
    Best,
    Facts,
    Given,
    Pair,
    Progress,
    Shown,
    SittingDetails,
    StudyProgress,
)
from isptune_study.storage import AnswerConflictError, NotAskedError

__all__ = [
    "AnswerConflictError",
    "Asked",
    "Best",
    "Facts",
    "Given",
    "ImageFile",
    "Known",
    "NotAskedError",
    "Pair",
    "Progress",
    "Shown",
    "SittingDetails",
    "Source",
    "StudyProgress",
]


@dataclass(frozen=True)
class ImageFile:
    """A picture's file.

    Attributes:
        path: of it; None where the bytes are here.
        media: its type, such as ``image/png``.
        digest: what changes with its bytes.
        content: its bytes, where there is no file.
    """

    path: Path | None
    media: str
    digest: str
    content: bytes | None = None

    def read(self) -> bytes:
        if self.content is not None:
            return self.content
        if self.path is None:
            raise ValueError("a picture needs a path or its content")
        return self.path.read_bytes()


class Source(ABC):
    """What a page asks. The methods are called from several threads at once.

    An ``AnswerConflictError`` becomes the status 409, a ``NotAskedError`` or ``LookupError`` 404, and any
    other error of isptune 422, with its sentence.
    """

    @abstractmethod
    def known(self, token: str) -> Known | None:
        """Whose token it is; quick, as each request asks it."""

    @abstractmethod
    def has_agreed(self, known: Known) -> bool:
        """Whether an observer has agreed to the text that is there, if there is one."""

    @abstractmethod
    def facts(self, known: Known) -> Facts:
        """What the page shows before the first pair."""

    @abstractmethod
    def agree(self, observer: int) -> None:
        """The observer agrees to the text."""

    @abstractmethod
    def start_sitting(self, observer: int, details: SittingDetails) -> int:
        """The number of a new visit, from 1."""

    @abstractmethod
    def ask(self, observer: int, count: int) -> Asked:
        """Up to so many pairs that were not answered; the same ones until they are."""

    def peek(self, observer: int, count: int) -> Asked | None:
        """What ``ask`` gives, where that is quick to tell, and None elsewhere."""
        return None

    @abstractmethod
    def image(self, observer: int, image: str) -> ImageFile:
        """The file of a picture.

        Raises:
            LookupError: there is none, or this observer is not to see it.
        """

    @abstractmethod
    def answer(self, observer: int, given: Given) -> Future[bool]:
        """Keep an answer. The future is done once it is durable: whether it is new."""

    @abstractmethod
    def progress(self, observer: int) -> Progress:
        """How far an observer is; quick."""

    def best(self, observer: int) -> Best:
        """The best so far, beside the default.

        Raises:
            LookupError: there is none.
        """
        raise LookupError("this study has no best picture so far: it compares given ones")

    @abstractmethod
    def withdraw(self, observer: int) -> None:
        """Remove all that an observer gave.

        Raises:
            LookupError: there is no such observer.
        """

    @abstractmethod
    def study_progress(self) -> StudyProgress:
        """How far the study is."""

    @abstractmethod
    def add_observer(self, name: str, note: str) -> tuple[int, str]:
        """A new observer's number and token.

        Raises:
            AnswerConflictError: the name is there already.
        """

    @abstractmethod
    def renew_token(self, observer: int) -> tuple[str, str]:
        """An observer's name and new token; the old one is void.

        Raises:
            LookupError: there is no such observer.
        """

    @abstractmethod
    def stop(self, stopped: bool) -> None:
        """Stop showing pairs, or go on."""

    def close(self) -> None:  # noqa: B027
        """Nothing is asked any more; what was acknowledged is durable."""

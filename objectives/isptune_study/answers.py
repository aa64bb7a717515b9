"""What observers answered, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isptune.errors import ConfigurationError

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]

KINDS = ("test", "training", "repeat", "golden")
"""What a trial is for. Scales follow from tests alone; repeats and golden pairs tell how observers answer."""

TEST, TRAINING, REPEAT, GOLDEN = range(len(KINDS))


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers to "which of the two is better?", one a row, each observer's in the order of time.

    Attributes:
        observers: names, different ones.
        images: names, different ones.
        observer: (A,) who answered.
        left, right: (A,) the images.
        share: (A,) the left one's share of the win: 1, 0, or 0.5 where the observer was not sure.
        kind: (A,) places in ``KINDS``.
        expected: (A,) of golden pairs the share that is right; NaN for others.
        seconds: (A,) until the answer; NaN where nobody knows.
        session: (A,) the observer's sitting, from 1.
        scenes: what each image shows; images of different scenes are not compared. Empty for one scene.
    """

    observers: tuple[str, ...]
    images: tuple[str, ...]
    observer: Indices
    left: Indices
    right: Indices
    share: Numbers
    kind: Indices
    expected: Numbers
    seconds: Numbers
    session: Indices
    scenes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        observer: ArrayLike,
        left: ArrayLike,
        right: ArrayLike,
        share: ArrayLike,
        *,
        images: int | Sequence[str],
        observers: int | Sequence[str] | None = None,
        kind: ArrayLike | None = None,
        expected: ArrayLike | None = None,
        seconds: ArrayLike | None = None,
        session: ArrayLike | None = None,
        scenes: Sequence[str] = (),
    ) -> Answers:
        """Answers from columns; names are made up where only their number is given.

        Raises:
            ConfigurationError: columns of other lengths, places that no image or observer has, an image
                against itself, shares that are not 0, 0.5 or 1.

        Example:
            >>> len(Answers.of([0, 0], [0, 1], [1, 2], [1.0, 0.5], images=3))
            2
        """
        who = np.asarray(observer, dtype=np.int64).reshape(-1)
        count = len(who)
        if observers is None:
            observers = int(who.max(initial=-1)) + 1
        nothing = np.full(count, np.nan)
        made = cls(
            _names(observers, "observer"),
            _names(images, "image"),
            who,
            np.asarray(left, dtype=np.int64).reshape(-1),
            np.asarray(right, dtype=np.int64).reshape(-1),
            np.asarray(share, dtype=np.float64).reshape(-1),
            np.zeros(count, dtype=np.int64) if kind is None else np.asarray(kind, dtype=np.int64),
            nothing if expected is None else np.asarray(expected, dtype=np.float64),
            nothing if seconds is None else np.asarray(seconds, dtype=np.float64),
            np.ones(count, dtype=np.int64) if session is None else np.asarray(session, dtype=np.int64),
            tuple(scenes),
        )
        made._check()
        return made

    def _check(self) -> None:
        columns = (self.left, self.right, self.share, self.kind, self.expected, self.seconds, self.session)
        if any(len(column) != len(self) for column in columns):
            raise ConfigurationError("the columns of answers must be of one length")
        for column, names, what in (
            (self.observer, self.observers, "observer"),
            (self.left, self.images, "image"),
            (self.right, self.images, "image"),
        ):
            if len(column) and not (column.min() >= 0 and column.max() < len(names)):
                raise ConfigurationError(f"answers name an {what} that is none of the {len(names)}")
        if (self.left == self.right).any():
            raise ConfigurationError("an answer compares an image with itself")
        if not np.isin(self.share, (0.0, 0.5, 1.0)).all():
            raise ConfigurationError("the share of an answer must be 0, 0.5 or 1")
        if self.scenes and len(self.scenes) != len(self.images):
            raise ConfigurationError(f"there are {len(self.scenes)} scenes for {len(self.images)} images")

    def __len__(self) -> int:
        return len(self.observer)

    def where(self, chosen: NDArray[np.bool_]) -> Answers:
        """Some of the answers, of the same observers and images."""
        return replace(
            self,
            **{
                name: getattr(self, name)[chosen]
                for name in ("observer", "left", "right", "share", "kind", "expected", "seconds", "session")
            },
        )

    def tests(self) -> Answers:
        """Those that scales follow from."""
        return self if (self.kind == TEST).all() else self.where(self.kind == TEST)

    def of_scene(self, scene: str) -> Answers:
        """Those of one scene, with its images alone."""
        members = np.array([other == scene for other in self.scenes], dtype=bool)
        places = np.cumsum(members) - 1
        some = self.where(members[self.left])
        names = tuple(name for name, inside in zip(self.images, members, strict=True) if inside)
        return replace(some, images=names, left=places[some.left], right=places[some.right], scenes=())

    def without(self, observers: Sequence[str]) -> Answers:
        """Those of all observers but some."""
        gone = set(observers)
        unknown = sorted(gone - set(self.observers))
        if unknown:
            raise ConfigurationError(f"there is no observer '{unknown[0]}'")
        kept = [number for number, name in enumerate(self.observers) if name not in gone]
        places = np.full(len(self.observers), -1, dtype=np.int64)
        places[kept] = np.arange(len(kept))
        some = self.where(places[self.observer] >= 0)
        names = tuple(self.observers[number] for number in kept)
        return replace(some, observers=names, observer=places[some.observer])


def _names(given: int | Sequence[str], what: str) -> tuple[str, ...]:
    return (
        tuple(f"{what} {number + 1}" for number in range(given)) if isinstance(given, int) else tuple(given)
    )

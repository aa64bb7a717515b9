"""What a study's database holds: its tables, its images, its settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from isptune.errors import ConfigurationError, UnknownNameError
from isptune_study.designs import Design, create_design
from isptune_study.sessions import Checks, check_session

FORMULAS = ("=", "+", "-", "@")
"""No observer's name begins with one: other programs, in whose tables it stands, take it for a formula."""

VERSION = 2
"""Of the tables, as ``PRAGMA user_version`` says it. The first one had no sittings and no index."""

SITTINGS = """
CREATE TABLE IF NOT EXISTS sittings (
    observer INTEGER NOT NULL REFERENCES observers,
    sitting INTEGER NOT NULL,
    started REAL NOT NULL,
    details TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (observer, sitting)
) WITHOUT ROWID;
"""

BY_BLOCK = "CREATE INDEX IF NOT EXISTS trials_by_block ON trials (observer, block);"

TABLES = f"""
{SITTINGS}
CREATE TABLE study (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE images (
    image INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    scene TEXT NOT NULL,
    file TEXT NOT NULL,
    digest TEXT NOT NULL,
    details TEXT NOT NULL DEFAULT '{{}}'
);
CREATE TABLE observers (
    observer INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    token_digest TEXT NOT NULL UNIQUE,
    added REAL NOT NULL,
    withdrawn REAL,
    details TEXT NOT NULL DEFAULT '{{}}'
);
CREATE TABLE trials (
    observer INTEGER NOT NULL REFERENCES observers,
    trial INTEGER NOT NULL,
    block INTEGER NOT NULL,
    scene TEXT NOT NULL,
    left_image INTEGER NOT NULL REFERENCES images (image),
    right_image INTEGER NOT NULL REFERENCES images (image),
    kind INTEGER NOT NULL,
    expected REAL,
    PRIMARY KEY (observer, trial)
) WITHOUT ROWID;
CREATE TABLE answers (
    observer INTEGER NOT NULL,
    trial INTEGER NOT NULL,
    share REAL NOT NULL CHECK (share IN (0.0, 0.5, 1.0)),
    seconds REAL,
    session INTEGER NOT NULL,
    given REAL NOT NULL,
    idempotency_key TEXT NOT NULL UNIQUE,
    details TEXT NOT NULL DEFAULT '{{}}',
    PRIMARY KEY (observer, trial),
    FOREIGN KEY (observer, trial) REFERENCES trials (observer, trial)
) WITHOUT ROWID;
{BY_BLOCK}
"""


@dataclass(frozen=True)
class StudyImage:
    """An image of a study.

    Attributes:
        name: of it, which is the only one.
        scene: what it shows; images of one scene are compared.
        file: beside the database, with ``/`` between folders.
        digest: SHA-256 of the file, in hexadecimal digits.
        details: plain data, such as the parameters that it was made with.
    """

    name: str
    scene: str
    file: str
    digest: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """How a study compares.

    Attributes:
        design: by name.
        opponents: how many others each image meets with one observer.
        seed: of pairs, order and sides.
        shared: whether all observers compare the same pairs.
        checks: training, repeated and golden pairs; the latter are places among the images of a scene.
        references: by scene the file of its reference, where it has one.
        title: of the study.
    """

    design: str = "random"
    opponents: int = 9
    seed: int = 0
    shared: bool = False
    checks: Checks = Checks()  # noqa: RUF009
    references: Mapping[str, str] = field(default_factory=dict)
    title: str = ""

    def design_for(self, count: int) -> Design:
        """The design for a scene of so many images."""
        return create_design(self.design, count, self.opponents, seed=self.seed, shared=self.shared)

    def check(self, scenes: Iterable[str]) -> None:
        """Refuse what no observer could be asked.

        Args:
            scenes: of each image; none has a name where there is one alone.

        Raises:
            ConfigurationError: the design or the checks cannot be; of several scenes it names the scene.
        """
        for scene, count in Counter(scenes).items():
            try:
                check_session(self.design_for(count), self.checks)
            except UnknownNameError:
                raise
            except ConfigurationError as error:
                raise ConfigurationError(f"the scene '{scene}': {error}" if scene else str(error)) from None

"""What a pipeline calls the seeds that a benchmark varies in it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from isptune.errors import ConfigurationError

_WORD = re.compile(r"[a-z][a-z_]*")


@dataclass(frozen=True)
class Variants:
    """An option of a pipeline that holds a seed of what is to be found out, such as of a hidden map.

    A benchmark runs its values with every objective, optimizer, scene and seed.

    Attributes:
        option: the option that holds the seed.
        name: what one variant is called. ``"map"`` makes the key ``maps`` of a grid, the option ``--maps``,
            the column ``map`` of tables, and the folders ``map-0-seed-1``.

    Raises:
        ConfigurationError: the name is no word of small letters.
    """

    option: str = "seed"
    name: str = "variant"

    def __post_init__(self) -> None:
        if not _WORD.fullmatch(self.name):
            raise ConfigurationError(
                f"the name of Variants is {self.name!r}; allowed: a word of small letters"
            )

    @property
    def plural(self) -> str:
        """The key of a grid."""
        return f"{self.name}s"

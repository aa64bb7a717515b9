"""What an optimizer may know of the parameters that it searches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from isptune.wording.integers import whole_number

Candidates = NDArray[np.float64]


def _own_keys(candidates: Candidates) -> list[bytes]:
    # Adding zero makes one zero of both.
    return [row.tobytes() for row in np.asarray(candidates, dtype=np.float64) + 0.0]


def _as_they_are(candidates: Candidates) -> Candidates:
    return candidates


@dataclass(frozen=True)
class FreeSpace:
    """The n free parameters, each of which is a column of the unit cube.

    Attributes:
        names: of the parameters.
        kinds: ``"float"``, ``"int"``, ``"choice"`` or ``"bool"`` of each.
        counts: how many values each has, every one an equal cell of [0, 1]; 0 for a real one.
        identify: gives a key for each row of (P, n) candidates; keys are equal where the values of all
            parameters are. Cells, and parameters that do not matter in a candidate, make many points one.
        canonical: gives (P, n) candidates of the same values as (P, n) candidates, with parameters that do
            not matter where they would be by default.

    Example:
        >>> FreeSpace.of_reals(2).counts
        (0, 0)
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    counts: tuple[int, ...]
    identify: Callable[[Candidates], list[bytes]] = field(default=_own_keys, repr=False, compare=False)
    canonical: Callable[[Candidates], Candidates] = field(default=_as_they_are, repr=False, compare=False)

    @classmethod
    def of_reals(cls, dimension: int) -> FreeSpace:
        """That many real parameters.

        Raises:
            ConfigurationError: it is no whole number of at least 1.
        """
        count = whole_number("the number of parameters", dimension, 1)
        return cls(tuple(f"parameter {place}" for place in range(count)), ("float",) * count, (0,) * count)

    @property
    def dimension(self) -> int:
        """The number n of parameters."""
        return len(self.names)

    @property
    def is_continuous(self) -> bool:
        """Whether all parameters are real."""
        return not any(self.counts)

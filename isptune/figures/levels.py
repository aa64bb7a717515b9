"""Hidden levels per stage before and after tuning, as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from isptune.errors import ConfigurationError
from isptune.figures.convergence import Numbers


@dataclass(frozen=True)
class RecoveredLevels:
    """Hidden levels per stage before and after tuning.

    Attributes:
        labels, units: (K,) of the stages.
        maxima: (K,) the highest levels.
        start, found: (K,) levels in the stages' own units, without sign.
        start_share, found_share: (K,) levels as shares of the highest.
    """

    labels: tuple[str, ...]
    units: tuple[str, ...]
    maxima: Numbers
    start: Numbers
    found: Numbers

    @property
    def start_share(self) -> Numbers:
        return self.start / self.maxima

    @property
    def found_share(self) -> Numbers:
        return self.found / self.maxima


def recovered_levels(
    labels: Sequence[str],
    units: Sequence[str],
    maxima: ArrayLike,
    start_levels: ArrayLike,
    found_levels: ArrayLike,
) -> RecoveredLevels:
    """Hidden levels per stage, checked and without their signs.

    Args:
        labels, units: (K,) of the stages; a unit may be empty.
        maxima: (K,) the highest levels, positive.
        start_levels, found_levels: (K,) levels in the stages' own units.

    Raises:
        ConfigurationError: arrays of different lengths, a maximum that is not positive, a level that is not
            a finite number.
    """
    highest, start, found = (
        np.asarray(values, dtype=np.float64) for values in (maxima, start_levels, found_levels)
    )
    count = len(labels)
    for name, shape in (
        ("units", (len(units),)),
        ("maxima", highest.shape),
        ("start levels", start.shape),
        ("found levels", found.shape),
    ):
        if shape != (count,):
            raise ConfigurationError(f"{count} stages need {name} of the shape ({count},), got {shape}")
    if count == 0 or not (highest > 0).all():
        raise ConfigurationError("recovered levels need at least one stage, each with a positive maximum")
    if not (np.isfinite(start).all() and np.isfinite(found).all()):
        raise ConfigurationError("recovered levels need finite numbers")
    return RecoveredLevels(tuple(labels), tuple(units), highest, np.abs(start), np.abs(found))

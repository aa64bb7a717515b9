"""Newton's method on a concave function."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

_STEPS = 100
_SETTLED = 1e-10


def maximise(
    height: Callable[[Numbers], float],
    step_at: Callable[[Numbers], Numbers],
    start: Numbers,
    settled: float = _SETTLED,
) -> Numbers:
    """Where a concave function is highest.

    Args:
        height: the function.
        step_at: Newton's step from a place.
        start: where it begins.
        settled: the largest step that is the last one.
    """
    place = start
    before = height(place)
    for _ in range(_STEPS):
        step = step_at(place)
        # A step that is too long is halved until it leads upwards.
        after = height(place + step)
        while after < before and np.abs(step).max() > _SETTLED:
            step = step / 2
            after = height(place + step)
        place, before = place + step, after
        if np.abs(step).max(initial=0.0) <= settled:
            break
    return place

"""One scale from comparisons of pairs, by Thurstone's law of comparative judgement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isptune_study.laws import THURSTONE
from isptune_study.newton import maximise

Numbers = NDArray[np.float64]

PRIOR = THURSTONE.prior
"""The standard deviation of the prior; it keeps what always wins at a finite distance."""


@dataclass(frozen=True)
class Comparison:
    """Two items and the share of the win that went to the first: 1, 0, or 0.5 for a tie."""

    first: int
    second: int
    share: float


def scale(count: int, comparisons: Sequence[Comparison], anchor: float | None = None) -> Numbers:
    """The most probable positions of items on a scale of quality.

    An item at ``a`` is preferred to one at ``b`` with the probability ``Phi(a - b)``: the unit is the
    standard deviation of a difference between two impressions (L. L. Thurstone, "A law of comparative
    judgment", Psychological Review 34, 1927, case V). A normal prior of the standard deviation ``PRIOR``
    around the anchor, or 0, makes the maximum finite and unique (K. Tsukida and M. R. Gupta, "How to analyze
    paired comparison data", University of Washington, UWEETR-2011-0004); it is found by Newton's method.

    Args:
        count: of the items, 0 to ``count - 1``.
        comparisons: what was answered. With an anchor, item ``count`` is the one that stands there.
        anchor: the known position of item ``count``; None where there is no such item.

    Returns:
        (count,) positions.

    Example:
        >>> scale(2, [Comparison(0, 1, 1.0)]).round(2).tolist()
        [0.86, -0.86]
        >>> scale(1, [Comparison(0, 1, 1.0)], anchor=5.0).round(2).tolist()
        [6.42]
    """
    centre = 0.0 if anchor is None else anchor
    first = np.array([one.first for one in comparisons], dtype=np.int64)
    second = np.array([one.second for one in comparisons], dtype=np.int64)
    share = np.array([one.share for one in comparisons], dtype=np.float64)
    # (comparisons, count) with 1 for the first and -1 for the second; the anchor does not move.
    design = np.zeros((len(comparisons), count + 1))
    rows = np.arange(len(comparisons))
    design[rows, first] += 1.0
    design[rows, second] -= 1.0
    design = design[:, :count]

    def height(offsets: Numbers) -> float:
        apart = design @ offsets
        told = share * THURSTONE.log(apart) + (1 - share) * THURSTONE.log(-apart)
        return float(told.sum() - (offsets**2).sum() / (2 * PRIOR**2))

    def step_at(offsets: Numbers) -> Numbers:
        apart = design @ offsets
        up, down = THURSTONE.slope(apart), THURSTONE.slope(-apart)
        slope = design.T @ (share * up - (1 - share) * down) - offsets / PRIOR**2
        bend = share * up * (up + apart) + (1 - share) * down * (down - apart)
        curvature = (design.T * bend) @ design + np.eye(count) / PRIOR**2
        return np.asarray(np.linalg.solve(curvature, slope), dtype=np.float64)

    # A generation is small: the plain products keep the scores of earlier runs to the last bit.
    return centre + maximise(height, step_at, np.zeros(count))

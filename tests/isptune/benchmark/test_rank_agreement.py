"""Rank agreement of score and hidden loss against scipy."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from isptune.benchmark.rank_agreement import rank_agreement
from isptune.runs.history import History

Make = Callable[..., History]


def test_against_scipy(history: Make) -> None:
    generator = np.random.default_rng(0)
    losses = generator.uniform(size=41)
    scores = -losses + generator.normal(0, 0.2, 41)
    found = rank_agreement(history(scores, losses))
    assert found is not None
    assert found.overall == pytest.approx(stats.spearmanr(scores, -losses).statistic)
    # A quarter of 41, rounded up.
    assert found.late == pytest.approx(stats.spearmanr(scores[-11:], -losses[-11:]).statistic)
    assert found == rank_agreement(history(-scores, losses, higher_is_better=False))


def test_ends(history: Make) -> None:
    losses = np.linspace(1, 0, 8)
    full, against = rank_agreement(history(-losses, losses)), rank_agreement(history(losses, losses))
    assert full is not None
    assert against is not None
    assert (full.overall, full.late) == (1, 1)
    assert (against.overall, against.late) == (-1, -1)


def test_late_can_differ(history: Make) -> None:
    losses = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
    scores = np.array([1.0, 2, 3, 4, 5, 6, 8, 7])
    found = rank_agreement(history(scores, losses))
    assert found is not None
    assert found.overall > 0.9
    assert found.late == -1


def test_what_is_left_out(history: Make) -> None:
    found = rank_agreement(history([1, math.nan, 2, 3, math.nan], [0.3, 0.0, 0.2, 0.1, 0.0]))
    assert found is not None
    assert found.overall == 1
    # Of the last two only one score is finite.
    assert math.isnan(found.late)
    assert rank_agreement(history([1, 2])) is None
    for scores in ([math.nan, math.nan], [1, 1]):
        constant = rank_agreement(history(scores, [0.1, 0.2]))
        assert constant is not None
        assert math.isnan(constant.overall)

"""The gaming index on histories made by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isptune.benchmark.gaming import gaming
from isptune.runs.history import History

Make = Callable[..., History]


def test_by_hand(history: Make) -> None:
    # Best so far at 0, 2, 4, 5 with losses .5 .2 .6 .4: a fall of .3, a rise of .4, a fall of .2.
    found = gaming(history([1, 0, 2, 2, 3, 4], [0.5, 0.9, 0.2, 0.0, 0.6, 0.4]))
    assert found is not None
    assert found.improvements == 3
    assert (found.rises, found.falls) == pytest.approx((0.4, 0.5))
    assert found.index == pytest.approx(0.4 / 0.9)
    # The candidate of loss 0 only equalled the best score.
    assert found.regret == pytest.approx(0.4)


def test_ends(history: Make) -> None:
    honest = gaming(history([1, 2, 3], [0.5, 0.3, 0.1]))
    assert honest is not None
    assert (honest.rises, honest.index, honest.regret) == (0, 0, 0)
    gamed = gaming(history([1, 2, 3], [0.1, 0.3, 0.5]))
    assert gamed is not None
    assert (gamed.falls, gamed.index) == (0, 1)
    assert gamed.regret == pytest.approx(0.4)
    assert math.copysign(1, gamed.falls) == 1


def test_without_an_improvement_there_is_no_index(history: Make) -> None:
    for scores, losses in (([3, 2, 1], [0.5, 0.1, 0.2]), ([1, 2, 3], [0.5, 0.5, 0.5]), ([1], [0.5])):
        found = gaming(history(scores, losses))
        assert found is not None
        assert math.isnan(found.index)
        assert (found.rises, found.falls) == (0, 0)
    never = gaming(history([3, 2, 1], [0.5, 0.1, 0.2]))
    assert never is not None
    assert (never.improvements, never.regret) == (0, pytest.approx(0.4))


def test_the_orientation_of_the_score(history: Make) -> None:
    losses = [0.5, 0.2, 0.6]
    assert gaming(history([1, 2, 3], losses)) == gaming(history([-1, -2, -3], losses, higher_is_better=False))


def test_scores_that_are_not_finite_are_candidates_all_the_same(history: Make) -> None:
    found = gaming(history([math.nan, 1, math.nan, 2], [0.1, 0.5, 0.9, 0.4]))
    assert found is not None
    assert (found.improvements, found.index) == (1, 0)
    assert found.regret == pytest.approx(0.3)


def test_nothing_known(history: Make) -> None:
    assert gaming(history([1, 2])) is None
    assert gaming(history([math.nan, math.nan], [0.1, 0.2])) is None


@given(
    st.lists(
        st.tuples(st.one_of(st.just(math.nan), st.floats(-5, 5)), st.floats(0, 1)), min_size=1, max_size=30
    )
)
def test_properties(drawn: list[tuple[float, float]]) -> None:
    scores, losses = np.array(drawn).T
    made = History(
        np.arange(1, len(scores) + 1),
        np.zeros((len(scores), 1)),
        scores[:, None],
        ("o",),
        (True,),
        losses,
        losses,
    )
    found = gaming(made)
    if found is None:
        assert np.isnan(scores).all()
        return
    assert math.isnan(found.index) or 0 <= found.index <= 1
    assert found.regret >= 0
    first = losses[np.flatnonzero(np.isfinite(scores))[0]]
    assert found.rises - found.falls == pytest.approx(losses[made.best] - first, abs=1e-9)

"""Fronts and the max-rank compromise, against brute force and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import rankdata

from isptune.errors import ConfigurationError
from isptune.tuning.fronts import by_compromise, non_dominated, pareto_front, ranks

# Few values, so that equal ones and whole equal rows are common.
matrices = st.tuples(st.integers(0, 14), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.sampled_from([0.0, 1.0, 2.5, 3.0, np.inf, np.nan]))
)


def brute(losses):
    finite = [i for i in range(len(losses)) if np.isfinite(losses[i]).all()]

    def dominates(i, j):
        return (losses[i] <= losses[j]).all() and (losses[i] < losses[j]).any()

    return [j for j in finite if not any(dominates(i, j) for i in finite)]


@settings(max_examples=300, deadline=None)
@given(matrices)
def test_the_front_is_that_of_brute_force(losses):
    assert non_dominated(losses).tolist() == brute(losses)


@settings(max_examples=150, deadline=None)
@given(matrices)
def test_the_compromise_has_the_least_worst_rank_of_all(losses):
    order = by_compromise(losses)
    assert sorted(order.tolist()) == brute(losses)
    if len(order):
        finite = np.isfinite(losses).all(axis=1)
        worst = ranks(losses).max(axis=1)
        # No dominated candidate has a lower worst rank either.
        assert worst[order[0]] == worst[finite].min()
        assert (np.diff(worst[order]) >= 0).all()


@settings(max_examples=100, deadline=None)
@given(matrices, st.sampled_from([np.exp, lambda x: 1e-3 * x - 7, lambda x: x**3]))
def test_units_and_spread_do_not_matter(losses, bend):
    bent = losses.copy()
    bent[:, 0] = bend(losses[:, 0])
    assert by_compromise(bent).tolist() == by_compromise(losses).tolist()


def test_ranks_by_hand():
    losses = [[1.0, 50.0], [2.0, 40.0], [2.0, 10.0], [4.0, np.nan], [9.0, 20.0]]
    # 2.0 twice shares the places 2 and 3; the failed row comes last in both columns, whatever its first loss is.
    assert ranks(losses).tolist() == [[1, 4], [2.5, 3], [2.5, 1], [5, 5], [4, 2]]


@settings(max_examples=50, deadline=None)
@given(matrices)
def test_ranks_are_those_of_scipy(losses):
    failed = ~np.isfinite(losses).all(axis=1, keepdims=True)
    assert np.array_equal(ranks(losses), rankdata(np.where(failed, np.inf, losses), axis=0))


def test_the_compromise_by_hand():
    losses = np.array(
        [
            [1.0, 500.0],  # ranks 1 and 6
            [2.0, 400.0],  # 2, 5
            [3.0, 20.0],  # 3, 2: the worst of its ranks is the lowest of all
            [4.0, 10.0],  # 4, 1
            [5.0, 30.0],  # 5, 3: dominated
            [6.0, 40.0],  # 6, 4: dominated
        ]
    )
    assert non_dominated(losses).tolist() == [0, 1, 2, 3]
    assert by_compromise(losses).tolist() == [2, 3, 1, 0]


def test_ties_go_by_the_mean_rank_and_then_by_order():
    # Worst ranks are 3, 3 and 3; the means of the ranks (1,2,3), (2,3,1) and (3,1,2) are equal.
    assert by_compromise([[0, 1, 2], [1, 2, 0], [2, 0, 1]]).tolist() == [0, 1, 2]
    # Ranks (1, 3), (3, 1) and (2, 2): the last is the compromise, the first two are equal.
    assert by_compromise([[0, 2], [2, 0], [1, 1]]).tolist() == [2, 0, 1]
    # Ranks (1, 3, 1), (3, 1, 2), (2, 2, 3): worst 3 each, means 5/3, 2 and 7/3.
    assert by_compromise([[0, 2, 0], [2, 0, 1], [1, 1, 2]]).tolist() == [0, 1, 2]


def test_a_front_keeps_orientations_and_a_repeated_candidate_once():
    candidates = np.array([[0.1], [0.2], [0.1], [0.3], [0.4]])
    scores = np.array([[10.0, 1.0], [20.0, 2.0], [10.0, 1.0], [5.0, 3.0], [np.nan, 0.0]])
    front = pareto_front(candidates, scores, ("gain", "cost"), (True, False))
    assert sorted(front.indices.tolist()) == [0, 1]
    assert len(front) == 2
    assert front.scores.tolist() == scores[front.indices].tolist()
    assert front.candidates.tolist() == candidates[front.indices].tolist()


def test_an_empty_run_has_an_empty_front():
    front = pareto_front(np.empty((0, 3)), np.empty((0, 2)), ("a", "b"), (True, True))
    assert len(front) == 0
    failed = pareto_front(np.zeros((2, 3)), np.full((2, 2), np.nan), ("a", "b"), (True, True))
    assert len(failed) == 0


def test_refusals():
    with pytest.raises(ConfigurationError) as caught:
        non_dominated([1.0, 2.0])
    assert str(caught.value) == "several losses per candidate make a matrix of the shape (E, K), got (2,)"
    with pytest.raises(ConfigurationError) as caught:
        pareto_front(np.zeros((2, 3)), np.zeros((2, 2)), ("a",), (True,))
    assert str(caught.value) == (
        "2 candidates with 1 labels and 1 orientations do not fit scores of the shape (2, 2)"
    )

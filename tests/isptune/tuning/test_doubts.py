"""What guards and the distance from the defaults add to losses: the formula, frozen with the first generation."""

from __future__ import annotations

import numpy as np
import pytest

from isptune import Choice, Float, Int, ParameterSpace
from isptune.runs.generation import Generation
from isptune.tuning.doubts import Frame, Penalties, spread_of

SPACE = ParameterSpace({"a": Float(0.0, 1.0, default=0.5), "b": Float(0.0, 1.0, default=0.5)})


def generation(
    scores: list[float], guards: list[float] | None, start: list[float] | None = None
) -> Generation:
    """Scores of which higher is better, and of a guard of which lower is better."""
    rows = len(scores)
    return Generation(
        number=0,
        candidates=np.linspace(0, 1, 2 * rows).reshape(rows, 2),
        scores=np.array(scores, dtype=np.float64)[:, None],
        seconds=0.0,
        guards=None if guards is None else np.array(guards, dtype=np.float64)[:, None],
        reference=None if start is None else np.array([start]),
    )


def penalties(**settings: float) -> Penalties:
    given = {"weight": 2.0, "tolerance": 0.5, "stay_near": 0.0, **settings}
    return Penalties(SPACE, (True,), (False,) if given["weight"] else (), **given)


def test_the_spread_is_robust_and_never_hides_a_difference() -> None:
    assert spread_of(np.array([0.0, 1.0, 2.0, 3.0, 1000.0])) == pytest.approx(1.4826)
    assert spread_of(np.array([1.0, 1.0, 1.0, 5.0])) == pytest.approx(np.std([1, 1, 1, 5]))
    assert spread_of(np.array([2.0, np.inf, np.nan, 2.0])) == 0.0
    assert spread_of(np.array([np.nan])) == 0.0


def test_the_penalty_is_the_lesser_of_gain_and_harm_beyond_the_tolerance() -> None:
    # Spreads: 1.4826 of the scores, 2 x 1.4826 of the guard's; the start scores 1 and 4.
    unit = 1.4826
    one = generation([0, 1, 2, 3, 4], [0, 2, 4, 6, 20], start=[1.0, 4.0])
    penalties().fine(one)
    gains = np.array([-1, 0, 1, 2, 3]) / unit
    harms = np.array([-4, -2, 0, 2, 16]) / (2 * unit) - 0.5
    expected = np.clip(np.minimum(gains, harms), 0, None)
    assert one.doubts is not None
    assert one.penalties is not None
    np.testing.assert_allclose(one.doubts[:, 0], expected, atol=1e-12)
    np.testing.assert_allclose(one.penalties[:, 0], 2 * unit * expected, atol=1e-12)
    # The last one gains 3 and is contradicted as much: with a weight of 2 it is as bad as 3 worse.
    assert one.penalties[-1, 0] == pytest.approx(6.0)


def test_start_and_scale_are_frozen_with_the_first_generation() -> None:
    first = generation([0, 1, 2, 3, 4], [0, 2, 4, 6, 20], start=[1.0, 4.0])
    later = generation([10, 100], [50, 50])
    both, alone = penalties(), penalties()
    both.fine(first)
    noted = first.penalties
    both.fine(later)
    assert first.penalties is noted
    # A resumed run reads the first generation, with what was noted, and adds the same to the next.
    read = Generation.from_line(first.to_line("run"))[1]
    alone.fine(read)
    again = generation([10, 100], [50, 50])
    alone.fine(again)
    np.testing.assert_array_equal(read.penalties, noted)
    np.testing.assert_array_equal(again.penalties, later.penalties)


def test_without_a_scored_start_the_first_compromise_stands_for_it() -> None:
    losses, guards = np.array([[3.0], [1.0], [0.0]]), np.array([[0.0], [1.0], [9.0]])
    for start in (None, np.array([np.inf, np.inf])):
        frame = Frame.of(losses, guards, start)
        assert frame is not None
        assert (frame.losses.tolist(), frame.guards.tolist()) == ([1.0], [1.0])
    assert Frame.of(np.full((2, 1), np.inf), np.full((2, 1), np.inf), None) is None


def test_a_judge_without_a_scale_has_no_doubts_and_what_failed_has_none() -> None:
    same = generation([0, 1, 2, 3], [5, 5, 5, 5], start=[0.0, 5.0])
    penalties().fine(same)
    assert same.doubts is not None
    assert not same.doubts.any()
    failed = generation([np.nan, 1, 2, 3], [np.nan, 2, 4, 6], start=[0.0, 0.0])
    penalties().fine(failed)
    assert failed.penalties is not None
    assert failed.penalties[0, 0] == 0.0
    assert failed.penalties[3, 0] > 0.0


def test_the_worst_of_several_guards_counts_in_each_column() -> None:
    scored = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, -2.0]])
    guards = np.array([[0.0, 0.0], [1.0, 9.0], [2.0, 0.0]])
    one = Generation(0, np.zeros((3, 2)), scored, 0.0, guards=guards, reference=np.zeros((1, 4)))
    Penalties(SPACE, (True, True), (False, False), 1.0, 0.0, 0.0).fine(one)
    assert one.doubts is not None
    assert one.penalties is not None
    # The second guard saw one candidate apart from two equal ones: its scale is their standard deviation.
    assert (one.doubts > 0).tolist() == [[False, False], [True, True], [True, False]]
    # The second column calls the last candidate worse than the start: nothing is to be doubted there.
    assert one.penalties[2, 0] > 0
    assert one.penalties[2, 1] == 0
    assert (one.penalties[1] > 0).all()


def test_staying_near_adds_the_mean_distance_from_the_defaults_in_spreads() -> None:
    one = generation([0, 1, 2, 3, 4], None)
    prior = penalties(weight=0.0, stay_near=0.5)
    prior.fine(one)
    distance = np.abs(one.candidates - 0.5).mean(axis=1)
    assert one.penalties is not None
    np.testing.assert_allclose(one.penalties[:, 0], 0.5 * 1.4826 * distance)
    np.testing.assert_allclose(
        prior.slopes(np.array([[0.9, 0.1]])), 0.5 * 1.4826 * np.array([[0.5, -0.5]]), rtol=1e-12
    )


def test_distances_are_those_of_what_candidates_mean() -> None:
    space = ParameterSpace({"mode": Choice(("a", "b", "c"), default="b"), "taps": Int(1, 5, default=3)})
    prior = Penalties(space, (True,), (), 1.0, 0.5, 1.0)
    # Another option is 1 away, near or far; 3 of 1 to 5 is reached from anywhere in its cell.
    found = prior.distances(np.array([[0.5, 0.5], [0.4, 0.59], [0.1, 0.5], [0.9, 0.5], [0.5, 0.9]]))
    np.testing.assert_allclose(found, [0.0, 0.0, 0.5, 0.5, 0.2])


def test_a_run_without_guards_and_prior_notes_nothing() -> None:
    one = generation([0, 1, 2], None)
    penalties(weight=0.0).fine(one)
    assert one.penalties is None
    assert "penalties" not in one.to_line("run")

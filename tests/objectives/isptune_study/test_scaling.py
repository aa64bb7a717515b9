"""Scales and win counts: the maximum is found, the truth comes back, and intervals hold it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm, spearmanr

from isptune.errors import ConfigurationError, UnknownNameError
from isptune_people import Comparison, scale
from isptune_study import BRADLEY_TERRY, THURSTONE, Answers, People, count_wins, fit
from isptune_study.laws import law_of
from isptune_study.simulation import preference

TASTE = People(taste=0.5)


@pytest.mark.parametrize("law", [THURSTONE, BRADLEY_TERRY])
def test_the_fit_is_the_maximum(law, study: Callable) -> None:
    _, answers = study(observers=2, count=8, opponents=3, people=People(unsure=0.3))
    assert 0.5 in answers.share

    def negative(positions: np.ndarray) -> float:
        apart = positions[answers.left] - positions[answers.right]
        log = norm.logcdf if law is THURSTONE else lambda x: -np.log1p(np.exp(-x))
        told = answers.share * log(apart) + (1 - answers.share) * log(-apart)
        return float(-told.sum() + (positions**2).sum() / (2 * law.prior**2))

    expected = minimize(negative, np.zeros(8), tol=1e-12).x
    found = fit(answers, law)
    assert found.positions == pytest.approx(expected, abs=1e-4)
    assert found.positions.sum() == pytest.approx(0, abs=1e-9)


def test_it_is_the_scale_of_the_judge(study: Callable) -> None:
    _, answers = study(observers=3, count=10, opponents=5)
    rows = [Comparison(*row) for row in zip(answers.left, answers.right, answers.share, strict=True)]
    assert fit(answers).positions == pytest.approx(scale(10, rows), abs=1e-7)


def test_the_truth_comes_back(study: Callable) -> None:
    for seed in range(3):
        qualities, answers = study(seed=seed, people=TASTE)
        found = fit(answers)
        counts = count_wins(answers, found)
        assert counts.opponents == 9
        assert counts.mos.min() >= 0
        assert counts.mos.max() <= 9
        assert counts.mos.sum() == pytest.approx(450)
        assert spearmanr(qualities, found.positions).statistic > 0.985
        assert spearmanr(qualities, counts.mos).statistic > 0.98
        assert spearmanr(fit(answers, BRADLEY_TERRY).positions, found.positions).statistic > 0.998
        assert found.positions == pytest.approx(TASTE.expected(qualities), abs=1.0)


@pytest.mark.parametrize("shared", [False, True])
def test_intervals_hold_the_truth_where_observers_have_tastes(shared: bool, study: Callable) -> None:
    scales, wins = [], []
    for seed in range(4):
        qualities, answers = study(seed=seed, people=TASTE, span=3.0, shared=shared)
        found = fit(answers)
        scales.append(np.abs(found.positions - TASTE.expected(qualities)) <= found.half_widths)
        counts = count_wins(answers, found)
        expected = 9 / 99 * (preference(qualities, TASTE).sum(axis=1) - 0.5)
        wins.append(np.abs(counts.mos - expected) <= counts.half_widths)
    # The benchmark asks for 0.93 to 0.97 of 20 studies.
    assert 0.91 <= np.mean(scales) <= 0.985
    assert 0.91 <= np.mean(wins) <= 0.985


def test_the_bootstrap_says_the_same(study: Callable) -> None:
    _, answers = study(observers=10, count=20, opponents=9, people=TASTE, span=3.0)
    first, second = fit(answers), fit(answers, intervals="bootstrap")
    assert (first.positions == second.positions).all()
    assert np.median(second.half_widths / first.half_widths) == pytest.approx(1.0, abs=0.15)
    assert (fit(answers, intervals="bootstrap").half_widths == second.half_widths).all()


def test_one_observer_has_no_intervals(study: Callable) -> None:
    _, answers = study(observers=1, count=10, opponents=3)
    found = fit(answers)
    assert np.isfinite(found.positions).all()
    assert np.isnan(found.half_widths).all()
    assert np.isnan(count_wins(answers, found).half_widths).all()


def test_parts_that_no_answer_connects_are_told_and_stay_finite() -> None:
    answers = Answers.of([0, 0, 1, 1], [0, 2, 0, 2], [1, 3, 1, 3], [1, 1, 1, 1], images=5)
    found = fit(answers)
    assert not found.is_connected
    assert found.parts.tolist() == [0, 0, 1, 1, 2]
    assert found.positions[4] == 0
    assert np.isfinite(found.half_widths).all()
    assert count_wins(answers, found).mos.tolist()[:4] == [1, 0, 1, 0]
    assert np.isnan(count_wins(answers, found).mos[4])


def test_ties_are_half_a_win_each_way_and_units_agree() -> None:
    answers = Answers.of([0, 1], [0, 0], [1, 1], [0.5, 0.5], images=2)
    assert fit(answers).positions == pytest.approx([0, 0])
    assert count_wins(answers, fit(answers)).mos.tolist() == [0.5, 0.5]
    # Three of four prefer the first: one JOD, up to what the prior holds back.
    many = Answers.of(np.arange(400) % 20, [0] * 400, [1] * 400, [1.0, 1.0, 1.0, 0.0] * 100, images=2)
    for law in (THURSTONE, BRADLEY_TERRY):
        assert np.ptp(fit(many, law, prior=100.0).jod) == pytest.approx(1.0, abs=0.01)


def test_a_study_without_answers_knows_nothing() -> None:
    found = fit(Answers.of([], [], [], [], images=3))
    assert found.positions.tolist() == [0, 0, 0]
    assert np.isnan(count_wins(Answers.of([], [], [], [], images=3), found).mos).all()


def test_mistakes_are_refused() -> None:
    one = Answers.of([0], [0], [1], [1.0], images=2)
    with pytest.raises(ConfigurationError, match="intervals is 'percentile'; allowed: sandwich, bootstrap"):
        fit(one, intervals="percentile")
    with pytest.raises(ConfigurationError, match="level is 95; allowed: between 0 and 1"):
        fit(one, level=95)
    with pytest.raises(ConfigurationError, match="the prior is 0; allowed: above 0"):
        fit(one, prior=0)
    with pytest.raises(UnknownNameError, match="there is no law 'bt'; allowed: thurstone, bradley-terry"):
        law_of("bt")
    with pytest.raises(ConfigurationError, match="an answer compares an image with itself"):
        Answers.of([0], [1], [1], [1.0], images=2)
    with pytest.raises(ConfigurationError, match="answers name an image that is none of the 2"):
        Answers.of([0], [0], [2], [1.0], images=2)
    with pytest.raises(ConfigurationError, match="the share of an answer must be 0, 0.5 or 1"):
        Answers.of([0], [0], [1], [0.7], images=2)
    with pytest.raises(ConfigurationError, match="lapses of the observers is 2; allowed: 0 to 1"):
        People(lapses=2)

"""Who meets whom, and what scale follows from the answers."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm, spearmanr

from isptune_people import Comparison, pairs_of, scale
from isptune_people.thurstone import PRIOR


@pytest.mark.parametrize("count", range(1, 10))
@pytest.mark.parametrize("comparisons", [1, 2, 3, 4, 7, 20])
@pytest.mark.parametrize("leader", [None, "best"])
def test_each_meets_equally_many_others_once(count: int, comparisons: int, leader: str | None) -> None:
    items = [f"i{number}" for number in range(count)]
    found = pairs_of(items, comparisons, np.random.default_rng(3), leader)
    assert len({frozenset(pair) for pair in found}) == len(found)
    assert all(one != other for one, other in found)
    meetings = Counter(name for pair in found for name in pair)
    wanted = min(comparisons - (leader is not None), count - 1) + (leader is not None)
    extra = sorted(meetings[item] - wanted for item in items)
    uneven = (wanted - (leader is not None)) % 2 and count % 2
    assert extra == [0] * (count - 1) + [1 if uneven else 0]
    assert meetings[leader] == (count if leader else 0)


def test_two_meetings_each_connect_all() -> None:
    items = [f"i{number}" for number in range(9)]
    reached, pairs = {"i0"}, pairs_of(items, 2, np.random.default_rng(0))
    for _ in items:
        reached |= {name for pair in pairs if reached & set(pair) for name in pair}
    assert reached == set(items)


def test_the_scale_is_the_maximum_of_its_probability() -> None:
    generator = np.random.default_rng(1)
    answers = [
        Comparison(*generator.choice(6, 2, replace=False).tolist(), share)
        for share in generator.choice([0.0, 0.5, 1.0], 40).tolist()
    ]

    def negative(offsets: np.ndarray) -> float:
        places = np.append(offsets, 0.0)
        apart = np.array([places[one.first] - places[one.second] for one in answers])
        share = np.array([one.share for one in answers])
        told = share * norm.logcdf(apart) + (1 - share) * norm.logcdf(-apart)
        return float(-told.sum() + (offsets**2).sum() / (2 * PRIOR**2))

    expected = minimize(negative, np.zeros(5), tol=1e-12).x
    assert scale(5, answers, anchor=7.0) == pytest.approx(7.0 + expected, abs=1e-5)


def test_true_places_come_back_from_many_answers() -> None:
    generator = np.random.default_rng(0)
    truth = np.linspace(-1.5, 1.5, 8)
    answers = []
    for _ in range(6000):
        first, second = generator.choice(8, 2, replace=False).tolist()
        won = truth[first] - truth[second] + generator.standard_normal() > 0
        answers.append(Comparison(first, second, float(won)))
    assert scale(8, answers) == pytest.approx(truth, abs=0.12)


def test_what_always_wins_stays_finite_and_in_order() -> None:
    answers = [Comparison(i, j, 1.0) for i in range(30) for j in range(i + 1, 30)]
    found = scale(30, answers)
    assert np.isfinite(found).all()
    assert spearmanr(found, np.arange(30)[::-1]).statistic == 1.0
    assert found.sum() == pytest.approx(0.0, abs=1e-8)


def test_without_answers_all_stand_at_the_anchor() -> None:
    assert scale(3, [], anchor=2.5).tolist() == [2.5] * 3
    assert scale(1, []).tolist() == [0.0]

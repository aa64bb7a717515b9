"""A Gaussian process learns from comparisons which settings are better, and what to compare next."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm, spearmanr

from isptune.errors import ConfigurationError
from isptune_study.preferences import Kernel, Preferences, PreferenceSearch

OPTIMUM = np.array([0.3, 0.8])


def worth(points: np.ndarray) -> np.ndarray:
    return -12 * np.abs(points - OPTIMUM).sum(axis=-1)


def answered(
    search: PreferenceSearch, count: int, draws: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    pairs, shares = np.empty((0, 2, 2)), np.empty(0)
    for _ in range(count):
        pair = search.next_pair(pairs, shares)
        apart = worth(pair[0]) - worth(pair[1]) + draws.standard_normal()
        pairs = np.concatenate([pairs, pair[None]])
        shares = np.append(shares, 0.5 if abs(apart) < 0.3 else float(apart > 0))
    return pairs, shares


def test_the_mode_is_the_most_probable_utility() -> None:
    generator = np.random.default_rng(0)
    pairs, shares = generator.random((4, 2, 2)), np.array([1.0, 0.0, 0.5, 1.0])
    kernel = Kernel(0.6, 2.0)
    found = Preferences(pairs, shares, kernel)
    points = pairs.reshape(-1, 2)
    prior = multivariate_normal(cov=kernel(points, points) + 1e-9 * np.eye(8))

    def height(utilities: np.ndarray) -> float:
        apart = utilities[0::2] - utilities[1::2]
        told = shares * norm.logcdf(apart) + (1 - shares) * norm.logcdf(-apart)
        return float(told.sum() + prior.logpdf(utilities))

    mode = found.mean(points)
    best = height(mode)
    for direction in generator.standard_normal((20, 8)):
        # Along the prior's own directions, so that the steps are of its size.
        step = 0.05 * kernel(points, points) @ direction / 4
        assert height(mode + step) < best
        assert height(mode - step) < best


def test_draws_follow_the_posterior() -> None:
    generator = np.random.default_rng(1)
    pairs = generator.random((30, 2, 2))
    shares = (worth(pairs[:, 0]) > worth(pairs[:, 1])).astype(float)
    found = Preferences(pairs, shares, Kernel(0.7, 4.0))
    points = generator.random((40, 2))
    draws = found.draws(points, 400, generator)
    assert draws.mean(axis=0) == pytest.approx(found.mean(points), abs=1.0)
    assert spearmanr(found.mean(points), worth(points)).statistic > 0.9
    # Answers make the utilities surer than the prior was.
    assert (draws - draws.mean(axis=1, keepdims=True)).std(axis=0).mean() < 4.0


def test_a_search_comes_near_the_optimum_and_goes_on_where_it_was() -> None:
    search = PreferenceSearch(2, seed=3)
    pairs, shares = answered(search, 16, np.random.default_rng(0))
    best = search.best(pairs, shares)
    assert np.abs(best - OPTIMUM).mean() < 0.12
    assert ((pairs >= 0) & (pairs <= 1)).all()
    assert pairs[0, 0].tolist() == [0.5, 0.5]
    assert not (pairs[:, 0] == pairs[:, 1]).all(axis=1).any()
    # A process that starts anew with the answers asks the same next.
    again = PreferenceSearch(2, seed=3)
    assert (again.next_pair(pairs, shares) == search.next_pair(pairs, shares)).all()
    assert (PreferenceSearch(2, seed=4).next_pair(pairs, shares) != search.next_pair(pairs, shares)).any()


def test_without_answers_it_starts_at_the_default() -> None:
    search = PreferenceSearch(2, start=np.array([0.1, 0.2]))
    none = np.empty((0, 2, 2)), np.empty(0)
    assert search.best(*none).tolist() == [0.1, 0.2]
    assert search.next_pair(*none)[0].tolist() == [0.1, 0.2]
    with pytest.raises(ConfigurationError, match="there is no free parameter to compare settings of"):
        PreferenceSearch(0)

"""Model-based search with gradients: conformance, the model against differences, and where it helps."""

from __future__ import annotations

import numpy as np
import pytest

from isptune.optimizers._sloped import SlopedSurrogate
from isptune.optimizers.bo_gradients import GradientModelSearch
from isptune.optimizers.gradient import Adam
from isptune.testing import OptimizerConformance
from isptune.tuning.proposing import Proposer

OPTIMUM = np.array([0.3, 0.6, 0.45])


class TestConformance(OptimizerConformance):
    dimensions = (1, 6)
    populations = (None, 5)
    generations = 3
    search_generations = 5

    def make(self, space=5, population=None, seed=0, budget=None, starts=None):
        return GradientModelSearch(space, population, seed, budget, starts, initial=3)


def logarithm_of_squares(candidates):
    """Like minus a psnr, (P, 1), and its gradients."""
    away = candidates - OPTIMUM
    squares = (away**2).sum(axis=1, keepdims=True) + 1e-4
    return np.log(squares), 2.0 * away / squares


def valleys(candidates):
    """Many valleys a parameter, of which one is the deepest."""
    away = candidates - OPTIMUM
    losses = np.abs(away) + 0.4 * np.sin(3.0 * np.pi * away) ** 2
    slopes = np.sign(away) + 1.2 * np.pi * np.sin(6.0 * np.pi * away)
    return losses.sum(axis=1, keepdims=True), slopes


def sloped(count=14):
    points = np.random.default_rng(0).random((count, 3))
    losses, gradients = logarithm_of_squares(points)
    gradients[3] = np.nan
    return points, SlopedSurrogate(points, losses[:, 0], gradients)


def test_a_model_finds_its_parameters_by_the_right_gradient():
    _, model = sloped()
    middle, spread, _, _ = model.layout.priors()
    at = middle + 0.3 * np.random.default_rng(2).standard_normal(len(middle))
    _, slopes = model._misfit(at, middle, spread)
    for place in range(len(at)):
        step = 1e-5 * (np.arange(len(at)) == place)
        above, below = (model._misfit(at + sign * step, middle, spread)[0] for sign in (1, -1))
        assert slopes[place] == pytest.approx((above - below) / 2e-5, rel=1e-4, abs=1e-5)


def test_a_model_tells_the_losses_and_the_slopes_that_it_saw():
    points, model = sloped()
    means, _ = model.predict(points)
    assert np.abs(means - model.values).max() < 1e-3
    told = model._seen[len(points) :].reshape(3, -1)
    others = np.delete(points, 3, axis=0)
    for place in range(3):
        step = 1e-4 * (np.arange(3) == place)
        found = (model.predict(others + step)[0] - model.predict(others - step)[0]) / 2e-4
        assert found == pytest.approx(told[place], abs=0.02 * np.abs(told[place]).max())


def test_a_few_slopes_tell_more_than_as_many_losses():
    generator = np.random.default_rng(5)
    points, other = generator.random((12, 3)), generator.random((300, 3))
    losses, gradients = valleys(points)
    true, _ = valleys(other)
    with_slopes = SlopedSurrogate(points, losses[:, 0], gradients).predict(other)[0]
    without = SlopedSurrogate(points, losses[:, 0], np.full_like(gradients, np.nan)).predict(other)[0]
    assert np.corrcoef(with_slopes, true[:, 0])[0, 1] > np.corrcoef(without, true[:, 0])[0, 1] + 0.2


def test_a_pending_point_counts_as_seen():
    points, model = sloped()
    pending = np.array([[0.9, 0.1, 0.9], [0.1, 0.9, 0.1]])
    before, uncertain = model.predict(pending)
    for point in pending:
        model.expect(point)
    after, certain = model.predict(pending)
    assert after == pytest.approx(before, abs=1e-5)
    assert (certain < 0.3 * uncertain).all()
    assert len(model.smoothed()) == len(points) + 2


def lowest(optimizer, loss, batches):
    proposer, found = Proposer(optimizer), []
    for _ in range(batches):
        candidates = proposer.ask()
        losses, gradients = loss(candidates)
        proposer.tell(candidates, losses, gradients)
        found.append(float(losses.min()))
    return min(found)


def test_finds_the_deepest_of_many_valleys_where_descent_stays_in_one():
    assert lowest(GradientModelSearch(3, seed=0), valleys, 12) < 0.1
    assert lowest(Adam(3, population=2, seed=0), valleys, 12) > 0.3

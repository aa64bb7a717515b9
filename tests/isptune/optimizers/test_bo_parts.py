"""Model-based search where more is known of losses: what labels add to them, and that a race estimated some."""

from __future__ import annotations

import numpy as np
import pytest

from isptune.optimizers._composed import ComposedSurrogate
from isptune.optimizers._doubted import DoubtedSurrogate
from isptune.optimizers._surrogate import Surrogate
from isptune.optimizers.bo import ModelSearch
from isptune.tuning.proposing import Proposer

ORDERED = np.zeros(6, dtype=bool)
OPTIMUM = np.linspace(0.2, 0.8, 6)


def parts_of(points):
    """(N, 3): each is a curve of two of six parameters, as families of distortion are."""
    away = np.abs(points - OPTIMUM) + 0.3 * np.sin(6.0 * (points - OPTIMUM)) ** 2
    return (away.reshape(len(points), 3, 2) ** 1.5).sum(axis=2)


def test_a_sum_is_modelled_better_by_its_parts():
    generator = np.random.default_rng(0)
    points, other = generator.random((30, 6)), generator.random((300, 6))
    parts, true = parts_of(points), parts_of(other).sum(axis=1)
    losses = parts.sum(axis=1)
    model = ComposedSurrogate(points, losses, parts, ORDERED)
    means, deviations = model.predict(other)
    errors = np.abs(means - true)
    assert np.abs(model.smoothed() - losses).max() < 0.02 * np.ptp(losses)
    # It gives losses themselves, and knows how far it is off.
    assert np.mean(errors < 2.0 * deviations) > 0.8
    plain, _ = Surrogate(points, losses, ORDERED).predict(other)
    assert np.corrcoef(means, true)[0, 1] > np.corrcoef(plain, true)[0, 1]
    model.expect(other[0])
    assert model.predict(other[:1])[1] < 0.5 * deviations[0]


def test_what_parts_lack_of_a_loss_is_a_part_and_small_parts_are_one():
    points = np.random.default_rng(1).random((20, 6))
    parts = parts_of(points)
    penalty = 2.0 * points[:, 0]
    small = np.repeat(1e-3 * points[:, 1:2], 5, axis=1)
    told = np.concatenate([parts, small, np.ones((20, 1))], axis=1)
    losses = told.sum(axis=1) + penalty
    model = ComposedSurrogate(points, losses, told, ORDERED)
    assert len(model._parts) == 3 + 1 + 1
    assert np.abs(model.smoothed() - losses).max() < 0.02 * np.ptp(losses)


def run(optimizer, batches, tell):
    proposer, lowest = Proposer(optimizer), np.inf
    for _ in range(batches):
        candidates = proposer.ask()
        parts = parts_of(candidates)
        if tell:
            optimizer.learn_labels(parts)
        losses = parts.sum(axis=1, keepdims=True)
        proposer.tell(candidates, losses)
        lowest = min(lowest, float(losses.min()))
    return lowest


def test_a_search_that_is_told_the_parts_of_losses_is_ahead():
    told, plain = (run(ModelSearch(6, seed=0), 7, tell) for tell in (True, False))
    assert told < 0.5 * plain


def race(points, generator):
    """Losses of a parabola; of two thirds estimates, as a race moves them behind the others."""
    losses = ((points - OPTIMUM) ** 2).sum(axis=1)
    estimated = np.arange(len(points)) % 3 > 0
    return losses + np.where(estimated, generator.uniform(0.2, 0.8, len(points)), 0.0), estimated


def test_estimates_are_trusted_less_than_what_was_measured():
    generator = np.random.default_rng(2)
    points = generator.random((45, 6))
    told, estimated = race(points, generator)
    model = DoubtedSurrogate(points, told, ORDERED, estimated)
    off = np.abs(model.smoothed() - model.values)
    assert off[~estimated].max() < 0.3 * off[estimated].mean()
    _, deviations = model.predict(points)
    assert deviations[~estimated].max() < deviations[estimated].min()
    # Pending candidates have the noise of what is measured.
    model.expect(np.full(6, 0.5))
    assert len(model.smoothed()) == 46


def test_doubt_is_fitted_by_the_right_gradient():
    generator = np.random.default_rng(3)
    points = generator.random((15, 6))
    told, estimated = race(points, generator)
    model = DoubtedSurrogate(points, told, ORDERED, estimated)
    middle, spread, _, _ = model.layout.priors()
    _, slopes = model._misfit(middle, middle, spread)
    for place in (model.layout.noise, model.layout.doubt):
        step = 1e-5 * (np.arange(len(middle)) == place)
        above, below = (model._misfit(middle + sign * step, middle, spread)[0] for sign in (1, -1))
        assert slopes[place] == pytest.approx((above - below) / 2e-5, rel=1e-4)


def test_a_search_remembers_which_losses_are_estimates():
    optimizer = ModelSearch(6, population=5, seed=0, initial=5)
    proposer = Proposer(optimizer)
    for batch in range(3):
        candidates = proposer.ask()
        if batch:
            optimizer.learn_estimates(np.array([False, False, True, True, True]))
        proposer.tell(candidates, ((candidates - OPTIMUM) ** 2).sum(axis=1, keepdims=True))
    assert np.flatnonzero(optimizer._estimated).tolist() == [7, 8, 9, 12, 13, 14]
    (model,) = optimizer._models(np.arange(15))
    assert isinstance(model, DoubtedSurrogate)

"""Model-based search: conformance, its model and acquisitions against brute force, its spaces and failures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import isptune
from isptune import Bool, Float, ParameterSpace
from isptune.errors import ConfigurationError
from isptune.optimizers._acquisition import expected_volume, free_boxes, log_expected_improvement, thinned
from isptune.optimizers._promise import safety_of
from isptune.optimizers._surrogate import Surrogate
from isptune.optimizers.bo import ModelSearch
from isptune.parameters.identity import free_space
from isptune.testing import MultiObjectiveConformance
from isptune.testing.optimizer_subject import stepped
from isptune.tuning.fronts import non_dominated
from isptune.tuning.proposing import Proposer

pytestmark = pytest.mark.smoke

ORDERED = np.zeros(3, dtype=bool)


class TestConformance(MultiObjectiveConformance):
    dimensions = (1, 6)
    populations = (None, 7)
    objectives = (2,)
    generations = 3
    search_generations = 6

    def make(self, space=5, population=None, seed=0, budget=None, starts=None):
        return ModelSearch(space, population, seed, budget, starts, initial=5)


def run(optimizer, loss, batches):
    """All candidates and losses of some batches."""
    proposer, points, losses = Proposer(optimizer), [], []
    for _ in range(batches):
        points.append(proposer.ask())
        losses.append(loss(points[-1]))
        proposer.tell(points[-1], losses[-1])
    return np.concatenate(points), np.concatenate(losses)


def logarithm_of_squares(candidates):
    """Like minus a psnr: all but a singularity at its optimum."""
    return np.log(((candidates - [0.3, 0.6, 0.45]) ** 2).sum(axis=1, keepdims=True) + 1e-12)


def test_a_model_tells_what_it_saw_and_learns_the_scale():
    points = np.random.default_rng(0).random((40, 3))
    model = Surrogate(points, logarithm_of_squares(points)[:, 0], ORDERED)
    means, deviations = model.predict(points)
    assert np.abs(means - model.values).max() < 0.01
    assert deviations.max() < 0.1
    # The exponential of the losses is a parabola.
    assert model.hyper[model.layout.warp] > 0.5
    far, _ = model.predict(np.array([[0.3, 0.6, 0.45], [1.0, 0.0, 1.0]]))
    assert far[0] < np.quantile(model.values, 0.1) < far[1]


def test_a_model_finds_its_parameters_by_the_right_gradient():
    points = np.random.default_rng(1).random((15, 3))
    model = Surrogate(points, logarithm_of_squares(points)[:, 0], np.array([False, True, False]))
    middle, spread, _, _ = model.layout.priors()
    at = middle + 0.3 * np.random.default_rng(2).standard_normal(len(middle))
    _, slopes = model._misfit(at, middle, spread)
    for place in range(len(at)):
        step = 1e-5 * (np.arange(len(at)) == place)
        above, below = (model._misfit(at + sign * step, middle, spread)[0] for sign in (1, -1))
        assert slopes[place] == pytest.approx((above - below) / 2e-5, rel=1e-4, abs=1e-5)


def test_a_pending_point_counts_as_seen():
    points = np.random.default_rng(3).random((20, 3))
    model = Surrogate(points, logarithm_of_squares(points)[:, 0], ORDERED)
    pending = np.array([[0.9, 0.1, 0.9]])
    (before,), (uncertain,) = model.predict(pending)
    model.expect(pending[0])
    (after,), (certain,) = model.predict(pending)
    assert after == pytest.approx(before, abs=1e-6)
    assert certain < 0.1 * uncertain


def test_expected_improvement_is_that_of_draws_and_tells_hopeless_candidates_apart():
    means, deviations = np.array([0.0, 1.0, 2.0]), np.array([1.0, 0.5, 1.0])
    draws = means[:, None] + deviations[:, None] * np.random.default_rng(4).standard_normal((3, 200_000))
    improvements = np.maximum(0.5 - draws, 0.0).mean(axis=1)
    found = log_expected_improvement(means, deviations, 0.5)
    assert np.exp(found) == pytest.approx(improvements, rel=0.03)
    hopeless = log_expected_improvement(np.array([40.0, 41.0]), np.ones(2), 0.0)
    assert np.isfinite(hopeless).all()
    assert hopeless[0] > hopeless[1]


@pytest.mark.parametrize("count", [2, 3])
def test_boxes_are_what_no_point_of_a_front_dominates(count):
    generator = np.random.default_rng(count)
    losses = generator.random((12, count))
    front, reference = losses[non_dominated(losses)], np.full(count, 1.1)
    low, high = free_boxes(front, reference)
    places = generator.random((2000, count)) * (reference + 0.5) - 0.5
    inside = ((places[:, None] >= low) & (places[:, None] < high)).all(axis=2).sum(axis=1)
    dominated = (places[:, None] >= front[None]).all(axis=2).any(axis=1)
    assert np.array_equal(inside, ~dominated)


def test_expected_volume_is_that_of_draws():
    boxes = free_boxes(np.array([[0.2, 0.8], [0.6, 0.3]]), np.ones(2))
    draws = 0.4 + 0.2 * np.random.default_rng(5).standard_normal((100_000, 1, 2))
    volumes = np.maximum(boxes[1] - np.maximum(boxes[0], draws), 0.0).prod(axis=2).sum(axis=1)
    found = expected_volume(np.full((1, 2), 0.4), np.full((1, 2), 0.2), boxes)
    assert found[0] == pytest.approx(volumes.mean(), rel=0.02)


def test_a_large_front_keeps_its_ends():
    first = np.linspace(0.0, 1.0, 200)
    kept = thinned(np.stack([first, 1.0 - first], axis=1))
    assert len(kept) == 60
    assert kept.min() == 0.0
    assert np.diff(np.sort(kept[:, 0])).max() < 0.04


def test_finds_the_optimum_of_a_psnr_like_loss_in_sixty_evaluations():
    _, losses = run(ModelSearch(3, population=6, seed=0), logarithm_of_squares, 10)
    assert losses.min() < np.log(1e-5)


def test_finds_the_best_of_mixed_parameters_and_repeats_nothing():
    space = stepped(4, 0, 3)
    optimizer = ModelSearch(space, population=4, seed=1)

    def loss(candidates):
        cells = np.floor(candidates[:, [0, 2]] * [4, 3])
        away = (cells != [2, 0]).sum(axis=1) + (candidates[:, 1] - 0.7) ** 2
        return away[:, None]

    points, losses = run(optimizer, loss, 8)
    assert losses.min() < 1e-3
    assert len(set(space.identify(points))) == len(points)


def test_lists_a_small_space_and_asks_for_all_of_it_once():
    space = stepped(4, 3)
    points, _ = run(ModelSearch(space, population=4, seed=0), lambda x: x.sum(axis=1, keepdims=True), 3)
    assert len(set(space.identify(points))) == 12


def test_what_does_not_matter_in_a_candidate_is_left_out_of_it():
    space = ParameterSpace(
        {
            "denoise": Bool(default=False),
            "radius": Float(0, 1, active_if={"denoise": True}),
            "gain": Float(0, 1),
        }
    )

    def loss(candidates):
        values = space.to_values(torch.from_numpy(candidates)).numpy()
        # The radius counts for nothing without denoising, which is worth a half.
        away = np.where(values[:, 0] > 0.5, np.abs(values[:, 1] - 0.7), 0.5) + (values[:, 2] - 0.3) ** 2
        return away[:, None]

    optimizer = ModelSearch(free_space(space), population=4, seed=0)
    points, losses = run(optimizer, loss, 6)
    assert losses.min() < 0.05
    off = points[8:][points[8:, 0] < 0.5]
    assert len(np.unique(off[:, 1])) <= 1


def test_a_front_is_found_where_some_candidates_fail():
    space = stepped(0, 3, 0)

    def losses(candidates):
        first = candidates[:, 0] + np.floor(candidates[:, 1] * 3)
        found = np.stack([first, 1.0 - candidates[:, 0] + candidates[:, 2]], axis=1)
        found[(candidates[:, 0] > 0.3) & (candidates[:, 0] < 0.6)] = np.inf
        return found

    optimizer = ModelSearch(space, population=5, seed=0)
    _, found = run(optimizer, losses, 7)
    front = found[non_dominated(found)]
    # Of a front from (0, 1) to (1, 0), with a gap where candidates fail.
    assert (front.sum(axis=1) < 1.1).sum() >= 6
    assert front[:, 0].min() < 0.1
    assert front[:, 0].max() > 0.8
    failed = np.isinf(found).any(axis=1)
    assert failed[20:].mean() < failed[:20].mean()


def test_failures_are_learnt_from():
    def loss(candidates):
        return np.where(candidates[:, :1] > 0.5, np.inf, -candidates.sum(axis=1, keepdims=True))

    optimizer = ModelSearch(2, population=5, seed=0)
    _, losses = run(optimizer, loss, 5)
    # The best ones lie at the border of what fails.
    assert losses.min() < -1.4
    safety = optimizer._safety(np.isfinite(optimizer._losses).all(axis=1))
    fine, fails = safety_of(safety)(np.array([[0.2, 0.5], [0.9, 0.5]]))
    assert fine > np.log(0.7)
    assert fails < np.log(0.3)


def test_a_resumed_search_does_not_plan_its_log_again(monkeypatch):
    def loss(candidates):
        return logarithm_of_squares(candidates)

    points, losses = run(ModelSearch(3, population=5, seed=2, initial=5), loss, 4)
    again = ModelSearch(3, population=5, seed=2, initial=5)
    resumed = Proposer(again)
    with monkeypatch.context() as patched:
        patched.setattr(Surrogate, "__init__", None)
        for begin in range(0, 15, 5):
            logged = points[begin : begin + 5]
            assert np.array_equal(resumed.ask(logged), logged)
            resumed.tell(logged, losses[begin : begin + 5])
    assert np.array_equal(resumed.ask(), points[15:])
    # The first batches are compared with the log.
    other = Proposer(ModelSearch(3, population=5, seed=3, initial=5))
    assert not np.array_equal(other.ask(points[:5]), points[:5])


def test_options_are_checked():
    with pytest.raises(ConfigurationError, match="initial"):
        isptune.create_optimizer("bo", space=2, initial=1)


def test_first_batches_take_a_third_of_a_small_budget():
    assert ModelSearch(8, budget=30).initial == 10
    assert ModelSearch(8).initial == 16


def test_starts_fill_the_batches_that_they_need():
    starts = np.linspace(0.05, 0.95, 14 * 3).reshape(14, 3)
    search = ModelSearch(3, 5, 0, starts=starts)
    asked, losses = np.empty((0, 3)), np.empty((0, 1))
    for _ in range(6):
        batch = search.propose()
        search.learn(batch, ((batch - 0.4) ** 2).sum(axis=1, keepdims=True))
        asked = np.concatenate([asked, batch])
        losses = np.concatenate([losses, ((batch - 0.4) ** 2).sum(axis=1, keepdims=True)])
    assert np.array_equal(asked[:14], starts)
    # After them it plans.
    assert losses[15:].min() < 0.2 * losses[:15].min()

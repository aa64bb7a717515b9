"""Adam from several starts: conformance, failures, bounds, and how few evaluations it needs."""

from __future__ import annotations

import numpy as np
import pytest

from isptune.errors import ConfigurationError
from isptune.optimizers.es import EvolutionStrategy
from isptune.optimizers.gradient import Adam
from isptune.plugins.api import create_optimizer
from isptune.testing import OptimizerConformance


class TestConformance(OptimizerConformance):
    name = "adam"


class TestConformanceOfOneStart(OptimizerConformance):
    name = "adam"

    def make(self, space=5, population=None, seed=0, budget=None, starts=None):
        return create_optimizer(
            "adam",
            space=space,
            population=population,
            seed=seed,
            budget=budget,
            starts=starts,
            learning_rate=0.05,
            beta1=0.9,
            patience=3,
        )


def decibels(seed: int):
    """Minus a PSNR whose squared error is a positive form of the levels |x - o| ** gamma of a hidden map.

    Gives losses, gradients and the mean level; the chain rule is written out by hand.
    """
    generator = np.random.default_rng([seed, 9])
    optimum, gamma = generator.uniform(0.2, 0.8, 5), generator.uniform(1.0, 2.0, 5)
    reach = np.maximum(optimum, 1.0 - optimum)
    root = np.diag(generator.uniform(0.2, 1.0, 5)) + 0.1 * generator.standard_normal((5, 5))
    form = root @ root.T

    def evaluate(x):
        offset = (x - optimum) / reach
        levels = np.abs(offset) ** gamma
        error = np.einsum("pi,ij,pj->p", levels, form, levels) + 1e-10
        by_level = 10.0 / np.log(10.0) * 2.0 * (levels @ form) / error[:, None]
        slopes = by_level * gamma * np.abs(offset) ** (gamma - 1.0) * np.sign(offset) / reach
        return 10.0 * np.log10(error), slopes, levels.mean(axis=1)

    return evaluate


def evaluations_until(optimizer, evaluate, target: float) -> float:
    """How many candidates it takes until the best one by loss has a mean level of at most the target."""
    lowest = np.inf
    for generation in range(1, 60):
        candidates = optimizer.propose()
        losses, slopes, level = evaluate(candidates)
        optimizer.learn(candidates, losses[:, None], slopes)
        if losses.min() < lowest:
            lowest, reached = losses.min(), level[losses.argmin()]
        if reached <= target:
            return generation * optimizer.population
    return np.inf


def test_needs_at_most_half_of_the_evaluations_of_es():
    """A candidate with its gradient costs a forward and a backward pass and counts as three evaluations."""
    adam = np.median([3 * evaluations_until(Adam(5, seed=s), decibels(s), 0.02) for s in range(10)])
    es = np.median([evaluations_until(EvolutionStrategy(5, seed=s), decibels(s), 0.02) for s in range(10)])
    assert adam <= 0.5 * es


def test_the_written_gradient_is_the_true_one():
    evaluate, point = decibels(3), np.full((1, 5), 0.31)
    slopes = evaluate(point)[1][0]
    for i, unit in enumerate(np.eye(5) * 1e-6):
        rise = (evaluate(point + unit)[0] - evaluate(point - unit)[0])[0] / 2e-6
        assert slopes[i] == pytest.approx(rise, rel=1e-4)


def test_the_first_step_is_the_learning_rate_down_the_gradient():
    optimizer = Adam(3, population=2, seed=0, learning_rate=0.07)
    first = optimizer.propose()
    signs = np.array([[1.0, -1.0, 1.0], [-1.0, 1.0, 0.0]])
    optimizer.learn(first, np.zeros((2, 1)), signs * 123.0)
    # Adam's first step has the same length for gradients of any scale; it ends at the cube's faces.
    np.testing.assert_allclose(optimizer.propose(), np.clip(first - 0.07 * signs, 0.0, 1.0), atol=1e-9)


def test_steps_shrink_where_a_minimum_is_stepped_over():
    optimizer = Adam(1, population=1, seed=1, beta1=0.0, patience=1000)
    moves, last = [], None
    for _ in range(25):
        candidates = optimizer.propose()
        if last is not None:
            moves.append(abs(float(candidates[0, 0] - last)))
        last = float(candidates[0, 0])
        # The slope of |x - 0.5| has the same size everywhere: without the gain, steps would not shrink.
        optimizer.learn(candidates, np.abs(candidates - 0.5), np.sign(candidates - 0.5))
    assert max(moves[-5:]) < 0.1 * max(moves[:5])
    assert abs(last - 0.5) < 0.02


def test_reaches_an_optimum_in_a_corner_exactly():
    optimizer = Adam(4, seed=0)
    for _ in range(20):
        candidates = optimizer.propose()
        optimizer.learn(candidates, candidates.sum(axis=1, keepdims=True), np.ones_like(candidates))
    assert (candidates.sum(axis=1) == 0.0).any()


@pytest.mark.parametrize("broken", ["loss", "gradient"])
def test_a_start_that_fails_begins_anew_and_the_others_go_on(broken):
    optimizer, sound = Adam(3, seed=2), Adam(3, seed=2)
    for _ in range(3):
        candidates = optimizer.propose()
        assert np.array_equal(sound.propose(), candidates)
        losses, slopes = ((candidates - 0.4) ** 2).sum(axis=1), 2.0 * (candidates - 0.4)
        sound.learn(candidates, losses[:, None], slopes)
        if _ == 2:
            losses[1] = np.inf if broken == "loss" else losses[1]
            slopes[1, 0] = np.nan if broken == "gradient" else slopes[1, 0]
        optimizer.learn(candidates, losses[:, None], slopes)
    after, expected = optimizer.propose(), sound.propose()
    others = [0, 2, 3]
    assert np.array_equal(after[others], expected[others])
    assert not np.array_equal(after[1], expected[1])
    assert ((after[1] >= 0.0) & (after[1] <= 1.0)).all()


@pytest.mark.parametrize("seed", range(4))
def test_leaves_local_minima(seed):
    """Starts fall into the nearest of eight dips; restarts find the deepest one."""

    def wavy(x):
        offset = x - 0.62
        losses = (offset**2 + 0.1 * np.sin(25.0 * offset) ** 2).sum(axis=1)
        return losses, 2.0 * offset + 2.5 * np.sin(50.0 * offset)

    optimizer, lowest = Adam(1, seed=seed, learning_rate=0.02), []
    for _ in range(240):
        candidates = optimizer.propose()
        losses, slopes = wavy(candidates)
        optimizer.learn(candidates, losses[:, None], slopes)
        lowest.append(losses.min())
    assert min(lowest) < 1e-4


@pytest.mark.parametrize(
    "options",
    [
        {"learning_rate": 0.0},
        {"beta1": 1.0},
        {"beta2": -0.1},
        {"patience": 0},
    ],
    ids=str,
)
def test_refuses_options_out_of_range(options, snapshot):
    with pytest.raises(ConfigurationError) as caught:
        create_optimizer("adam", space=2, **options)
    assert str(caught.value) == snapshot

"""CMA-ES straight from pycma: conformance, and the numbers of Nevergrad's twin."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from isptune.errors import IsptuneError
from isptune.plugins.api import create_optimizer
from isptune.testing import MultiObjectiveConformance, OptimizerConformance
from isptune.testing.multi_objective import distances, follow
from isptune.testing.optimizer_subject import run, stepped


class TestCMA(OptimizerConformance):
    name = "cma"


class TestSeveralObjectives(MultiObjectiveConformance):
    """It is told the volume that the front dominates."""

    name = "cma"
    dimensions = (1, 5)
    generations = 4
    search_generations = 12


def test_it_recovers_hidden_optima_in_1500_evaluations():
    """The hidden maps' shape, |x - o| ** gamma, with an optimum away from the centre."""
    reached = []
    for seed in range(2):
        generator = np.random.default_rng([seed, 41])
        optimum, gamma = generator.uniform(0.2, 0.8, 5), generator.uniform(1.0, 2.0, 5)
        log = run(
            create_optimizer("cma", space=5, seed=seed, budget=1500),
            lambda x, o=optimum, g=gamma: (
                (np.abs(x - o) ** g).mean(axis=1, keepdims=True),
                np.zeros_like(x),
            ),
            50,
        )
        reached.append(min(losses.min() for _, losses, _ in log))
    assert max(reached) < 1e-4


def bowl(points):
    """A minimum off the centre."""
    return ((points - 0.3) ** 2).sum(axis=1)


def slope(points):
    """A minimum in a corner, where proposals are clipped."""
    return points.sum(axis=1)


def failing(points):
    """Half of the range cannot be rendered."""
    return np.where(points[:, 0] > 0.5, np.inf, points.sum(axis=1))


def flat(points):
    """Nothing to learn."""
    return np.ones(len(points))


@pytest.mark.parametrize(
    ("dimension", "population", "generations", "loss"),
    [
        (5, 30, 50, bowl),
        (10, 30, 20, slope),
        (5, 8, 60, failing),
        (20, 12, 20, flat),
        # More parameters have smaller first steps, fewer than 4 + 3 ln n candidates take two batches.
        (18, 30, 20, bowl),
        (2, 3, 120, bowl),
        (1, 6, 120, bowl),
    ],
)
def test_it_proposes_what_nevergrad_proposes(dimension, population, generations, loss):
    """Equal in every bit, through convergence and new starts."""
    own, twin = (
        create_optimizer(name, space=dimension, population=population, seed=7)
        for name in ("cma", "nevergrad:DiagonalCMA")
    )
    for _ in range(generations):
        candidates = own.propose()
        np.testing.assert_array_equal(candidates, twin.propose())
        for optimizer in (own, twin):
            optimizer.learn(candidates, loss(candidates)[:, None])


def test_with_several_losses_it_is_nevergrads():
    own, twin = (
        follow(create_optimizer(name, space=3, population=6, seed=2, budget=36), distances, 6)
        for name in ("cma", "nevergrad:DiagonalCMA")
    )
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(own, twin, strict=True))


def test_batches_smaller_than_a_generation_are_told_together():
    """4 + 3 ln 5 candidates are 8: three batches of 3 learn as one batch of 9 does."""
    small = create_optimizer("cma", space=5, population=3, seed=1)
    large = create_optimizer("cma", space=5, population=9, seed=1)
    for _ in range(20):
        parts = []
        for _ in range(3):
            parts.append(small.propose())
            small.learn(parts[-1], bowl(parts[-1])[:, None])
        candidates = large.propose()
        np.testing.assert_array_equal(np.concatenate(parts), candidates)
        large.learn(candidates, bowl(candidates)[:, None])


def test_it_starts_anew_where_it_has_converged():
    optimizer = create_optimizer("cma", space=2, population=10, seed=0)
    spreads = []
    # Nothing of pycma draws from numpy's global generator.
    np.random.seed(11)
    for _ in range(120):
        candidates = optimizer.propose()
        spreads.append(candidates.std())
        optimizer.learn(candidates, bowl(candidates)[:, None])
    assert np.random.get_state()[2] == np.random.RandomState(11).get_state()[2]
    narrowest = int(np.argmin(spreads))
    assert spreads[narrowest] < 1e-4
    assert max(spreads[narrowest:]) > 0.02


def test_a_file_of_options_in_the_working_directory_is_not_read(tmp_path, monkeypatch):
    """Pycma would take options of a running search from it."""
    monkeypatch.chdir(tmp_path)
    expected = run(create_optimizer("cma", space=3, seed=1), slopes, 4)
    Path("cma_signals.in").write_text("{'maxiter': 1}")
    found = run(create_optimizer("cma", space=3, seed=1), slopes, 4)
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(expected, found, strict=True))


def slopes(points):
    return slope(points)[:, None], np.ones_like(points)


def test_an_error_of_pycma_says_whose_it_is(monkeypatch):
    import cma

    def broken(*_):
        raise RuntimeError("no luck")

    monkeypatch.setattr(cma.CMAEvolutionStrategy, "ask", broken)
    with pytest.raises(IsptuneError) as caught:
        create_optimizer("cma", space=2).propose()
    assert str(caught.value) == "pycma failed: RuntimeError: no luck"


def test_it_imports_nevergrad_only_for_several_objectives():
    code = (
        "import sys, isptune; optimizer = isptune.create_optimizer('cma', space=3); points = optimizer.propose();"
        "optimizer.learn(points, points.sum(1, keepdims=True)); assert 'cma' in sys.modules; assert 'nevergrad' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_start_is_the_mean_and_the_steps_are_a_twentieth_of_the_range_and_half_a_cell():
    start = np.array([[0.5, 0.25, 0.505]])
    batches = [
        create_optimizer("cma", space=stepped(0, 2, 100), population=30, seed=seed, starts=start).propose()
        for seed in range(20)
    ]
    assert all(np.array_equal(batch[0], start[0]) for batch in batches)
    moved = np.concatenate([batch[1:] for batch in batches]) - start
    np.testing.assert_allclose(np.median(np.abs(moved), axis=0)[[0, 2]], 0.05 * 0.6745, rtol=0.15)
    assert 0.1 < (moved[:, 1] > 0.25).mean() < 0.4


def test_starts_take_the_place_of_points_and_the_generation_is_told_whole():
    """Eight candidates are a generation: three batches of three, of which the first begins with two starts."""
    starts = [[0.2, 0.3, 0.9, 0.1, 0.5], [0.7, 0.7, 0.1, 0.5, 0.5]]
    small = create_optimizer("cma", space=5, population=3, seed=1, starts=starts)
    large = create_optimizer("cma", space=5, population=9, seed=1, starts=starts)
    for _ in range(10):
        parts = []
        for _ in range(3):
            parts.append(small.propose())
            small.learn(parts[-1], bowl(parts[-1])[:, None])
        candidates = large.propose()
        np.testing.assert_array_equal(np.concatenate(parts), candidates)
        large.learn(candidates, bowl(candidates)[:, None])


def test_with_several_losses_a_start_is_nevergrads_too():
    starts = np.array([[0.2, 0.3, 0.9], [0.7, 0.7, 0.1]])
    own, twin = (
        follow(create_optimizer(name, space=3, population=6, seed=2, budget=36, starts=starts), distances, 6)
        for name in ("cma", "nevergrad:DiagonalCMA")
    )
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(own, twin, strict=True))

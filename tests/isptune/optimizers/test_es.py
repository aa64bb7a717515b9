"""The evolution strategy: conformance, its operators, its options, and how far it gets."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isptune.errors import ConfigurationError
from isptune.optimizers.es import EvolutionStrategy, Individual, mutate, recombine, reflect
from isptune.plugins.api import create_optimizer
from isptune.testing import OptimizerConformance
from isptune.testing.optimizer_subject import stepped

pytestmark = pytest.mark.smoke


class TestConformance(OptimizerConformance):
    name = "es"


class TestConformancePlus(OptimizerConformance):
    name = "es"

    def make(self, space=5, population=None, seed=0, budget=None, starts=None):
        return create_optimizer(
            "es",
            space=space,
            population=population,
            seed=seed,
            budget=budget,
            starts=starts,
            plus=True,
            rho=2,
            mu=4,
        )


def recovery_map(seed: int, coupled: bool):
    """A hidden map with one optimum: |x - o| ** gamma, rotated and stretched first where coupled."""
    generator = np.random.default_rng([seed, 41])
    optimum, gamma = generator.uniform(0.2, 0.8, 5), generator.uniform(0.8, 2.0, 5)
    mixing = np.eye(5)
    if coupled:
        mixing += generator.uniform(-0.3, 0.3, (5, 5)) * (1.0 - np.eye(5))
    reach = np.abs(mixing) @ np.maximum(optimum, 1.0 - optimum)
    return lambda x: ((np.abs((x - optimum) @ mixing.T) / reach) ** gamma).mean(axis=1)


@pytest.mark.parametrize(("coupled", "bound"), [(False, 2e-4), (True, 2e-3)])
def test_recovers_hidden_optima_in_1500_evaluations(coupled, bound):
    reached = []
    for seed in range(10):
        optimizer, loss, best = EvolutionStrategy(5, seed=seed), recovery_map(seed, coupled), np.inf
        for _ in range(50):
            candidates = optimizer.propose()
            losses = loss(candidates)
            optimizer.learn(candidates, losses[:, None])
            best = min(best, losses.min())
        reached.append(best)
    assert np.median(reached) < bound
    # Random search ends above 0.01 on every one of these maps.
    assert max(reached) < 0.01


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8))
def test_reflection_folds_every_number_into_the_unit_interval(coordinates):
    genome = np.array(coordinates)
    folded = reflect(genome)
    assert ((folded >= 0.0) & (folded <= 1.0)).all()
    inside = (genome >= 0.0) & (genome <= 1.0)
    assert np.array_equal(folded[inside], genome[inside])
    # A mirror at 0 and one at 1: even, of period 2, and at most a step of the step taken.
    np.testing.assert_allclose(reflect(-genome), folded, atol=1e-9)
    np.testing.assert_allclose(reflect(2.0 - genome), folded, atol=1e-9)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_reflection_keeps_the_distance_from_the_bound(start, step):
    assert reflect(np.array([-step]))[0] == pytest.approx(step)
    assert reflect(np.array([1.0 + step]))[0] == pytest.approx(1.0 - step)
    assert abs(reflect(np.array([start + step]))[0] - start) <= step + 1e-12


def test_intermediate_recombination_is_the_mean_of_all_parents():
    parents = [
        Individual(np.array([0.1, 0.2]), np.array([0.1, 0.4])),
        Individual(np.array([0.5, 0.8]), np.full(2, 0.1)),
    ]
    child = recombine(parents, np.random.default_rng(0), rho=2)
    np.testing.assert_allclose(child.genome, [0.3, 0.5])
    np.testing.assert_allclose(child.sigmas, [0.1, 0.2])


def test_rho_parents_are_drawn_for_each_offspring():
    parents = [Individual(np.array([value]), np.array([0.1])) for value in (0.1, 0.2, 0.4, 0.8)]
    generator = np.random.default_rng(0)
    centres = {round(float(recombine(parents, generator, rho=2).genome[0]), 6) for _ in range(200)}
    assert centres == {0.15, 0.25, 0.45, 0.3, 0.5, 0.6}


def test_steps_follow_the_log_normal_law():
    """Beyer and Schwefel 2002: the log of a step gains a normal of variance tau0^2 + tau^2."""
    n, generator = 5, np.random.default_rng(1)
    tau0, tau = 1.0 / np.sqrt(2 * n), 1.0 / np.sqrt(2 * np.sqrt(n))
    parent = Individual(np.full(n, 0.5), np.full(n, 0.01))
    logs = np.log([mutate(parent, generator, tau0, tau, 1e-9).sigmas / 0.01 for _ in range(4000)])
    assert np.abs(logs.mean(axis=0)).max() < 0.04
    np.testing.assert_allclose(logs.var(axis=0), tau0**2 + tau**2, rtol=0.1)
    # One draw is shared by all coordinates of an offspring.
    np.testing.assert_allclose(np.cov(logs.T)[np.triu_indices(n, 1)], tau0**2, atol=0.03)


def test_steps_never_fall_below_the_floor():
    generator = np.random.default_rng(2)
    parent = Individual(np.full(3, 0.5), np.full(3, 1e-3))
    steps = np.array([mutate(parent, generator, 1.0, 1.0, 1e-3).sigmas for _ in range(500)])
    assert steps.min() == 1e-3
    assert steps.max() <= 1.0


@pytest.mark.parametrize("floor", [1e-2, 1e-3])
def test_the_floor_keeps_a_converged_search_moving(floor):
    optimizer = EvolutionStrategy(5, seed=0, sigma_floor=floor)
    for _ in range(80):
        candidates = optimizer.propose()
        optimizer.learn(candidates, ((candidates - 0.4) ** 2).sum(axis=1, keepdims=True))
    spread = optimizer.propose().std(axis=0)
    assert (spread > 0.4 * floor).all()
    assert (spread < 10.0 * floor).all()


def test_the_plus_strategy_never_loses_its_best():
    """A first candidate that nothing beats stays the only parent, so all offspring stay around it."""
    optimizer = EvolutionStrategy(3, seed=0, mu=1, plus=True, initial_sigma=0.01)
    candidates = optimizer.propose()
    losses = np.ones(30)
    losses[7] = -1000.0
    optimizer.learn(candidates, losses[:, None])
    for _ in range(40):
        batch = optimizer.propose()
        assert np.abs(batch - candidates[7]).max() < 0.25
        assert np.abs(batch.mean(axis=0) - candidates[7]).max() < 0.03
        optimizer.learn(batch, np.ones((30, 1)))


def test_the_comma_strategy_forgets_its_parents():
    optimizer = EvolutionStrategy(3, seed=0, mu=1, initial_sigma=0.05)
    candidates = optimizer.propose()
    losses = np.ones(30)
    losses[7] = -1000.0
    optimizer.learn(candidates, losses[:, None])
    for _ in range(60):
        batch = optimizer.propose()
        optimizer.learn(batch, np.ones((30, 1)))
    assert np.abs(batch.mean(axis=0) - candidates[7]).max() > 0.05


def test_parents_breed_again_after_a_failed_batch():
    optimizer = EvolutionStrategy(4, seed=0)
    for _ in range(30):
        candidates = optimizer.propose()
        optimizer.learn(candidates, ((candidates - 0.7) ** 2).sum(axis=1, keepdims=True))
    optimizer.learn(optimizer.propose(), np.full((30, 1), np.inf))
    assert np.abs(optimizer.propose() - 0.7).max() < 0.05


def test_a_failed_candidate_is_never_a_parent():
    """Where only two survive, the next batch comes from these two and not from the failed ones."""
    optimizer = EvolutionStrategy(2, seed=0, initial_sigma=1e-4, sigma_floor=1e-5)
    candidates = optimizer.propose()
    losses = np.full(30, np.inf)
    losses[[4, 9]] = 1.0, 2.0
    optimizer.learn(candidates, losses[:, None])
    assert np.abs(optimizer.propose() - candidates[[4, 9]].mean(axis=0)).max() < 0.01


def test_the_first_batch_has_one_candidate_in_every_stratum():
    for column in EvolutionStrategy(5, seed=3).propose().T:
        assert sorted((column * 30).astype(int)) == list(range(30))


@pytest.mark.parametrize(
    "options",
    [
        {"mu": 30},
        {"population": 5, "mu": 5},
        {"population": 1, "mu": 1},
        {"rho": 6},
        {"initial_sigma": 0.0},
        {"initial_sigma": 0.1, "sigma_floor": 0.2},
    ],
    ids=str,
)
def test_refuses_options_out_of_range(options, snapshot):
    with pytest.raises(ConfigurationError) as caught:
        create_optimizer("es", space=5, **options)
    assert str(caught.value) == snapshot


def test_uses_no_process_global_of_deap():
    code = "import sys, isptune.optimizers.es; assert 'deap.creator' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("population", "mu"), [(2, 1), (3, 1), (4, 2), (5, 2), (6, 5), (30, 5)])
def test_small_populations_have_fewer_parents(population, mu):
    optimizer = EvolutionStrategy(2, population=population, seed=0)
    assert optimizer.mu == mu
    found = np.inf
    for _ in range(200 // population):
        candidates = optimizer.propose()
        losses = ((candidates - 0.4) ** 2).sum(axis=1)
        optimizer.learn(candidates, losses[:, None])
        found = min(found, losses.min())
    assert found < 0.01


def test_starts_that_all_fail_are_not_tried_again():
    optimizer = EvolutionStrategy(3, population=4, starts=np.linspace(0.1, 0.9, 12).reshape(4, 3))
    first = optimizer.propose()
    optimizer.learn(first, np.full((4, 1), np.inf))
    assert not (optimizer.propose()[:, None] == first).all(axis=2).any()


def test_the_first_steps_from_a_start_are_a_tenth_of_the_range_and_half_a_cell():
    """A whole number must be able to leave the value of the start."""
    space = stepped(0, 2, 100)
    start = np.array([[0.5, 0.25, 0.505]])
    batches = [EvolutionStrategy(space, 30, seed, starts=start).propose()[1:] for seed in range(40)]
    moved = np.concatenate(batches) - start
    # Reflection at the bounds folds the second's steps.
    np.testing.assert_allclose(np.median(np.abs(moved), axis=0)[[0, 2]], 0.1 * 0.6745, rtol=0.15)
    assert 0.1 < (np.concatenate(batches)[:, 1] > 0.5).mean() < 0.4


def test_a_search_from_far_away_arrives():
    reached = []
    for seed in range(5):
        optimizer, loss, best = (
            EvolutionStrategy(5, seed=seed, starts=[[0.0] * 5]),
            recovery_map(seed, False),
            np.inf,
        )
        for _ in range(50):
            candidates = optimizer.propose()
            losses = loss(candidates)
            optimizer.learn(candidates, losses[:, None])
            best = min(best, losses.min())
        reached.append(best)
    assert np.median(reached) < 2e-4

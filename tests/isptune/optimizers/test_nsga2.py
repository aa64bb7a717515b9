"""NSGA-II: conformance, its operators against DEAP's, a known front, and its refusals."""

from __future__ import annotations

import random

import numpy as np
import pytest
from deap import tools
from hypothesis import given, settings
from hypothesis import strategies as st

from isptune.errors import ConfigurationError
from isptune.optimizers.nsga2 import NSGA2, crossover, mutate
from isptune.testing import MultiObjectiveConformance
from isptune.testing.multi_objective import follow
from isptune.tuning.fronts import non_dominated

pytestmark = pytest.mark.smoke


class TestConformance(MultiObjectiveConformance):
    objectives = (2, 3, 7)

    def make(self, space=5, population=None, seed=0, budget=None, starts=None):
        return NSGA2(space, population, seed, budget, starts)


def zdt1(candidates):
    """Zitzler, Deb and Thiele 2000: the front is f2 = 1 - sqrt(f1), where all parameters but the first are 0."""
    first = candidates[:, 0]
    g = 1.0 + 9.0 * candidates[:, 1:].mean(axis=1)
    return np.stack([first, g * (1.0 - np.sqrt(first / g))], axis=1)


def zdt2(candidates):
    """The same with the concave front f2 = 1 - f1 squared, which no weighted sum reaches."""
    first = candidates[:, 0]
    g = 1.0 + 9.0 * candidates[:, 1:].mean(axis=1)
    return np.stack([first, g * (1.0 - (first / g) ** 2)], axis=1)


@pytest.mark.parametrize(("problem", "curve"), [(zdt1, np.sqrt), (zdt2, np.square)])
@pytest.mark.parametrize("seed", [0, 1])
def test_reaches_the_known_front_and_covers_it(problem, curve, seed):
    log = follow(NSGA2(space=6, population=30, seed=seed), problem, 80)
    losses = np.concatenate([told for _, told, _ in log])
    front = losses[non_dominated(losses)]
    grid = np.linspace(0, 1, 1001)
    known = np.stack([grid, 1 - curve(grid)], axis=1)
    apart = np.linalg.norm(front[:, None] - known[None], axis=2)
    generational, inverted = apart.min(axis=1).mean(), apart.min(axis=0).mean()
    first = np.linalg.norm(log[0][1][:, None] - known[None], axis=2).min(axis=1).mean()
    assert generational < 0.02 < first / 50
    assert inverted < 0.03


def test_the_crossover_is_deaps(monkeypatch):
    generator = np.random.default_rng(5)
    for _ in range(300):
        first, second, draws = generator.random(), generator.random(), generator.random(3)
        monkeypatch.setattr(random, "random", iter(draws).__next__)
        one, other = tools.cxSimulatedBinaryBounded([first], [second], 3.0, 0.0, 1.0)
        found = crossover(np.array([first]), np.array([second]), draws[:, None], 3.0)
        assert np.allclose([one, other], found, rtol=1e-12, atol=1e-12)


def test_the_mutation_is_deaps(monkeypatch):
    generator = np.random.default_rng(6)
    for _ in range(300):
        value, draw = generator.random(2)
        monkeypatch.setattr(random, "random", iter([0.0, draw]).__next__)
        (expected,) = tools.mutPolynomialBounded([value], 4.0, 0.0, 1.0, 1.0)
        found = mutate(np.array([value]), np.array([True]), np.array([draw]), 4.0)
        assert np.allclose(found, expected, rtol=1e-12, atol=1e-12)


unit = st.floats(0, 1)


@settings(max_examples=200, deadline=None)
@given(unit, unit, st.tuples(*[st.floats(0, 1, exclude_max=True)] * 3), st.floats(0, 100))
def test_children_lie_between_the_bounds_and_on_both_sides_of_their_parents_middle(first, second, draws, eta):
    one, other = crossover(np.array([first]), np.array([second]), np.array(draws)[:, None], eta)
    assert 0 <= one[0] <= 1
    assert 0 <= other[0] <= 1
    middle = (first + second) / 2
    assert min(one[0], other[0]) <= middle + 1e-12
    assert max(one[0], other[0]) >= middle - 1e-12
    if draws[0] > 0.5 or first == second:
        assert (one[0], other[0]) == (first, second)


@settings(max_examples=200, deadline=None)
@given(unit, st.floats(0, 1, exclude_max=True), st.floats(0, 100), st.booleans())
def test_a_mutant_lies_between_the_bounds(value, draw, eta, chosen):
    (found,) = mutate(np.array([value]), np.array([chosen]), np.array([draw]), eta)
    assert 0 <= found <= 1
    assert chosen or found == value
    assert found <= value + 1e-9 if draw < 0.5 else found >= value - 1e-9


def test_no_child_repeats_an_earlier_candidate():
    log = follow(NSGA2(space=3, seed=2, mutation_probability=0.0), zdt1, 20)
    candidates = np.concatenate([asked for asked, *_ in log])
    # Without mutation of their own, every child that crossover leaves as it is would be a copy.
    assert len(np.unique(candidates, axis=0)) > 0.99 * len(candidates)


def test_parents_survive_worse_children():
    optimizer = NSGA2(space=4, population=20, seed=1)
    good = follow(optimizer, zdt1, 15)[-1][0]
    for _ in range(3):
        candidates = optimizer.propose()
        # Whatever is asked now is far worse than all parents, which go on breeding near themselves.
        optimizer.learn(candidates, zdt1(candidates) + 100.0)
        assert candidates[:, 1:].mean() < good[:, 1:].mean() + 0.1


def test_an_odd_population_is_exact():
    assert NSGA2(space=2, population=7).propose().shape == (7, 2)


@pytest.mark.parametrize(
    "options",
    [
        {"population": 1},
        {"crossover_probability": 1.5},
        {"mutation_probability": -0.1},
        {"crossover_eta": -1},
        {"mutation_eta": float("inf")},
        {"mutation_eta": "20"},
    ],
)
def test_refusals(options, snapshot):
    with pytest.raises(ConfigurationError) as caught:
        NSGA2(space=3, **options)
    assert str(caught.value) == snapshot


def test_starts_that_all_fail_are_not_tried_again():
    optimizer = NSGA2(3, population=4, starts=np.linspace(0.1, 0.9, 12).reshape(4, 3))
    first = optimizer.propose()
    optimizer.learn(first, np.full((4, 1), np.inf))
    assert not (optimizer.propose()[:, None] == first).all(axis=2).any()

"""Random search: conformance and the two samplers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, qmc

from isptune.api import create_optimizer
from isptune.errors import ConfigurationError
from isptune.testing import OptimizerConformance


class TestUniform(OptimizerConformance):
    name = "random"
    learns = False


class TestSobol(OptimizerConformance):
    name = "random"
    learns = False

    def make(self, dimension=5, population=None, seed=0, budget=None):
        return create_optimizer(
            "random", dimension=dimension, population=population, seed=seed, budget=budget, sampler="sobol"
        )


def draw(sampler: str, batches: int) -> np.ndarray:
    optimizer = create_optimizer("random", dimension=3, population=32, seed=5, sampler=sampler)
    drawn = []
    for _ in range(batches):
        drawn.append(optimizer.ask())
        optimizer.tell(drawn[-1], np.zeros(32))
    return np.concatenate(drawn)


def test_uniform_draws_are_uniform_and_independent():
    points = draw("uniform", 100)
    assert min(kstest(column, "uniform").pvalue for column in points.T) > 0.01
    assert np.abs(np.corrcoef(points.T)[np.triu_indices(3, 1)]).max() < 0.06
    assert len(np.unique(points)) == points.size


def test_sobol_fills_the_cube_more_evenly_across_batches():
    assert qmc.discrepancy(draw("sobol", 8)) < 0.2 * qmc.discrepancy(draw("uniform", 8))


def test_refuses_an_unknown_sampler():
    with pytest.raises(ConfigurationError) as caught:
        create_optimizer("random", dimension=2, sampler="sobel")
    assert str(caught.value) == (
        "the option sampler of the optimizer 'random' is 'sobel'; allowed: uniform or sobol; "
        "did you mean 'sobol'?"
    )


def test_ask_and_tell_alternate():
    optimizer = create_optimizer("random", dimension=2, population=3)
    with pytest.raises(ConfigurationError) as caught:
        optimizer.tell(np.zeros((3, 2)), np.zeros(3))
    assert str(caught.value) == "the optimizer 'random' was told losses before it was asked for candidates"
    candidates = optimizer.ask()
    with pytest.raises(ConfigurationError) as caught:
        optimizer.ask()
    assert str(caught.value) == (
        "the optimizer 'random' was asked twice; tell it the losses of the first batch before"
    )
    with pytest.raises(ConfigurationError) as caught:
        optimizer.tell(candidates + 1e-3, np.zeros(3))
    assert str(caught.value) == (
        "the optimizer 'random' was told other candidates than the ones it was asked for"
    )
    optimizer.tell(candidates, np.zeros(3))
    assert not np.array_equal(optimizer.ask(), candidates)

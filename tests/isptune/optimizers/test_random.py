"""Random search: conformance and the two samplers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, qmc

from isptune.errors import ConfigurationError
from isptune.plugins.api import create_optimizer
from isptune.testing import OptimizerConformance


class TestUniform(OptimizerConformance):
    name = "random"
    learns = False


class TestSobol(OptimizerConformance):
    name = "random"
    learns = False

    def make(self, space=5, population=None, seed=0, budget=None, starts=None):
        return create_optimizer(
            "random",
            space=space,
            population=population,
            seed=seed,
            budget=budget,
            starts=starts,
            sampler="sobol",
        )


def draw(sampler: str, batches: int) -> np.ndarray:
    optimizer = create_optimizer("random", space=3, population=32, seed=5, sampler=sampler)
    drawn = []
    for _ in range(batches):
        drawn.append(optimizer.propose())
        optimizer.learn(drawn[-1], np.zeros((32, 1)))
    return np.concatenate(drawn)


def test_uniform_draws_are_uniform_and_independent():
    points = draw("uniform", 100)
    assert min(kstest(column, "uniform").pvalue for column in points.T) > 0.01
    assert np.abs(np.corrcoef(points.T)[np.triu_indices(3, 1)]).max() < 0.06
    assert len(np.unique(points)) == points.size


def test_sobol_fills_the_cube_more_evenly_across_batches():
    assert qmc.discrepancy(draw("sobol", 8)) < 0.2 * qmc.discrepancy(draw("uniform", 8))


def test_refuses_an_unknown_sampler(snapshot):
    with pytest.raises(ConfigurationError) as caught:
        create_optimizer("random", space=2, sampler="sobel")
    assert str(caught.value) == snapshot

"""What the package's own optimizers share: their first batches and the smallest of them."""

from __future__ import annotations

import numpy as np

from isptune.contracts.free_space import Candidates, FreeSpace
from isptune.errors import ConfigurationError


def require_pairs(name: str, population: int, instead: str) -> None:
    """Refuse a population of one with a ConfigurationError, for methods that compare candidates.

    Args:
        name: of the method.
        population: that was asked for.
        instead: the optimizers that work with one candidate at a time, for the message.
    """
    if population < 2:
        raise ConfigurationError(
            f"the population of '{name}' is {population}, and the smallest that it works with is 2; "
            f"for one candidate at a time choose {instead}"
        )


def first_steps(space: FreeSpace, near: float) -> Candidates:
    """(n,) first steps around a start, as shares of the ranges.

    Args:
        space: the parameters.
        near: the step of a real one. Whole numbers and choices take half a cell where that is more: with
            smaller steps they would never leave the start's value.
    """
    counts = np.array(space.counts)
    return np.where(counts > 0, np.maximum(near, 0.5 / np.maximum(counts, 1)), near)


def latin_hypercube(generator: np.random.Generator, count: int, dimension: int) -> Candidates:
    """(count, dimension) points, of which each coordinate has one in each of ``count`` equal strata."""
    strata = np.stack([generator.permutation(count) for _ in range(dimension)], axis=1)
    return (strata + generator.random(strata.shape)) / count

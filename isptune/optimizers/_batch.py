"""What the package's own optimizers share: checks of their options, and their first batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from isptune.contracts.free_space import Candidates, FreeSpace
from isptune.contracts.optimizer import Optimizer
from isptune.errors import ConfigurationError
from isptune.plugins.options import check_options, options_of


def check_own(name: str, kind: type[Optimizer], **options: Any) -> None:
    """Refuse options that the annotations of a constructor do not allow, as a run does before it makes one.

    Raises:
        ConfigurationError: one sentence with the option, its value and what is allowed.
    """
    known = [one for one in options_of(kind) or () if one.name in options]
    check_options(f"the optimizer '{name}'", known, options)


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

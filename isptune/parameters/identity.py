"""Which candidates mean the same: whole numbers, choices and inactive parameters make many points one."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from isptune.contracts.free_space import FreeSpace
from isptune.parameters.choices import Bool
from isptune.parameters.space import ParameterSpace


def counts(space: ParameterSpace) -> tuple[int, ...]:
    """(f,) how many values each free parameter has; 0 for a real one."""
    return tuple(int(getattr(parameter, "count", 0)) for parameter in space.free)


def identities(space: ParameterSpace, unit: ArrayLike) -> list[bytes]:
    """A key for each candidate, equal where the values of all parameters are.

    Args:
        space: the parameters.
        unit: (P, f) candidates in the unit cube.
    """
    points = torch.from_numpy(np.array(unit, dtype=np.float64))
    # Adding zero makes one zero of both.
    return [row.tobytes() for row in space.to_values(points).numpy() + 0.0]


def canonical(space: ParameterSpace, unit: ArrayLike) -> NDArray[np.float64]:
    """(P, f) candidates of the same values, with parameters that do not matter at their defaults."""
    points = torch.from_numpy(np.array(unit, dtype=np.float64))
    found: NDArray[np.float64] = space.to_unit(space.to_values(points)).numpy()
    return found


def declares_defaults(space: ParameterSpace) -> bool:
    """Whether the factory says where a parameter that is searched should stand.

    A switch is off where nothing is said.
    """
    return any(
        parameter.default is not None and not (isinstance(parameter, Bool) and parameter.default is False)
        for parameter in space.free
    )


def free_space(space: ParameterSpace) -> FreeSpace:
    """What an optimizer may know of a space."""
    return FreeSpace(
        names=tuple(parameter.name for parameter in space.free),
        kinds=tuple(parameter.kind for parameter in space.free),
        counts=counts(space),
        identify=partial(identities, space),
        canonical=partial(canonical, space),
    )


def most_candidates(space: ParameterSpace) -> int | None:
    """How many different candidates there are at most; None where a free parameter is a real number."""
    found = counts(space)
    return math.prod(found) if all(found) else None

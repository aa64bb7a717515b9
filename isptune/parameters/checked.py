"""Values of all parameters, checked: the shape, the bounds, the steps and the ties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from isptune.errors import ParameterError
from isptune.parameters.choices import Choice
from isptune.parameters.kinds import Float
from isptune.parameters.parameter import Parameter
from isptune.wording.naming import listed
from isptune.wording.showing import value_text

if TYPE_CHECKING:
    from isptune.parameters.space import ParameterSpace


def checked(space: ParameterSpace, given: Tensor, ends: Tensor) -> Tensor:
    """Values as float64, refused with a ParameterError where one is not allowed.

    Args:
        space: their parameters.
        given: (P, n).
        ends: (2, n), the lowest and the highest value of each. Values past them only through rounding to a
            coarser type are moved to them.
    """
    bounds = ends.to(given.device)
    rounded = bounds.to(given.dtype).to(torch.float64) if given.is_floating_point() else bounds
    values = given.to(torch.float64)
    low, high = torch.minimum(bounds[0], rounded[0]), torch.maximum(bounds[1], rounded[1])
    seen = values.detach()
    all_within = bool(((seen >= low) & (seen <= high)).all())
    for index, parameter in enumerate(space):
        if all_within and isinstance(parameter, Float):
            continue
        column = seen[:, index]
        wrong = ~((column >= low[index]) & (column <= high[index]))
        if isinstance(parameter, Choice) and parameter.only and parameter.name not in space.fixed:
            wrong |= ~torch.isin(column, column.new_tensor(parameter.places))
        elif not isinstance(parameter, Float):
            wrong |= column != column.round()
        if bool(wrong.any()):
            row = int(wrong.nonzero()[0, 0])
            what = f"parameter '{parameter.name}' of candidate {row} is {float(column[row]):g}"
            if parameter.name in space.fixed:
                raise ParameterError(
                    f"{what}, but it is fixed at {value_text(space.fixed[parameter.name], 12)}"
                )
            raise ParameterError(f"{what}, outside {parameter.allowed}")
    for name, other in space.ties.items():
        first, second = (given.detach()[:, space.names.index(one)] for one in (name, other))
        if bool((first != second).any()):
            row = int((first != second).nonzero()[0, 0])
            raise ParameterError(
                f"parameter '{name}' of candidate {row} is {float(first[row]):g}, but it is tied to "
                f"'{other}', which is {float(second[row]):g}"
            )
    return values if given.dtype == torch.float64 else values.clamp(bounds[0], bounds[1])


def shaped(tensor: Tensor, parameters: Sequence[Parameter]) -> Tensor:
    """The tensor, refused with a ParameterError where it has no column for each of the parameters."""
    if tensor.ndim != 2 or tensor.shape[1] != len(parameters):
        raise ParameterError(
            f"candidates must have the shape (P, {len(parameters)}) for the parameters "
            f"{listed(parameter.name for parameter in parameters)}, got {tuple(tensor.shape)}"
        )
    return tensor

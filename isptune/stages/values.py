"""Values of parameters as stages take them: each by its name, a tensor (N,) of its own type."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from isptune.contracts.stage import Stage
from isptune.parameters import Bool, Float, Parameter


def column_of(kind: Parameter, column: Tensor) -> Tensor:
    """One parameter's encoded values (N,) in the type in which ``Stage.forward`` takes them."""
    if isinstance(kind, Float):
        return column
    whole = column.detach().round().to(torch.int64)
    return whole.bool() if isinstance(kind, Bool) else whole


def values_of(declared: Mapping[str, Parameter], rows: Tensor) -> dict[str, Tensor]:
    """Rows of encoded values (N, n), one column for each declared parameter, as ``forward`` takes them."""
    return {
        name: column_of(kind, column)
        for (name, kind), column in zip(declared.items(), rows.unbind(1), strict=True)
    }


def defaults_of(stage: Stage, count: int = 1) -> dict[str, Tensor]:
    """A stage's factory defaults for a batch of that many samples."""
    return {
        name: column_of(kind, torch.full((count,), float(kind.initial), dtype=torch.float64))
        for name, kind in stage.declared.items()
    }

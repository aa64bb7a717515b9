"""Where a pipeline is probed: fixed settings that are spread evenly over every parameter's range."""

from __future__ import annotations

import torch
from torch import Tensor

# Among so many Latin hypercubes the one whose nearest points are farthest apart.
_TRIED = 2000
# How near to the ends of a range the outermost probes lie: beyond it all is spoilt and nothing is learnt.
_MARGIN = 0.04


def probe_design(count: int, dimension: int) -> Tensor:
    """(count, dimension) float64, a Latin hypercube in the unit cube; the same for the same numbers."""
    generator = torch.Generator().manual_seed(count * 1009 + dimension)
    best, widest = torch.full((1, dimension), 0.5, dtype=torch.float64), -1.0
    for _ in range(_TRIED if count > 1 else 0):
        places = torch.stack([torch.randperm(count, generator=generator) for _ in range(dimension)], 1)
        gap = float(torch.pdist(places.double()).min())
        if gap > widest:
            best, widest = _MARGIN + (1 - 2 * _MARGIN) * places.double() / (count - 1), gap
    return best

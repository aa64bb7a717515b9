"""Which candidates to try of what is believed: the set whose nearest one is expected to be near."""

from __future__ import annotations

import torch
from torch import Tensor

from isptune_proposer.network import Mixture

_DRAWN, _CONSIDERED = 512, 320


def chosen(belief: Mixture, count: int, seed: int = 0) -> Tensor:
    """(count, n) float64 candidates of the first mixture, the most promising first.

    They are taken one by one, each the one that brings the mean distance of drawn answers from the nearest
    candidate furthest down. The first is then about the median, and the others spread over what is possible.
    """
    generator = torch.Generator().manual_seed(seed)
    answers = belief.drawn(_DRAWN, generator)
    candidates = torch.cat([belief.means[0], belief.middle()[:1], answers[:_CONSIDERED]])
    distances = torch.cdist(candidates, answers, p=1)
    nearest = torch.full((_DRAWN,), float("inf"))
    found: list[int] = []
    for _ in range(count):
        gains = torch.minimum(nearest, distances).mean(1)
        gains[found] = float("inf")
        found.append(int(gains.argmin()))
        nearest = torch.minimum(nearest, distances[found[-1]])
    return candidates[found].double()

"""What all inputs together, `optics` among them, add to the severities of the heads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from isptune.iqa.training.losses import LOSSES
from isptune_severity.families import FAMILIES

# Of the squares of the families' errors. The heads hardly see shading and displaced green, and what is darker
# than it was meant to be must not be bought with what is brighter.
_WEIGHTS = {"shading": 8.0, "false_colour": 8.0, "exposure": 3.0}
_DROPOUT = 0.25
# Inputs that move less than this keep their unit.
_SILENT = 3e-4
# Contents in a step: of one fault, of several, and of searches.
_ALONE, _SEVERAL, _SEARCHED = 20, 16, 22
_WARM_UP, _LAST_RATE = 100, 0.02
# Of the squares of the errors, and how much what a content's variants share counts in them.
_SQUARES, _OFFSETS = 6.0, 0.3
# A variant is to be worse than its original by its truth, less this share of it.
_SHORT, _LEAST = 0.3, 0.1


class Corrections(nn.Module):
    """(N, F) inputs to (N, 15).

    Args:
        count: of inputs.
        width: of the hidden layer.
    """

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("deviation", torch.ones(count))
        last = nn.Linear(width, len(FAMILIES))
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.body = nn.Sequential(
            *(nn.Dropout(_DROPOUT), nn.Linear(count, width), nn.GELU(), nn.Dropout(_DROPOUT)), last
        )

    def forward(self, features: Tensor) -> Tensor:
        found: Tensor = self.body(((features - self.mean) / self.deviation).clamp(-8, 8))
        return found


def learn(
    network: Any,
    features: Tensor,
    targets: Tensor,
    contents: Tensor,
    searched: Tensor | None = None,
    steps: int = 1500,
    seed: int = 0,
) -> None:
    """Train the corrections of a network whose heads stay as they are.

    Args:
        network: a ``SecondNetwork`` with corrections.
        features: (N, F) inputs of the heads.
        targets: (N, 15) true severities.
        contents: (N,) which content each is a variant of, all different between batches; the first of each is
            pristine.
        searched: (N,) which were found by `searches`; none by default.
        steps: of 58 contents each: 20 of one fault, 16 of several and 22 of searches.
        seed: of their order.
    """
    own = network.corrections
    own.mean.copy_(features.mean(0))
    spread = features.std(0)
    own.deviation.copy_(torch.where(spread < _SILENT, 1.0, spread + 1e-3))
    with torch.no_grad():
        begun = torch.cat([network.begun(part[:, : network.count])[0] for part in features.split(4096)])
    order = contents.argsort(stable=True)
    groups = order.split(torch.unique(contents, return_counts=True)[1].tolist())
    kinds = _kinds(groups, targets, torch.zeros(len(targets)) if searched is None else searched)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(own.parameters(), lr=1e-3, weight_decay=0.02)
    average = [parameter.detach().clone() for parameter in own.parameters()]
    own.train()
    for step in range(steps):
        for part in optimizer.param_groups:
            falling = _LAST_RATE + (1 - _LAST_RATE) * 0.5 * (1 + math.cos(math.pi * step / steps))
            part["lr"] = 1e-3 * min(1, (step + 1) / _WARM_UP) * falling
        drawn = [one for kind, count in kinds for one in _drawn(kind, count, generator)]
        index = torch.cat(drawn)
        group = torch.repeat_interleave(torch.arange(len(drawn)), torch.tensor([len(x) for x in drawn]))
        loss = _loss(begun[index] + own(features[index]), targets[index], group, network.weights)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for kept, parameter in zip(average, own.parameters(), strict=True):
                kept.lerp_(parameter, 1 - min(0.995, (step + 1) / (step + 10)))
    with torch.no_grad():
        for kept, parameter in zip(average, own.parameters(), strict=True):
            parameter.copy_(kept)
    own.eval()


def _kinds(
    groups: Sequence[Tensor], targets: Tensor, searched: Tensor
) -> tuple[tuple[list[Tensor], int], ...]:
    """Contents of one fault, of several, and of searches, and how many of each are drawn."""
    found: tuple[list[Tensor], ...] = ([], [], [])
    for group in groups:
        faults = int((targets[group].abs().amax(0) > 1e-6).sum())
        # A stage belongs to one or two families.
        found[2 if bool(searched[group[0]]) else 0 if 0 < faults <= 2 else 1].append(group)
    return tuple(zip(found, (_ALONE, _SEVERAL, _SEARCHED), strict=True))


def _drawn(groups: Sequence[Tensor], count: int, generator: torch.Generator) -> list[Tensor]:
    if not groups:
        return []
    return [groups[i] for i in torch.randint(len(groups), (count,), generator=generator).tolist()]


def _loss(found: Tensor, targets: Tensor, group: Tensor, weights: Tensor) -> Tensor:
    from isptune_severity.second_learner import proportional

    errors = found - targets
    counts = torch.bincount(group)
    mean = errors.new_zeros(len(counts), len(FAMILIES)).index_add(0, group, errors) / counts[:, None]
    # A median of what may be none is none: squares, so that the families keep their size.
    squares = (errors - mean[group]).square() + _OFFSETS * errors.square()
    loss = _SQUARES * (squares * torch.tensor([_WEIGHTS.get(family, 1.0) for family in FAMILIES])).mean()
    total, wanted = found @ weights, targets @ weights
    loss = loss + LOSSES["relative"](total, wanted, group) + proportional(total, wanted, group)
    loss = loss + LOSSES["ranking"](total, wanted, group)
    # What scores as well as its original, or better, is what ends a search too early.
    pristine = total[counts.cumsum(0) - counts][group]
    missing = (wanted - total + pristine) / (wanted + _LEAST) - _SHORT
    return loss + missing.relu()[wanted > 1e-6].square().mean()

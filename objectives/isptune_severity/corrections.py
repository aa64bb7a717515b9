"""What `optics` add to the severities of shading and of false colour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from isptune.iqa.training.losses import LOSSES
from isptune_severity.families import FAMILIES

CORRECTED = tuple(FAMILIES.index(family) for family in ("shading", "false_colour"))
"""The columns that are corrected."""

_DROPOUT = 0.1
# Inputs that move less than this keep their unit.
_SILENT = 3e-4
_CONTENTS, _ALONE = 48, 0.4
_WARM_UP, _LAST_RATE = 100, 0.02
# Of the losses of the weighted sum, and of the squares of the corrected families' errors.
_RELATIVE, _DIFFERENCES = 1.0, 0.5
_SQUARES, _OFFSETS = 6.0, 0.3


class Corrections(nn.Module):
    """(N, F) inputs to (N, 15): 0 but for the families that are corrected.

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
        last = nn.Linear(width, len(CORRECTED))
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.body = nn.Sequential(
            *(nn.Dropout(_DROPOUT), nn.Linear(count, width), nn.GELU(), nn.Dropout(_DROPOUT)), last
        )

    def forward(self, features: Tensor) -> Tensor:
        found = self.body(((features - self.mean) / self.deviation).clamp(-8, 8))
        severities = found.new_zeros(len(found), len(FAMILIES))
        return severities.index_copy(1, torch.tensor(CORRECTED, device=found.device), found)


def learn(
    network: Any, features: Tensor, targets: Tensor, contents: Tensor, steps: int = 1500, seed: int = 0
) -> None:
    """Train the corrections of a network whose heads stay as they are.

    Args:
        network: a ``SecondNetwork`` with corrections.
        features: (N, F) inputs of the heads.
        targets: (N, 15) true severities.
        contents: (N,) which content each is a variant of, all different between batches.
        steps: of 48 contents each, of which 19 have one fault.
        seed: of their order.
    """
    own, columns = network.corrections, list(CORRECTED)
    own.mean.copy_(features.mean(0))
    spread = features.std(0)
    own.deviation.copy_(torch.where(spread < _SILENT, 1.0, spread + 1e-3))
    with torch.no_grad():
        begun = torch.cat([network.by_heads(part[:, : network.count])[0] for part in features.split(4096)])
    order = contents.argsort(stable=True)
    groups = order.split(torch.unique(contents, return_counts=True)[1].tolist())
    faults = [int((targets[group].abs().amax(0) > 1e-6).sum()) for group in groups]
    # A stage belongs to one or two families.
    alone = [group for group, count in zip(groups, faults, strict=True) if 0 < count <= 2]
    others = [group for group, count in zip(groups, faults, strict=True) if not 0 < count <= 2]
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(own.parameters(), lr=1e-3, weight_decay=0.02)
    average = [parameter.detach().clone() for parameter in own.parameters()]
    own.train()
    for step in range(steps):
        for part in optimizer.param_groups:
            falling = _LAST_RATE + (1 - _LAST_RATE) * 0.5 * (1 + math.cos(math.pi * step / steps))
            part["lr"] = 1e-3 * min(1, (step + 1) / _WARM_UP) * falling
        few = round(_CONTENTS * _ALONE)
        drawn = _drawn(alone, few, generator) + _drawn(others, _CONTENTS - few, generator)
        index = torch.cat(drawn)
        group = torch.repeat_interleave(torch.arange(len(drawn)), torch.tensor([len(x) for x in drawn]))
        found = begun[index] + own(features[index])
        loss = _loss(found, targets[index], group, network.weights, columns)
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


def _drawn(groups: Sequence[Tensor], count: int, generator: torch.Generator) -> list[Tensor]:
    if not groups:
        return []
    return [groups[i] for i in torch.randint(len(groups), (count,), generator=generator).tolist()]


def _loss(found: Tensor, targets: Tensor, group: Tensor, weights: Tensor, columns: list[int]) -> Tensor:
    from isptune_severity.second_learner import proportional

    errors = found[:, columns] - targets[:, columns]
    counts = torch.bincount(group)[:, None]
    mean = errors.new_zeros(len(counts), len(columns)).index_add(0, group, errors) / counts
    # A median of what may be none is none: squares, so that the families keep their size.
    loss = _SQUARES * ((errors - mean[group]).square().mean() + _OFFSETS * errors.square().mean())
    total, wanted = found @ weights, targets @ weights
    loss = loss + _RELATIVE * LOSSES["relative"](total, wanted, group)
    return loss + _DIFFERENCES * proportional(total, wanted, group)

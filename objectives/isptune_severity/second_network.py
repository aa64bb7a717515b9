"""The network of the second version: 15 families of faults, and how far it may be off."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from isptune_severity.families import FAMILIES, WEIGHTS
from isptune_severity.fingerprints import fingerprints, fingerprints_count
from isptune_severity.network import FAMILIES as FIRST
from isptune_severity.network import Trunk, _exact, statistics, statistics_count

# What the families of the first version became.
_BECAME = {
    "blur": ("blur",),
    "exposure": ("exposure",),
    "saturation": ("saturation",),
    "noise": ("luma_noise", "chroma_noise"),
    "sharpening": ("halos",),
    "compression": ("compression",),
    "contrast": ("contrast",),
}


def carried() -> Tensor:
    """(7, 15): each family of the first version to those that it became."""
    found = torch.zeros(len(FIRST), len(FAMILIES))
    for row, family in enumerate(FIRST):
        for name in _BECAME[family]:
            found[row, FAMILIES.index(name)] = 1
    return found


class _FirstHead(nn.Module):
    """The head of the first version, on the columns that it knows; it is not trained."""

    def __init__(self, count: int, hidden: int = 128) -> None:
        super().__init__()
        self.count = count
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("deviation", torch.ones(count))
        self.head = nn.Sequential(
            *(nn.Linear(count, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU()),
            nn.Linear(hidden, len(FIRST)),
        )
        self.requires_grad_(False)

    def forward(self, features: Tensor) -> Tensor:
        return self.head((features[:, : self.count] - self.mean) / self.deviation)


class SecondNetwork(Trunk):
    """(N, 3, H, W) in [0, 1] to (N, 15) severities, and to the logarithms of their deviations.

    The convolutions are those of the first version; more fixed statistics stand beside them.

    Args:
        widths: channels of the three levels, at 1/4, 1/8 and 1/16 of the resolution.
        hidden: of the head.
        dropout: in the head, while it is trained.
    """

    def __init__(self, widths: Sequence[int] = (32, 64, 96), hidden: int = 256, dropout: float = 0.5) -> None:
        super().__init__(widths)
        self.hidden = hidden
        count = 2 * sum(self.widths) + statistics_count() + fingerprints_count()
        self.mean: Tensor
        self.deviation: Tensor
        self.weights: Tensor
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("deviation", torch.ones(count))
        weights = torch.tensor([WEIGHTS[family] for family in FAMILIES])
        self.register_buffer("weights", weights, persistent=False)
        # The first version's own judgement, on its own statistics, is where the training begins.
        self.first = _FirstHead(2 * sum(self.widths) + statistics_count())
        self.carried = nn.Parameter(carried())
        # Most of what a fault does to the statistics is in proportion to it: a straight way beside the bent.
        self.straight = nn.Linear(count, len(FAMILIES))
        self.body = nn.Sequential(
            *(nn.Dropout(dropout / 2), nn.Linear(count + len(FIRST), hidden), nn.GELU()),
            *(nn.Dropout(dropout), nn.Linear(hidden, hidden), nn.GELU()),
        )
        self.severities = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden, len(FAMILIES)))
        last = self.severities[1]
        for parameter in (*self.straight.parameters(), *last.parameters()):
            nn.init.zeros_(parameter)
        # Of every family, and of the weighted sum.
        self.spreads = nn.Sequential(
            nn.Linear(hidden, hidden // 2), nn.GELU(), nn.Linear(hidden // 2, len(FAMILIES) + 1)
        )

    def further(self, images: Tensor) -> Tensor:
        """(N, S): the fixed statistics that the first version does not have."""
        # A few at a time, whose temporaries stay in the processor's cache.
        return torch.cat([fingerprints(part) for part in _exact(images).split(8)])

    def features(self, images: Tensor) -> Tensor:
        pooled = self.pooled(images)
        known = torch.cat([statistics(part) for part in _exact(images).split(8)])
        return torch.cat([pooled, known.to(pooled), self.further(images).to(pooled)], dim=1)

    def judged(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 15) severities and (N, 16) logarithms of deviations, the last that of the weighted sum."""
        first = self.first(features)
        found = ((features - self.mean) / self.deviation).clamp(-8, 8)
        inner = self.body(torch.cat([found, first], dim=1))
        severities = first @ self.carried + self.straight(found) + self.severities(inner)
        # Whoever learns how far it is off must not bend what it predicts.
        return severities, self.spreads(inner.detach())

    def forward(self, images: Tensor) -> Tensor:
        return self.judged(self.features(images))[0]

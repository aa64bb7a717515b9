"""The network of the second version: 15 families of faults, and how far it may be off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from isptune_severity.corrections import Corrections
from isptune_severity.families import FAMILIES, WEIGHTS
from isptune_severity.fingerprints import fingerprints, fingerprints_count
from isptune_severity.network import FAMILIES as FIRST
from isptune_severity.network import Trunk, _exact, statistics, statistics_count
from isptune_severity.optics import optics, optics_count

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


class Head(nn.Module):
    """Severities and the logarithms of their deviations of (N, F) inputs, the last that of the weighted sum.

    Args:
        count: of inputs.
        known: how many of them, the first ones, the first version has too.
        hidden: width.
        dropout: while it is trained.
    """

    def __init__(self, count: int, known: int, hidden: int, dropout: float) -> None:
        super().__init__()
        begin_head(self, count, known, hidden, dropout)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        return by_head(self, features)


def begin_head(module: Any, count: int, known: int, hidden: int, dropout: float) -> None:
    """Give a module the parts of a head."""
    module.register_buffer("mean", torch.zeros(count))
    module.register_buffer("deviation", torch.ones(count))
    # The first version's own judgement, on its own statistics, is where the training begins.
    module.first = _FirstHead(known)
    module.carried = nn.Parameter(carried())
    # Most of what a fault does to the statistics is in proportion to it: a straight way beside the bent.
    module.straight = nn.Linear(count, len(FAMILIES))
    module.body = nn.Sequential(
        *(nn.Dropout(dropout / 2), nn.Linear(count + len(FIRST), hidden), nn.GELU()),
        *(nn.Dropout(dropout), nn.Linear(hidden, hidden), nn.GELU()),
    )
    module.severities = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden, len(FAMILIES)))
    for parameter in (*module.straight.parameters(), *module.severities[1].parameters()):
        nn.init.zeros_(parameter)
    # Of every family, and of the weighted sum.
    module.spreads = nn.Sequential(
        nn.Linear(hidden, hidden // 2), nn.GELU(), nn.Linear(hidden // 2, len(FAMILIES) + 1)
    )


def by_head(module: Any, features: Tensor) -> tuple[Tensor, Tensor]:
    """What the head in a module makes of (N, F) inputs."""
    first = module.first(features)
    found = ((features - module.mean) / module.deviation).clamp(-8, 8)
    inner = module.body(torch.cat([found, first], dim=1))
    severities = first @ module.carried + module.straight(found) + module.severities(inner)
    # Whoever learns how far it is off must not bend what it predicts.
    return severities, module.spreads(inner.detach())


class SecondNetwork(Trunk):
    """(N, 3, H, W) in [0, 1] to (N, 15) severities, and to the logarithms of their deviations.

    The convolutions are those of the first version; more fixed statistics stand beside them.

    Args:
        widths: channels of the three levels, at 1/4, 1/8 and 1/16 of the resolution.
        hidden: of the head.
        dropout: in the head, while it is trained.
        members: further heads on the same inputs, trained apart: their mean counts as much as the own head.
        corrections: width of what all inputs, `optics` among them, add to the severities; 0 for none.
        original: share of the first version's own judgement, as it was before the heads took it over; 0 for
            none.
    """

    def __init__(
        self,
        widths: Sequence[int] = (32, 64, 96),
        hidden: int = 256,
        dropout: float = 0.5,
        members: int = 0,
        corrections: int = 0,
        original: float = 0.0,
    ) -> None:
        super().__init__(widths)
        self.hidden = hidden
        known = 2 * sum(self.widths) + statistics_count()
        count = known + fingerprints_count()
        self.mean: Tensor
        self.deviation: Tensor
        self.weights: Tensor
        self.first: _FirstHead
        weights = torch.tensor([WEIGHTS[family] for family in FAMILIES])
        self.register_buffer("weights", weights, persistent=False)
        begin_head(self, count, known, hidden, dropout)
        self.members = nn.ModuleList(Head(count, known, hidden, dropout) for _ in range(members))
        # The heads do not see the columns of `optics`, which come last.
        self.count = count
        self.corrections = Corrections(count + optics_count(), corrections) if corrections else None

        self.share = original
        self.original = _FirstHead(known) if original else None

    @property
    def has_optics(self) -> bool:
        """Whether `optics` are among the features."""
        return self.corrections is not None

    def further(self, images: Tensor) -> Tensor:
        """(N, S): the fixed statistics that the first version does not have."""
        # A few at a time, whose temporaries stay in the processor's cache.
        kinds = (fingerprints, optics) if self.has_optics else (fingerprints,)
        return torch.cat(
            [torch.cat([kind(part) for kind in kinds], dim=1) for part in _exact(images).split(8)]
        )

    def features(self, images: Tensor) -> Tensor:
        pooled = self.pooled(images)
        known = torch.cat([statistics(part) for part in _exact(images).split(8)])
        return torch.cat([pooled, known.to(pooled), self.further(images).to(pooled)], dim=1)

    def judged(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 15) severities and (N, 16) logarithms of deviations, the last that of the weighted sum."""
        severities, spreads = self.begun(features[:, : self.count])
        if self.corrections is not None:
            severities = severities + self.corrections(features)
        return severities, spreads

    def begun(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The same without the corrections: of the heads, and of the first version where it has a share."""
        severities, spreads = self._by_heads(features)
        if self.original is None:
            return severities, spreads
        own = self.original(features) @ carried().to(features)
        return (1 - self.share) * severities + self.share * own, spreads

    def _by_heads(self, features: Tensor) -> tuple[Tensor, Tensor]:
        own = by_head(self, features)
        if not self.members:
            return own
        others = [member(features) for member in self.members]
        severities, spreads = (torch.stack(parts).mean(0) for parts in zip(*others, strict=True))
        return (own[0] + severities) / 2, (own[1] + spreads) / 2

    def forward(self, images: Tensor) -> Tensor:
        return self.judged(self.features(images))[0]

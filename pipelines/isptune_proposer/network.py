"""The network of a proposer: it reads every picture of a set, then says where the best settings may lie."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Standardised statistics beyond this say no more.
_FAR = 6.0
# Of logarithms of deviations: of levels, and of answers.
_LEVEL_SPREADS, _ANSWER_SPREADS = (-6.0, 0.0), (-5.0, 0.0)


@dataclass(frozen=True)
class Mixture:
    """What is believed of N answers: mixtures of M normal distributions in the unit cube of n parameters.

    Attributes:
        weights: (N, M), logarithms of the shares.
        means, spreads: (N, M, n), the centres and the logarithms of the deviations.
    """

    weights: Tensor
    means: Tensor
    spreads: Tensor

    def surprise(self, answers: Tensor) -> Tensor:
        """The mean negative logarithm of the density at answers (N, n), but for a constant."""
        off = (answers[:, None] - self.means) * torch.exp(-self.spreads)
        parts = self.weights - (0.5 * off.square() + self.spreads).sum(2)
        return -torch.logsumexp(parts, dim=1).mean()

    def middle(self) -> Tensor:
        """(N, n) expectations."""
        return (self.weights.exp()[..., None] * self.means).sum(1)

    def drawn(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, n) answers drawn from the first mixture, within the cube."""
        which = torch.multinomial(self.weights[0].exp(), count, replacement=True, generator=generator)
        normal = torch.randn(count, self.means.shape[2], generator=generator)
        return (self.means[0][which] + self.spreads[0][which].exp() * normal).clamp(0, 1)


class ProposerNetwork(nn.Module):
    """Statistics of a set of pictures -> levels of each picture -> the answer.

    Args:
        statistics: F of a picture.
        pictures: P of a set.
        levels: L that are read off each picture.
        parameters: n of an answer.
        hidden: width of the layers that read; the others are half as wide again.
        parts: M of the mixture.
        dropout: of statistics, while it is trained.
    """

    def __init__(
        self,
        statistics: int,
        pictures: int,
        levels: int,
        parameters: int,
        hidden: int = 256,
        parts: int = 6,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.parameters_sought, self.parts = parameters, parts
        wide = hidden * 3 // 2
        self.reads = nn.Sequential(
            *(nn.Dropout(dropout), nn.Linear(4 * statistics, hidden), nn.GELU()),
            *(nn.Linear(hidden, hidden // 2), nn.GELU(), nn.Linear(hidden // 2, 2 * levels)),
        )
        self.solves = nn.Sequential(
            *(nn.Linear(2 * pictures * levels, wide), nn.GELU(), nn.Linear(wide, wide), nn.GELU()),
            nn.Linear(wide, parts * (1 + 2 * parameters)),
        )
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(statistics))
        self.register_buffer("deviation", torch.ones(statistics))

    def read(self, statistics: Tensor) -> tuple[Tensor, Tensor]:
        """(N, P, L) levels in [0, 1] and logarithms of how far off they may be, of (N, P, F) statistics.

        A picture is seen beside the others of its set, which show the same scene.
        """
        own = ((statistics - self.mean) / self.deviation).clamp(-_FAR, _FAR)
        middle = own.mean(1, keepdim=True).expand_as(own)
        most = own.amax(1, keepdim=True).expand_as(own)
        found = self.reads(torch.cat([own, own - middle, middle, most - own], dim=-1))
        levels, spreads = found.chunk(2, dim=-1)
        return torch.sigmoid(levels - 1), spreads.clamp(*_LEVEL_SPREADS)

    def solve(self, levels: Tensor, spreads: Tensor) -> Mixture:
        """What follows for the answers from levels and their spreads, (N, P, L) both."""
        seen = torch.cat([levels.clamp(min=1e-4).sqrt().flatten(1), spreads.flatten(1) / 3], dim=1)
        found = self.solves(seen).unflatten(1, (self.parts, -1))
        weights, means, widths = found.split([1, self.parameters_sought, self.parameters_sought], dim=-1)
        return Mixture(
            F.log_softmax(weights[..., 0], dim=1), torch.sigmoid(means), widths.clamp(*_ANSWER_SPREADS)
        )

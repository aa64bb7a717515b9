"""The network of ``severity``: how strong each family of distortion is, from the picture alone.

Everything is seen at native resolution. A small convolutional network looks at structure; fixed statistics
of luma, saturation and of high-pass energy at three scales, whose logarithms keep the faintest noise visible,
stand beside it; a small head makes one severity per family of both.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FAMILIES = ("blur", "exposure", "saturation", "noise", "sharpening", "compression", "contrast")
"""The families of distortion, in the order of the network's outputs."""

SMALLEST = 32
"""The least side of a picture in pixels."""

_SCALES = 3
BLOCK = 8
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
# Energy below one tenth of a grey level of 255 counts as none.
FLOOR = 4e-4


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside a straight way."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(F.relu(self.first(x))))


def _halving(narrow: int, wide: int) -> nn.Sequential:
    """Half the resolution, more channels, and two residual blocks."""
    return nn.Sequential(nn.Conv2d(narrow, wide, 2, stride=2), nn.ReLU(), Residual(wide), Residual(wide))


class Trunk(nn.Module):
    """The convolutions of every version.

    Args:
        widths: channels of the three levels, at 1/4, 1/8 and 1/16 of the resolution.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.widths = tuple(widths)
        first, second, third = self.widths
        self.stem = nn.Conv2d(3, first, 7, stride=4, padding=3)
        self.levels = nn.ModuleList(
            [nn.Sequential(Residual(first)), _halving(first, second), _halving(second, third)]
        )

    def pooled(self, images: Tensor) -> Tensor:
        """(N, 2 sum(widths)): means and deviations of every level's channels."""
        # In half precision the first layer would not see noise below one grey level.
        with torch.autocast(images.device.type, enabled=False):
            x = F.relu(self.stem(images.to(self.stem.weight.dtype) * 2 - 1))
        columns = []
        for level in self.levels:
            x = level(x)
            wide = _exact(x)
            columns += [wide.mean((2, 3)), (wide.var((2, 3), correction=0) + 1e-6).sqrt()]
        return torch.cat(columns, dim=1)


class SeverityNetwork(Trunk):
    """(N, 3, H, W) in [0, 1] to (N, 7) severities: 0 is pristine, 1 a stage's highest level.

    Values are not confined to [0, 1]: below 0 a picture is better than a typical pristine one, which keeps
    the slope that an optimizer needs.

    Args:
        widths: channels of the three levels, at 1/4, 1/8 and 1/16 of the resolution.
        hidden: of the head.
    """

    def __init__(self, widths: Sequence[int] = (32, 64, 96), hidden: int = 128) -> None:
        super().__init__(widths)
        self.hidden = hidden
        count = 2 * sum(self.widths) + statistics_count()
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("deviation", torch.ones(count))
        self.head = nn.Sequential(
            nn.Linear(count, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, len(FAMILIES)),
        )

    def features(self, images: Tensor) -> Tensor:
        """(N, F): means and deviations of every level's channels, and the fixed statistics."""
        pooled = self.pooled(images)
        return torch.cat([pooled, statistics(_exact(images)).to(pooled)], dim=1)

    def forward(self, images: Tensor) -> Tensor:
        return self.judged(self.features(images))

    def judged(self, features: Tensor) -> Tensor:
        """(N, 7) severities of (N, F) features."""
        found: Tensor = self.head((features - self.mean) / self.deviation)
        return found


def _exact(x: Tensor) -> Tensor:
    """In at least single precision."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def statistics_count() -> int:
    """The number of columns of `statistics`."""
    return 3 * _SCALES * len(QUANTILES) + 3 * len(QUANTILES) + 6


def statistics(images: Tensor) -> Tensor:
    """(N, S) fixed statistics of pictures (N, 3, H, W).

    Quantiles over blocks of the logarithm of high-pass energy, of luma and of two chroma differences at
    three scales; quantiles of luma, of the largest channel and of saturation over blocks of 4 x 4; the mean
    colours, the shares of clipped values and the mean saturation.
    """
    columns, scaled = [], images
    kernel = _high_pass_kernel(images)
    for scale in range(_SCALES):
        if scale:
            scaled = F.avg_pool2d(scaled, 2)
        energy = F.conv2d(scaled, kernel).abs()
        energy = F.avg_pool2d(energy, min(BLOCK, *energy.shape[-2:]))
        columns.append(_quantiles(torch.log(energy + FLOOR).flatten(2)))
    coarse = F.avg_pool2d(images, 4)
    red, green, blue = coarse.unbind(1)
    largest, smallest = coarse.amax(1), coarse.amin(1)
    saturation = (largest - smallest) / (largest + 0.05)
    tones = torch.stack([0.299 * red + 0.587 * green + 0.114 * blue, largest, saturation], dim=1)
    columns.append(_quantiles(tones.flatten(2)))
    # Ramps instead of steps, so that the shares have gradients.
    white, black = (images * 50 - 49).clamp(0, 1), (1 - images * 50).clamp(0, 1)
    columns += [coarse.mean((2, 3)), *(part.mean((1, 2, 3))[:, None] for part in (white, black))]
    columns.append(saturation.mean((1, 2))[:, None])
    return torch.cat([column.flatten(1) for column in columns], dim=1)


def _high_pass_kernel(images: Tensor) -> Tensor:
    """(3, 3, 3, 3): luma and the differences of blue and red from it, through a high pass blind to ramps."""
    luma = images.new_tensor([0.299, 0.587, 0.114])
    mixed = torch.stack([luma, images.new_tensor([0, 0, 1]) - luma, images.new_tensor([1, 0, 0]) - luma])
    line = images.new_tensor([1, -2, 1])
    return mixed[:, :, None, None] * torch.outer(line, line) / 4


def _quantiles(values: Tensor) -> Tensor:
    """(N, C, Q) of (N, C, T), at the nearest ranks below: cheap, and with gradients."""
    ordered = values.sort(dim=-1).values
    last = values.shape[-1] - 1
    ranks = torch.tensor([int(share * last) for share in QUANTILES], device=values.device)
    return ordered.index_select(-1, ranks)

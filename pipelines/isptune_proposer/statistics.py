"""What pictures show in numbers: detail and noise by scale, tones, colours and clipping."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# Scales of luma and of the two colour differences, each half of the one before.
_LUMA_SCALES, _COLOUR_SCALES = 5, 3
# Sides of the squares whose amounts of detail are compared: the calmest tell noise, the busiest sharpness.
_SQUARE = 8
_SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
_TONES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_LEAST = 1e-4

COUNT = 126
"""How many there are."""

SMALLEST = 64
"""The smallest side of a picture in pixels."""


def picture_statistics(images: Tensor) -> Tensor:
    """(N, 126) statistics of pictures (N, 3, H, W) in [0, 1], each at its native resolution.

    For every scale of luma and of the differences red - green and yellow - blue: logarithms of how much
    detail the calmest to the busiest squares hold, how heavy its tails are, and how alike neighbours are;
    then shares of tones, of colourfulness, and of values at 0 and 1.
    """
    images = images.float()
    red, green, blue = images.unbind(1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    planes = torch.stack([luma, red - green, (red + green) / 2 - blue], 1)
    found = [*_bands(planes[:, :1], _LUMA_SCALES), *_bands(planes[:, 1:], _COLOUR_SCALES)]
    found += [_tones(luma), _colours(images, planes[:, 1:])]
    return torch.cat(found, dim=1)


def _bands(planes: Tensor, scales: int) -> list[Tensor]:
    """Statistics of the details of planes (N, C, H, W) at each scale."""
    found = []
    for scale in range(scales):
        low = _smooth(planes)
        band = planes - low
        power = F.avg_pool2d(band.square(), _SQUARE if scale < 3 else _SQUARE // 2).flatten(2)
        mean = power.mean(2)
        shares = torch.quantile(power, torch.tensor(_SHARES, device=power.device), dim=2)
        found += [0.5 * torch.log(part + _LEAST**2) for part in (mean, *shares)]
        safe = mean + _LEAST**2
        if scale < 3:
            found.append(torch.log(band.pow(4).mean((2, 3)) / safe.square() + _LEAST))
            for lag in (1, 2):
                beside = (band[..., lag:] * band[..., :-lag]).mean((2, 3))
                below = (band[..., lag:, :] * band[..., :-lag, :]).mean((2, 3))
                found.append((beside + below) / (2 * safe))
        planes = low[..., ::2, ::2]
    return found


def _smooth(planes: Tensor) -> Tensor:
    """Binomial weights 1, 4, 6, 4, 1 along both sides, mirrored at the borders."""
    for dimension in (2, 3):
        sides = [2, 2, 0, 0] if dimension == 3 else [0, 0, 2, 2]
        padded = F.pad(planes, sides, mode="reflect")
        size = planes.shape[dimension]
        parts = [padded.narrow(dimension, start, size) for start in range(5)]
        planes = (parts[0] + parts[4] + 4 * (parts[1] + parts[3]) + 6 * parts[2]) / 16
    return planes


def _tones(luma: Tensor) -> Tensor:
    small = F.avg_pool2d(luma[:, None], 4).flatten(1)
    whole = luma[:, ::3, ::3].flatten(1)
    shares = torch.tensor(_TONES, device=luma.device)
    return torch.cat([torch.quantile(part, shares, dim=1).T for part in (small, whole)], dim=1)


def _colours(images: Tensor, differences: Tensor) -> Tensor:
    small = F.avg_pool2d(images, 4)
    highest = small.amax(1)
    spread = (highest - small.amin(1)).flatten(1)
    saturation = spread / (highest.flatten(1) + 0.02)
    shares = torch.tensor(_SHARES, device=images.device)
    parts = [torch.quantile(part, shares, dim=1).T for part in (spread, saturation)]
    parts.append(torch.log(spread.mean(1, keepdim=True) + _LEAST))
    parts.append(F.avg_pool2d(differences, 4).flatten(2).std(2))
    parts += [(images <= 0.002).float().mean((2, 3)), (images >= 0.998).float().mean((2, 3))]
    return torch.cat(parts, dim=1)

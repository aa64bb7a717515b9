"""What single faults leave behind: further fixed statistics for the second version of ``severity``.

Each group answers one question of somebody who looks for a fault: are neighbours equal (pixelation, few
tones), do straight seams lie on a grid (compression, blocks), are the corners darker, do the colour planes
lie upon each other, do flat spots stand out. Plain torch with gradients; the reference for faster ways.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# Energy below one tenth of a grey level of 255 counts as none.
_FLOOR = 4e-4
_SCALES = 3
_BLOCK = 8
_EQUAL = (5e-4, 4e-3)
_EXTREMES = (0.005, 0.02, 0.1, 0.9, 0.98, 0.995)
_BINS = 64
_CELLS = 8
_TONES = (0.1, 0.3, 0.5, 0.7, 0.9)
_DISTANCES = (1, 2, 4, 6)
_WAYS = ((0, 1), (1, 0), (1, 1))
_APART = 4


def fingerprints_count() -> int:
    """The number of columns of `fingerprints`."""
    return 4 * _SCALES + 4 + 8 + 3 * len(_EXTREMES) + 2 + 13 + 6 * len(_TONES) + 11 + 3 + 8 + 4 + 6


def fingerprints(images: Tensor) -> Tensor:
    """(N, S) fixed statistics of pictures (N, 3, H, W), at least 32 x 32."""
    luma, blue, red = _opponents(images)
    fine = F.avg_pool2d(images, 4)
    groups = (
        _directions(luma),
        _equal_neighbours(luma, blue, red),
        _seams(luma),
        _extremes(fine),
        _comb(images),
        _layout(images, luma),
        _tones(images, luma, blue, red, fine),
        _planes(F.avg_pool2d(images, 2)),
        _spots(images, luma),
        _clipped(images),
    )
    return torch.cat(groups, dim=1)


def _opponents(images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Luma (N, H, W), and the differences of blue and of red from it."""
    red, green, blue = images.unbind(1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return luma, blue - luma, red - luma


def _blocks(values: Tensor) -> Tensor:
    """Means over blocks of 8 x 8, or of the whole where it is smaller."""
    return F.avg_pool2d(values, (min(_BLOCK, values.shape[-2]), min(_BLOCK, values.shape[-1])))


def _directions(luma: Tensor) -> Tensor:
    """Energy of second differences along rows and columns: mean and 95% of the blocks' logs, three scales."""
    columns = []
    for scale in range(_SCALES):
        if scale:
            luma = F.avg_pool2d(luma, 2)
        for x in (luma, luma.mT):
            second = (x[:, :, 1:-1] - 0.5 * (x[:, :, :-2] + x[:, :, 2:])).abs()
            logs = torch.log(_blocks(second) + _FLOOR).flatten(1)
            columns += [logs.mean(1), _quantiles(logs, (0.95,))[:, 0]]
    return torch.stack(columns, dim=1)


def _equal_neighbours(luma: Tensor, blue: Tensor, red: Tensor) -> Tensor:
    """How many neighbours are as good as equal, in luma and in colour, within two tolerances."""
    columns = []
    for planes in ((luma,), (blue, red)):
        for tolerance in _EQUAL:
            parts = [
                F.relu(1 - (x[:, :, 1:] - x[:, :, :-1]).abs() / tolerance).mean((1, 2))
                for plane in planes
                for x in (plane, plane.mT)
            ]
            columns.append(torch.stack(parts).mean(0))
    return torch.stack(columns, dim=1)


def _seams(luma: Tensor) -> Tensor:
    """Straight steps one pixel wide, eight long: how strong, how rare, whether they lie on a grid of 8."""
    columns = []
    for x in (luma, luma.mT):
        step = (x[:, :, 1:] - x[:, :, :-1]).abs()
        alone = step[:, :, 1:-1] - 0.5 * (step[:, :, :-2] + step[:, :, 2:])
        # `alone[c]` is the step from pixel c + 1 to c + 2.
        long = F.relu(F.avg_pool2d(alone, (_BLOCK, 1)))
        mean = long.mean((1, 2))
        power = (long.square().mean((1, 2)) + 1e-8).sqrt()
        count = long.shape[2] // _BLOCK * _BLOCK
        phases = long[:, :, :count].unflatten(2, (-1, _BLOCK)).mean((1, 2))
        share = torch.log((phases + _FLOOR / 4) / (mean[:, None] + _FLOOR / 4))
        columns += [torch.log(mean + _FLOOR / 4), torch.log(power / (mean + _FLOOR / 4))]
        # The step from pixel 7 to 8 is the sixth.
        columns += [share[:, _BLOCK - 2], share.amax(1)]
    return torch.stack(columns, dim=1)


def _extremes(fine: Tensor) -> Tensor:
    """The darkest and the lightest of luma and of the least and largest channel, over blocks of 4 x 4."""
    luma = _opponents(fine)[0]
    tones = torch.stack([luma, fine.amin(1), fine.amax(1)], dim=1).flatten(2)
    return _quantiles(tones, _EXTREMES).flatten(1)


def _comb(images: Tensor) -> Tensor:
    """How rough the histograms of the channels are, and how many of their 64 bins are filled."""
    values = images[:, :, ::2, ::2].flatten(2).clamp(0, 1) * (_BINS - 1)
    lower = values.detach().floor().clamp(max=_BINS - 2)
    upper_share = values - lower
    index = lower.long()
    counts = values.new_zeros(*values.shape[:2], _BINS)
    counts = counts.scatter_add(2, index, 1 - upper_share).scatter_add(2, index + 1, upper_share)
    shares = counts / values.shape[2]
    rough = (shares[:, :, 1:-1] - 0.5 * (shares[:, :, :-2] + shares[:, :, 2:])).abs().sum(2).mean(1)
    filled = (shares / (shares + 1e-3)).mean((1, 2))
    return torch.stack([rough, filled], dim=1)


def _layout(images: Tensor, luma: Tensor) -> Tensor:
    """How light, colour and detail change towards the corners and from top to bottom, on a grid of 8 x 8."""
    cells = F.adaptive_avg_pool2d(images, _CELLS)
    mean, blue, red = _opponents(cells)
    light = torch.log(mean + 0.02)
    second = (luma[:, 1:-1, 1:-1] - 0.5 * (luma[:, 1:-1, :-2] + luma[:, 1:-1, 2:])).abs()
    detail = torch.log(F.adaptive_avg_pool2d(second, _CELLS) + _FLOOR)
    lightest = torch.log(F.adaptive_max_pool2d(F.avg_pool2d(luma, 4), _CELLS) + 0.02)
    place = torch.linspace(-1, 1, _CELLS, dtype=images.dtype, device=images.device)
    radial = (place[:, None].square() + place.square()) / 2
    downwards = place[:, None].expand(_CELLS, _CELLS)
    columns = [_slope(plane, radial) for plane in (light, detail, lightest, blue, red)]
    columns += [_slope(plane, downwards) for plane in (light, detail, blue, red)]
    middle = light[:, 2:-2, 2:-2].mean((1, 2))
    corners = torch.stack(
        [light[:, i : i + 2, j : j + 2].mean((1, 2)) for i in (0, _CELLS - 2) for j in (0, _CELLS - 2)]
    )
    columns += [corners.amin(0) - middle, corners.amax(0) - middle]
    columns += [(light.var((1, 2), correction=0) + 1e-4).sqrt(), light.mean((1, 2))]
    return torch.stack(columns, dim=1)


def _slope(plane: Tensor, along: Tensor) -> Tensor:
    """Of the straight line through (N, 8, 8) cells, against a map of the same size."""
    centred = along - along.mean()
    return (plane * centred).sum((1, 2)) / centred.square().sum()


def _tones(images: Tensor, luma: Tensor, blue: Tensor, red: Tensor, fine: Tensor) -> Tensor:
    """Detail, noise of colour and colour itself of five tones; the hues; what is almost grey."""
    inner = slice(1, -1)
    logs = []
    for plane in (luma, blue, red):
        second = plane[:, inner, inner] - 0.5 * (plane[:, inner, :-2] + plane[:, inner, 2:])
        logs.append(torch.log(_blocks(second.abs()) + _FLOOR))
    level = _blocks(luma[:, inner, inner])
    grey, towards_blue, towards_red = _opponents(fine)
    largest, smallest = fine.amax(1), fine.amin(1)
    saturation = (largest - smallest) / (largest + 0.05)
    columns = []
    for tone in _TONES:
        weight = F.relu(1 - (level - tone).abs() / 0.2)
        total = weight.sum((1, 2)) + 0.5
        columns += [
            (weight * (plane + 5)).sum((1, 2)) / total for plane in (logs[0], (logs[1] + logs[2]) / 2)
        ]
        columns.append(weight.mean((1, 2)))
        weight = F.relu(1 - (grey - tone).abs() / 0.2)
        total = weight.sum((1, 2)) + 2.0
        columns += [(weight * p).sum((1, 2)) / total for p in (saturation, towards_blue, towards_red)]
    for x, y in ((1.0, 0.0), (0.5, 0.866), (-0.5, 0.866), (-1.0, 0.0), (-0.5, -0.866), (0.5, -0.866)):
        columns.append(F.relu(x * towards_blue + y * towards_red).mean((1, 2)))
    neutral = torch.exp(-(towards_blue.square() + towards_red.square()) / 0.05**2)
    total = neutral.sum((1, 2)) + 1.0
    columns += [(neutral * p).sum((1, 2)) / total for p in (towards_blue, towards_red)]
    columns.append(neutral.mean((1, 2)))
    centred = grey - grey.mean((1, 2), keepdim=True)
    columns += [
        (centred * p).mean((1, 2)) / (centred.square().mean((1, 2)) + 0.01)
        for p in (towards_blue, towards_red)
    ]
    return torch.stack(columns, dim=1)


def _planes(half: Tensor) -> Tensor:
    """Whether details of the colour planes lie upon each other, and whether green fits better moved back.

    Correlations of half-size planes less their means over 5 x 5.
    """
    detail = half - F.avg_pool2d(half, 5, stride=1, padding=2, count_include_pad=False)
    red, green, blue = detail.unbind(1)
    columns = [_agreement(red, green), _agreement(green, blue), _agreement(red, blue)]
    others = (red + blue) / 2
    for sign in (1, -1):
        for distance in _DISTANCES:
            found = []
            for down, right in _WAYS:
                moved, still = (green, others) if sign > 0 else (others, green)
                rows, width = green.shape[1] - down * distance, green.shape[2] - right * distance
                # Where green lies lower and farther to the right, it is read from there.
                ahead = moved[:, down * distance :, right * distance :]
                found.append(_agreement(ahead, still[:, :rows, :width]))
            columns.append(torch.stack(found).amax(0))
    return torch.stack(columns, dim=1)


def _agreement(x: Tensor, y: Tensor) -> Tensor:
    tiny = 1e-6
    powers = (x.square().mean((1, 2)) + tiny) * (y.square().mean((1, 2)) + tiny)
    return ((x * y).mean((1, 2)) + tiny) / powers.sqrt()


def _spots(images: Tensor, luma: Tensor) -> Tensor:
    """Flat blocks of 8 x 8 whose colour is unlike that of all four neighbours 32 pixels away."""
    means = F.avg_pool2d(images, _BLOCK)
    variance = F.relu(F.avg_pool2d(luma.square(), _BLOCK) - F.avg_pool2d(luma, _BLOCK).square())
    floor = 2 * _quantiles(variance.flatten(1), (0.05,))[:, :, None] + 1e-6
    flat = floor / (floor + variance)
    wide = F.pad(means, (_APART,) * 4, mode="replicate")
    height, width = means.shape[-2:]
    apart = []
    for down, right in ((0, _APART), (2 * _APART, _APART), (_APART, 0), (_APART, 2 * _APART)):
        neighbour = wide[:, :, down : down + height, right : right + width]
        apart.append((means - neighbour).abs().mean(1))
    unlike = torch.stack(apart).amin(0)
    odd = flat * unlike
    power = (odd.square().mean((1, 2)) + 1e-8).sqrt()
    return torch.stack([odd.mean((1, 2)), power, flat.mean((1, 2)), unlike.mean((1, 2))], dim=1)


def _clipped(images: Tensor) -> Tensor:
    """Shares of white and of black of each channel; ramps instead of steps, so that they have gradients."""
    white, black = (images * 50 - 49).clamp(0, 1), (1 - images * 50).clamp(0, 1)
    return torch.cat([white.mean((2, 3)), black.mean((2, 3))], dim=1)


def _quantiles(values: Tensor, shares: tuple[float, ...]) -> Tensor:
    """(..., Q) of (..., T), at the nearest ranks below: cheap, and with gradients."""
    ordered = values.sort(dim=-1).values
    last = values.shape[-1] - 1
    ranks = torch.tensor([int(share * last) for share in shares], device=values.device)
    return ordered.index_select(-1, ranks)

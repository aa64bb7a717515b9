"""The slanted edge: spatial frequency response, overshoot and colour displacement (ISO 12233, e-SFR).

A region of a picture shows one straight edge, a few degrees from upright. Along the edge its pixels meet the
edge at all fractions of a pixel: sorted by their distance from it, they sample the edge four times as
finely as the picture does. The derivative of that edge spread is the line spread; its spectrum is the
spatial frequency response. Two corrections undo what the method itself blurs: the difference of neighbours
and the averaging in bins. What is left is the blur of picture and pixels alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

OVERSAMPLING = 4
"""Bins in the width of a pixel."""

# Frequencies at which the response is told, in cycles per pixel.
_STEP, _HIGHEST = 1 / 256, 1.0
# The share of the line spread at each end on which it fades out.
_FADE = 0.25


@dataclass(frozen=True)
class Line:
    """Where an edge lies in upright regions (..., h, w), in pixels from the region's middle.

    Attributes:
        offset: (N,) where the edge crosses the middle row.
        slope: (N,) how far it moves to the right with each row.
    """

    offset: Tensor
    slope: Tensor

    @property
    def degrees(self) -> Tensor:
        """(N,) its tilt from upright."""
        return torch.rad2deg(torch.atan(self.slope))


@dataclass(frozen=True)
class EdgeSpread:
    """Edges sampled along their normals.

    Attributes:
        values: (N, B) means of bins of a quarter of a pixel.
        distances: (B,) of the bins' middles from the edge, in pixels.
    """

    values: Tensor
    distances: Tensor


def find_line(region: Tensor, slope: Tensor | float | None = None) -> Line:
    """Find the edge in upright regions (N, h, w) by the centroids of its rows' derivatives (ISO 12233).

    The result carries no gradient: the response is at its best where the line is true, so that small
    errors of it do not change the response to first order.

    Args:
        region: of luminance or of one channel, in linear light.
        slope: where it is known, as of a drawn chart.
    """
    with torch.no_grad():
        values = region.detach().double()
        height, width = values.shape[-2:]
        rows = torch.arange(height, device=values.device) - (height - 1) / 2
        columns = torch.arange(width - 1, device=values.device) + 0.5 - (width - 1) / 2
        steps = values.diff(dim=-1)
        steps = steps * steps.sum(dim=(-2, -1), keepdim=True).sign()
        offset, found = _fit(steps, rows, columns, torch.zeros_like(steps[:, :, 0]), width / 2, slope)
        # Again, with a narrower window around what was found.
        for share in (0.35, 0.25):
            middle = offset[:, None] + found[:, None] * rows
            offset, found = _fit(steps, rows, columns, middle, max(4.0, share * width), slope)
        return Line(offset, found)


def _fit(
    steps: Tensor, rows: Tensor, columns: Tensor, middle: Tensor, reach: float, slope: Tensor | float | None
) -> tuple[Tensor, Tensor]:
    """Offset and slope (N,) of the line through rows' centroids, within ``reach`` of ``middle`` (N, h)."""
    away = (columns - middle[..., None]) / reach
    weights = steps * (0.5 + 0.5 * torch.cos(math.pi * away.clamp(-1, 1)))
    mass = weights.sum(dim=-1)
    # A row whose window holds no edge counts nothing.
    sure = mass.clamp(min=0)
    total = sure.sum(dim=-1).clamp(min=1e-12)
    centroid = (weights * columns).sum(dim=-1) / torch.where(mass > 1e-12, mass, torch.ones_like(mass))
    centroid = centroid.clamp(columns[0], columns[-1])
    mean_row, mean = (sure * rows).sum(dim=-1) / total, (sure * centroid).sum(dim=-1) / total
    if slope is None:
        around = rows - mean_row[:, None]
        found = (sure * around * centroid).sum(dim=-1) / (sure * around.square()).sum(dim=-1).clamp(min=1e-12)
    else:
        found = torch.as_tensor(slope, dtype=rows.dtype, device=rows.device).expand(len(steps))
    return mean - found * mean_row, found


def edge_spread(region: Tensor, line: Line) -> EdgeSpread:
    """Sample the edge in upright regions (N, h, w) along its normal; linear in the region.

    Each bin of a quarter of a pixel holds the mean of the pixels whose middles lie in it. A bin that none
    lies in gets the mean of its neighbours.
    """
    count, height, width = region.shape
    rows = torch.arange(height, device=region.device, dtype=torch.float64) - (height - 1) / 2
    columns = torch.arange(width, device=region.device, dtype=torch.float64) - (width - 1) / 2
    slope = line.slope[:, None, None]
    away = columns - line.offset[:, None, None] - slope * rows[:, None]
    away = away * torch.cos(torch.atan(slope))
    # As far as every row reaches, on both sides.
    reach = int(OVERSAMPLING * (width / 2 - 1))
    place = torch.floor(away * OVERSAMPLING).long() + reach
    inside = (place >= 0) & (place < 2 * reach)
    place = place.clamp(0, 2 * reach - 1).flatten(1)
    weight = inside.flatten(1).to(region.dtype)
    zeros = region.new_zeros(count, 2 * reach)
    sums = zeros.scatter_add(1, place, region.flatten(1) * weight)
    numbers = zeros.scatter_add(1, place, weight)
    distances = (
        torch.arange(2 * reach, device=region.device, dtype=region.dtype) + 0.5 - reach
    ) / OVERSAMPLING
    means = _filled(sums, numbers)
    places = _filled(zeros.scatter_add(1, place, away.flatten(1).to(region.dtype) * weight), numbers)
    return EdgeSpread(_moved_to_middles(means, places, distances), distances)


def _moved_to_middles(means: Tensor, places: Tensor, middles: Tensor) -> Tensor:
    """Means (N, B) of bins at their middles (B,), from where their pixels lie on average (N, B).

    At slopes such as 1/4 and 1/6 pixels meet the edge at few fractions of a pixel, which lie to one side in
    a bin. The slope between the neighbours, to which the means are linear, takes each to the middle.
    """
    apart = places[:, 2:] - places[:, :-2]
    slope = (means[:, 2:] - means[:, :-2]) / apart.clamp(min=1 / OVERSAMPLING)
    inner = means[:, 1:-1] + slope * (middles[1:-1] - places[:, 1:-1])
    return torch.cat([means[:, :1], inner, means[:, -1:]], dim=1)


def _filled(sums: Tensor, numbers: Tensor) -> Tensor:
    """Means of bins; an empty one gets the nearest full one before and after it, in equal parts."""
    full = numbers > 0
    means = sums / numbers.clamp(min=1)
    if bool(full.all()):
        return means
    places = torch.arange(sums.shape[1], device=sums.device).expand_as(sums)
    before = torch.where(full, places, -1).cummax(dim=1).values
    after = torch.where(full, places, sums.shape[1]).flip(1).cummin(dim=1).values.flip(1)
    first = torch.where(before < 0, after, before).clamp(0, sums.shape[1] - 1)
    second = torch.where(after >= sums.shape[1], before, after).clamp(0, sums.shape[1] - 1)
    return 0.5 * (means.gather(1, first) + means.gather(1, second))


def line_spread(spread: EdgeSpread) -> Tensor:
    """(N, B) the windowed derivative of an edge spread; it sums to the edge's height times four."""
    values = spread.values
    padded = torch.cat([values[:, :1], values, values[:, -1:]], dim=1)
    derivative = (padded[:, 2:] - padded[:, :-2]) / 2
    return derivative * _window(spread.distances)


def _window(distances: Tensor) -> Tensor:
    """1 around the edge, fading out to 0 over a quarter of each side (Tukey)."""
    furthest = distances.abs().max()
    share = (1 - distances.abs() / furthest) / _FADE
    return 0.5 - 0.5 * torch.cos(math.pi * share.clamp(0, 1))


def response(spread: EdgeSpread, frequencies: Tensor) -> Tensor:
    """(N, F) complex spectrum of the line spread, 1 at 0, corrected for differences and bins.

    Args:
        spread: of edges.
        frequencies: (F,) in cycles per pixel, from 0 to below 2.
    """
    line = line_spread(spread)
    phase = 2 * math.pi * spread.distances[:, None] * frequencies
    waves = torch.complex(phase.cos(), -phase.sin())
    total = line.sum(dim=1, keepdim=True)
    total = torch.where(total.abs() < 1e-9, torch.full_like(total, 1e-9), total)
    found = (line / total).to(waves.dtype) @ waves
    width = frequencies / OVERSAMPLING
    return found / (torch.sinc(2 * width) * torch.sinc(width))


def grid(like: Tensor) -> Tensor:
    """(F,) the frequencies at which a response is told: 0 to 1 cycle per pixel, in steps of 1/256."""
    count = round(_HIGHEST / _STEP) + 1
    return torch.arange(count, device=like.device, dtype=like.dtype) * _STEP


def sfr(region: Tensor, line: Line | None = None) -> tuple[Tensor, Tensor]:
    """Spatial frequency response of upright slanted edges.

    Args:
        region: (N, h, w) in linear light, one edge each.
        line: where the edges lie; found if None.

    Returns:
        (F,) frequencies in cycles per pixel and (N, F) the response, 1 at 0.

    Example:
        >>> x = torch.arange(40.0) - 20
        >>> region = torch.sigmoid(2 * (x[None, :] - 0.09 * x[:, None]))[None]
        >>> frequencies, found = sfr(region)
        >>> found.shape, round(float(mtf_at(frequencies, found, 0.1)), 2)
        (torch.Size([1, 257]), 0.86)
    """
    region = region.double()
    spread = edge_spread(region, find_line(region) if line is None else line)
    frequencies = grid(region)
    return frequencies, response(spread, frequencies).abs()


def mtf_at(frequencies: Tensor, found: Tensor, frequency: float) -> Tensor:
    """(N,) a response (N, F) at one frequency in cycles per pixel."""
    place = frequency / _STEP
    below = min(int(place), len(frequencies) - 2)
    return torch.lerp(found[:, below], found[:, below + 1], place - below)


def crossing(frequencies: Tensor, found: Tensor, level: float = 0.5) -> Tensor:
    """(N,) the lowest frequency at which a response (N, F) falls to ``level``: MTF50 at 0.5, MTF10 at 0.1.

    The highest frequency where it falls that low nowhere.
    """
    low = found.detach() < level
    low[:, 0] = False
    first = torch.where(low.any(dim=1), low.int().argmax(dim=1), found.shape[1] - 1)
    above = found.gather(1, first[:, None] - 1)[:, 0]
    below = found.gather(1, first[:, None])[:, 0]
    drop = above - below
    share = (above - level) / torch.where(drop.abs() < 1e-12, torch.full_like(drop, 1e-12), drop)
    share = torch.where(low.any(dim=1), share, torch.ones_like(share))
    return frequencies[first - 1] + share * _STEP


def overshoot(spread: EdgeSpread) -> tuple[Tensor, Tensor]:
    """(N,) by how much an edge rises above its bright side, and (N,) falls below its dark side.

    Both are shares of the edge's height, 0 for none. The sides' levels are the means of their outer thirds.
    """
    values, distances = spread.values, spread.distances
    outer = distances.abs() > distances.abs().max() * 2 / 3
    left = values[:, outer & (distances < 0)].mean(dim=1)
    right = values[:, outer & (distances > 0)].mean(dim=1)
    bright, dark = torch.maximum(left, right), torch.minimum(left, right)
    height = (bright - dark).clamp(min=1e-6)
    # Two bins together: half a pixel, so that noise alone makes less of an overshoot.
    smooth = (values[:, 1:] + values[:, :-1]) / 2
    over = (smooth.amax(dim=1) - bright) / height
    under = (dark - smooth.amin(dim=1)) / height
    return over.clamp(min=0), under.clamp(min=0)


def displacement(spread: EdgeSpread, other: EdgeSpread) -> Tensor:
    """(N,) how far edges lie from those of another channel along the normal, in pixels.

    From the phases of the line spreads' spectra up to a quarter of a cycle per pixel, where blur has not yet
    drowned them. True to 2 pixels.
    """
    frequencies = grid(spread.values)[4:65:4]
    cross = response(spread, frequencies) * response(other, frequencies).conj()
    # Powers count, so that frequencies that are blurred away do not.
    weight = frequencies * cross.abs()
    slope = -(weight * angle(cross)).sum(dim=1) / (weight * frequencies).sum(dim=1).clamp(min=1e-12)
    return slope / (2 * math.pi)


def angle(numbers: Tensor) -> Tensor:
    """The angle of complex numbers, with a finite gradient at 0."""
    nothing = numbers.abs() < 1e-12
    return torch.where(nothing, torch.ones_like(numbers), numbers).angle()

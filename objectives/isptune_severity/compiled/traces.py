"""``fingerprints`` of one picture, by the passes over its bands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from isptune_severity.compiled import neighbours, planes
from isptune_severity.compiled.colours import colours
from isptune_severity.compiled.fixed import Passes
from isptune_severity.compiled.optics import optics_of
from isptune_severity.compiled.selection import select

Run = Callable[..., None]

_FLOOR = 4e-4
_EXTREMES = (0.005, 0.02, 0.1, 0.9, 0.98, 0.995)
_TONES = (0.1, 0.3, 0.5, 0.7, 0.9)
_DISTANCES = (1, 2, 4, 6)
_WAYS = ((0, 1), (1, 0), (1, 1))
_APART = 4
_HUES = ((1.0, 0.0), (0.5, 0.866), (-0.5, 0.866), (-1.0, 0.0), (-0.5, -0.866), (0.5, -0.866))
_LUMA = np.array([0.299, 0.587, 0.114])
# Pixels of a task.
_TASK = 2**16


def fingerprints_of(image: np.ndarray, passes: Passes, run: Run, with_optics: bool = False) -> np.ndarray:
    """(S,) float32: see ``isptune_severity.fingerprints``, and ``optics`` where asked for.

    Args:
        image: (3, H, W) float32, contiguous.
        passes: what was taken from it already.
        run: as of ``fixed.statistics_of``.
    """
    found = _Neighbours(image, run)
    grey = np.tensordot(_LUMA.astype(np.float32), passes.quarter, 1)
    half_grey = np.tensordot(_LUMA.astype(np.float32), passes.half, 1)
    detail = np.empty_like(passes.half)
    for plane in range(3):
        planes.detail_of(passes.half[plane], detail[plane])
    groups = [
        _directions(found, half_grey, grey),
        _equal_neighbours(found, image.shape[1:]),
        *(_seams(sums, *count) for sums, count in zip(found.seams, found.seam_counts, strict=True)),
        _extremes(passes, run),
        _comb(image),
        _layout(found, grey),
        _tones(found, passes.quarter),
        _planes(detail),
        _spots(found.blocks),
        passes.ramps.sum(axis=0).T.ravel() / image[0].size,
    ]
    if with_optics:
        groups.append(optics_of(image.shape[1:], grey, detail, run))
    return np.concatenate([np.asarray(group, np.float32).ravel() for group in groups])


class _Neighbours:
    """The results of ``neighbours.bands``, added up."""

    def __init__(self, image: np.ndarray, run: Run) -> None:
        height, width = image.shape[1:]
        bands = -(-height // 8)
        self.across = np.empty((height // 8, (width - 2) // 8), np.float32)
        self.down = np.empty(((height - 2) // 8, width // 8), np.float32)
        self.tones = np.empty((4, (height - 2) // 8, (width - 2) // 8), np.float32)
        self.blocks = np.empty((4, height // 8, width // 8), np.float32)
        equal, seams = np.zeros((bands, 2, 3, 2)), np.zeros((bands, 2, 10))
        rows = np.zeros((bands * 8, 4, 8))
        columns = np.stack([cells(width), cells(width - 2)])
        step = max(1, _TASK // (8 * width))
        shared = (columns, equal, seams, rows, self.across, self.down, self.tones, self.blocks)
        tasks = [(image, at, min(at + step, bands), *shared) for at in range(0, bands, step)]
        run(neighbours.bands, tasks, height * width)
        self.equal, self.seams = equal.sum(axis=0), seams.sum(axis=0)
        self.seam_counts = (
            (height // 8, width - 3),
            (width // 8, height - 3),
        )
        self.colours = np.stack([_cell_means(rows[:height, i], cells(height), columns[0]) for i in range(3)])
        self.detail = _cell_means(rows[: height - 2, 3], cells(height - 2), columns[1])


def cells(length: int) -> np.ndarray:
    """(8, 2) first and last of eight cells, as ``adaptive_avg_pool2d`` has them."""
    return np.array([(i * length // 8, -(-(i + 1) * length // 8)) for i in range(8)])


def _cell_means(rows: np.ndarray, ends: np.ndarray, columns: np.ndarray) -> np.ndarray:
    sums = np.stack([rows[first:last].sum(axis=0) / (last - first) for first, last in ends])
    return np.asarray(sums / (columns[:, 1] - columns[:, 0]))


def _directions(found: _Neighbours, half: np.ndarray, quarter: np.ndarray) -> list[float]:
    maps = [found.across, found.down]
    for plane in (half, quarter):
        height, width = plane.shape
        along_x = np.empty((max(1, height // 8), max(1, (width - 2) // 8)), np.float32)
        along_y = np.empty((max(1, (height - 2) // 8), max(1, width // 8)), np.float32)
        planes.second_differences(plane, along_x, along_y)
        maps += [along_x, along_y]
    columns = []
    for energies in maps:
        logs = np.log(energies.ravel() + np.float32(_FLOOR))
        columns += [logs.mean(dtype=np.float64), _ranked(logs, 0.95)]
    return columns


def _ranked(values: np.ndarray, share: float) -> float:
    rank = int(share * (values.size - 1))
    return float(np.partition(values.ravel(), rank)[rank])


def _equal_neighbours(found: _Neighbours, size: Any) -> np.ndarray:
    height, width = size
    means = found.equal / np.array([height * (width - 1), (height - 1) * width])[:, None, None]
    means = means.mean(axis=0)
    return np.concatenate([means[0], (means[1] + means[2]) / 2])


def _seams(sums: np.ndarray, blocks: int, steps: int) -> np.ndarray:
    floor = _FLOOR / 4
    mean = sums[0] / (blocks * steps)
    power = np.sqrt(sums[1] / (blocks * steps) + 1e-8)
    share = np.log((sums[2:] / (blocks * (steps // 8)) + floor) / (mean + floor))
    return np.array([np.log(mean + floor), np.log(power / (mean + floor)), share[6], share.max()])


def _extremes(passes: Passes, run: Run) -> np.ndarray:
    luma, largest = passes.levels[0], passes.levels[1]
    smallest = passes.quarter.min(axis=0).ravel()
    ranks = np.array([int(share * (luma.size - 1)) for share in _EXTREMES])
    found = np.empty((3, len(ranks)), np.float32)
    run(select, [(one, ranks, found[i]) for i, one in enumerate((luma, smallest, largest))], 3 * luma.size)
    return found


def _comb(image: np.ndarray) -> list[float]:
    counts = np.empty((3, planes.BINS), np.float32)
    planes.comb(image, counts)
    height, width = image.shape[1:]
    shares = counts / np.float32(-(-height // 2) * -(-width // 2))
    rough = np.abs(shares[:, 1:-1] - 0.5 * (shares[:, :-2] + shares[:, 2:])).sum(axis=1).mean()
    return [rough, (shares / (shares + 1e-3)).mean()]


def _layout(found: _Neighbours, grey: np.ndarray) -> list[float]:
    mean = np.tensordot(_LUMA, found.colours, 1)
    blue, red = found.colours[2] - mean, found.colours[0] - mean
    light, detail = np.log(mean + 0.02), np.log(found.detail + _FLOOR)
    rows, columns = (cells(length) for length in grey.shape)
    tall = np.stack([grey[first:last].max(axis=0) for first, last in rows])
    most = np.stack([tall[:, first:last].max(axis=1) for first, last in columns], axis=1)
    lightest = np.log(most + 0.02)
    place = np.linspace(-1, 1, 8)
    radial = (place[:, None] ** 2 + place**2) / 2
    downwards = np.broadcast_to(place[:, None], (8, 8))
    slopes = [_slope(plane, radial) for plane in (light, detail, lightest, blue, red)]
    slopes += [_slope(plane, downwards) for plane in (light, detail, blue, red)]
    middle = light[2:-2, 2:-2].mean()
    corners = [light[i : i + 2, j : j + 2].mean() for i in (0, 6) for j in (0, 6)]
    spread = np.sqrt(light.var() + 1e-4)
    return [*slopes, min(corners) - middle, max(corners) - middle, spread, light.mean()]


def _slope(plane: np.ndarray, along: np.ndarray) -> float:
    centred = along - along.mean()
    return float((plane * centred).sum() / (centred**2).sum())


def _tones(found: _Neighbours, fine: np.ndarray) -> list[float]:
    logs = np.log(found.tones[:3] + np.float32(_FLOOR)).reshape(3, -1) + 5
    level = found.tones[3].ravel()
    weights = np.maximum(1 - np.abs(level - np.array(_TONES, np.float32)[:, None]) / 0.2, 0)
    totals = weights.sum(axis=1, dtype=np.float64)
    detail = weights @ np.stack([logs[0], (logs[1] + logs[2]) / 2], axis=1) / (totals + 0.5)[:, None]
    by_tone, by_hue = np.empty((7, 4)), np.empty(8)
    colours(fine.reshape(3, -1), np.array(_TONES, np.float32), np.array(_HUES, np.float32), by_tone, by_hue)
    by_colour = by_tone[:5, 1:] / (by_tone[:5, :1] + 2.0)
    columns: list[float] = []
    for i in range(len(_TONES)):
        columns += [*detail[i], totals[i] / level.size, *by_colour[i]]
    count = fine[0].size
    columns += [*(by_hue[:6] / count)]
    neutral, _, neutral_blue, neutral_red = by_tone[5]
    columns += [neutral_blue / (neutral + 1), neutral_red / (neutral + 1), neutral / count]
    mean, power, with_blue, with_red = by_tone[6] / count
    variance = max(power - mean * mean, 0.0)
    blue, red = by_hue[6:] / count
    return [
        *columns,
        *((both - mean * alone) / (variance + 0.01) for both, alone in ((with_blue, blue), (with_red, red))),
    ]


def _planes(detail: np.ndarray) -> list[float]:
    red, green, blue = detail
    sums = np.empty(6)

    def agreements(one: np.ndarray, other: np.ndarray, down: int, right: int) -> tuple[float, float]:
        planes.products(one, other, down, right, sums)
        count = (one.shape[0] - down) * (one.shape[1] - right)
        both, first, second = (sums.reshape(2, 3) / count + 1e-6).T
        ahead, behind = both / np.sqrt(first * second)
        return ahead, behind

    columns = [agreements(*pair, 0, 0)[0] for pair in ((red, green), (green, blue), (red, blue))]
    others = (red + blue) / 2
    found = np.array(
        [[agreements(green, others, d * down, d * right) for down, right in _WAYS] for d in _DISTANCES]
    )
    return [*columns, *found.max(axis=1).T.ravel()]


def _spots(blocks: np.ndarray) -> list[float]:
    means, variance = blocks[:3], blocks[3]
    floor = 2 * _ranked(variance, 0.05) + 1e-6
    flat = floor / (floor + variance)
    wide = np.pad(means, ((0, 0), (_APART, _APART), (_APART, _APART)), mode="edge")
    height, width = variance.shape
    places = ((0, _APART), (2 * _APART, _APART), (_APART, 0), (_APART, 2 * _APART))
    apart = [np.abs(means - wide[:, a : a + height, b : b + width]).mean(axis=0) for a, b in places]
    unlike = np.min(apart, axis=0)
    odd = flat * unlike
    return [odd.mean(), np.sqrt((odd**2).mean() + 1e-8), flat.mean(), unlike.mean()]

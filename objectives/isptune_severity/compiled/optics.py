"""``optics`` of one picture: what shading and displaced colour planes leave behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from isptune.compiled.jit import loop
from isptune_severity import optics

f4 = np.float32

_SHARES = np.array([0.0, *optics.LOSSES])
_STRENGTHS = np.array([optics.strength(loss) for loss in _SHARES], np.float32)
_SCALES = np.array(optics.SCALES, np.float32) ** 2
_POWER = np.float32(optics.POWER)
_MOVES = optics.FARTHEST + 1


def optics_of(size: Any, grey: np.ndarray, detail: np.ndarray, run: Callable[..., None]) -> np.ndarray:
    """(S,) float32: see ``isptune_severity.optics``.

    Args:
        size: height and width of the picture.
        grey: (H / 4, W / 4) luma of means of 4 x 4 pixels.
        detail: (3, H / 2, W / 2) means of 2 x 2 pixels less those around, as ``planes.detail_of`` gives them.
        run: as of ``fixed.statistics_of``.
    """
    return np.concatenate([_shading(size, grey, run), _displaced(detail, run)]).astype(np.float32)


def _shading(size: Any, grey: np.ndarray, run: Callable[..., None]) -> np.ndarray:
    height, width = size
    corner = (height - 1) ** 2 + (width - 1) ** 2
    rows, columns = (
        ((8 * np.arange(length // 4) + 4 - length) ** 2 / corner).astype(np.float32) for length in size
    )
    logs, share = np.log(grey + np.float32(optics.DARK)), grey / (grey + np.float32(optics.DARK))
    sums = np.zeros((len(_STRENGTHS), len(_SCALES), 2))
    tasks = [
        (logs, share, rows, columns, strength, _POWER, _SCALES, sums[i])
        for i, strength in enumerate(_STRENGTHS)
    ]
    run(slopes, tasks, len(tasks) * grey.size)
    costs = (sums / [grey[:, 1:].size, grey[1:].size]).sum(axis=2).T
    costs = costs - costs[:, :1]
    likely = np.exp(-optics.SHARPNESS * (costs - costs.min(axis=1, keepdims=True)))
    best = (likely @ _SHARES) / likely.sum(axis=1)
    return np.concatenate([*costs[:, 1:], best])


@loop
def slopes(
    logs: np.ndarray,
    share: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    strength: float,
    power: float,
    scales: np.ndarray,
    sums: np.ndarray,
) -> None:
    """What is left of the slopes of (H, W) when a fall is taken back, across and down: (2 scales, 2)."""
    height, width = logs.shape
    half, two, third = f4(0.5), f4(2), f4(2 / 3)
    fine, coarse = scales[0], scales[1]
    for y in range(height):
        here, part = logs[y], share[y]
        a, b = f4(0), f4(0)
        for x in range(width - 1):
            near, far = strength * (rows[y] + columns[x]), strength * (rows[y] + columns[x + 1])
            # The logarithm of a quotient near 1.
            z = (far - near) / (near + far + two)
            fall = power * (two * z + third * z * z * z)
            rest = here[x + 1] - here[x] - half * (part[x] + part[x + 1]) * fall
            square = rest * rest
            a += square / (square + fine)
            b += square / (square + coarse)
        sums[0, 0] += a
        sums[1, 0] += b
        if y + 1 == height:
            continue
        below, part_below = logs[y + 1], share[y + 1]
        a, b = f4(0), f4(0)
        for x in range(width):
            near, far = strength * (rows[y] + columns[x]), strength * (rows[y + 1] + columns[x])
            z = (far - near) / (near + far + two)
            fall = power * (two * z + third * z * z * z)
            rest = below[x] - here[x] - half * (part[x] + part_below[x]) * fall
            square = rest * rest
            a += square / (square + fine)
            b += square / (square + coarse)
        sums[0, 1] += a
        sums[1, 1] += b


def _displaced(detail: np.ndarray, run: Callable[..., None]) -> np.ndarray:
    red, green, blue = detail
    others = (red + blue) / 2
    rest = green - others
    height, width = green.shape
    sums = np.zeros((_MOVES, _MOVES, 2))
    run(moved, [(rest, others, down, sums[down]) for down in range(_MOVES)], _MOVES * _MOVES * green.size)
    counts = np.outer(height - np.arange(_MOVES), width - np.arange(_MOVES))
    power = np.square(others, dtype=np.float32).mean(dtype=np.float64) + optics.TINY
    ahead, behind = np.moveaxis(sums / counts[:, :, None] / power, 2, 0).reshape(2, -1)
    both = (ahead - behind)[1:]
    apart, rings = (part.numpy() for part in optics.places())
    positive = np.maximum(both, 0)
    far = (positive**2 @ apart) / ((positive**2).sum() + optics.FAINT)
    strong = positive.mean()
    single = [ahead[0], far, np.log1p(positive.sum())]
    single += [far * strong / (strong + enough) for enough in optics.ENOUGH]
    return np.concatenate([both @ rings, single])


@loop
def moved(rest: np.ndarray, others: np.ndarray, down: int, sums: np.ndarray) -> None:
    """Sums of products of two planes (H, W), one of which is moved down, and right by 0 to 6: (7, 2)."""
    height, width = rest.shape
    for y in range(height - down):
        for right in range(sums.shape[0]):
            n = width - right
            rest_here, others_here = rest[y, :n], others[y, :n]
            rest_there, others_there = rest[y + down, right:], others[y + down, right:]
            a, b = f4(0), f4(0)
            for x in range(n):
                a += rest_there[x] * others_here[x]
                b += rest_here[x] * others_there[x]
            sums[right, 0] += a
            sums[right, 1] += b

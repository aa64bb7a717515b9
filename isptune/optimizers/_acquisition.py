"""How much a candidate promises: the expected improvement of a loss, or of what a front dominates."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Of a front, for so many objectives at most so many points are looked at: boxes grow with a power of them.
_FRONT = {2: 60, 3: 20, 4: 10}
_SMALLEST_FRONT = 6


def log_expected_improvement(means: Array, deviations: Array, best: float) -> Array:
    """(M,) logarithms of how far losses, normal with (M,) means and deviations, are expected below ``best``.

    Logarithms still tell candidates apart that promise next to nothing.
    """
    from scipy.special import log_ndtr

    z = (best - means) / deviations
    log_density = -0.5 * z * z - 0.5 * np.log(2.0 * np.pi)
    # density + z distribution = density (1 + z ratio); far below zero the ratio's series takes over.
    ratio = np.exp(np.minimum(log_ndtr(z) - log_density, 700.0))
    near = np.log(np.maximum(1.0 + z * ratio, 1e-300)) + log_density
    far = log_density - 2.0 * np.log(np.maximum(-z, 1.0))
    return np.log(deviations) + np.where(z < -20.0, far, near)


def expected_below(means: Array, deviations: Array, bounds: Array) -> Array:
    """E max(bound - y, 0) of normal y; all shapes broadcast. A bound of -inf gives 0."""
    from scipy.special import ndtr

    z = (bounds - means) / deviations
    finite = np.where(np.isfinite(z), z, 0.0)
    density = np.exp(-0.5 * finite * finite) / np.sqrt(2.0 * np.pi)
    found: Array = np.where(np.isfinite(z), deviations * (density + finite * ndtr(finite)), 0.0)
    return found


def free_boxes(front: Array, reference: Array) -> tuple[Array, Array]:
    """The part below a reference point that no point of a front dominates, as boxes that do not overlap.

    Args:
        front: (F, K) losses, none of which dominates another, all below the reference.
        reference: (K,).

    Returns:
        (B, K) lower corners, some of them -inf, and (B, K) upper corners.
    """
    if front.shape[1] == 1:
        upper = min(float(reference[0]), float(front[:, 0].min(initial=np.inf)))
        return np.array([[-np.inf]]), np.array([[upper]])
    last = front[:, -1]
    # Between two neighbours of the last loss, the points below have their say about the other losses.
    cuts = np.concatenate([[-np.inf], np.unique(last), reference[-1:]])
    lows, highs = [], []
    for low, high in itertools.pairwise(cuts.tolist()):
        low_rest, high_rest = free_boxes(front[last <= low][:, :-1], reference[:-1])
        lows.append(np.column_stack([low_rest, np.full(len(low_rest), low)]))
        highs.append(np.column_stack([high_rest, np.full(len(high_rest), high)]))
    low_corners, high_corners = np.concatenate(lows), np.concatenate(highs)
    solid = (low_corners < high_corners).all(axis=1)
    return low_corners[solid], high_corners[solid]


def expected_volume(means: Array, deviations: Array, boxes: tuple[Array, Array]) -> Array:
    """(M,) volumes by which (M, K) independent normal losses are expected to extend what is dominated."""
    found = np.zeros(len(means))
    for low, high in zip(*boxes, strict=True):
        sides = expected_below(means, deviations, high) - expected_below(means, deviations, low)
        found += np.prod(np.maximum(sides, 0.0), axis=1)
    return found


def thinned(front: Array) -> Array:
    """A front (F, K) of not too many points: those with the lowest losses, then the ones most apart."""
    most = _FRONT.get(front.shape[1], _SMALLEST_FRONT)
    if len(front) <= most:
        return front
    low = front.min(axis=0)
    scaled = (front - low) / np.maximum(front.max(axis=0) - low, 1e-300)
    kept = list(dict.fromkeys(int(place) for place in scaled.argmin(axis=0)))[:most]
    distance = np.min([np.abs(scaled - scaled[place]).max(axis=1) for place in kept], axis=0)
    while len(kept) < most:
        kept.append(int(distance.argmax()))
        distance = np.minimum(distance, np.abs(scaled - scaled[kept[-1]]).max(axis=1))
    return front[kept]


def boxes_of(values: Array) -> tuple[Array, Array]:
    """What no losses (N, K) dominate, below a point a tenth beyond the worst ones of their front."""
    order = np.lexsort(values.T[::-1])
    front: list[Array] = []
    for row in values[order]:
        if not any((kept <= row).all() for kept in front):
            front.append(row)
    best = np.array(front)
    worst, extent = best.max(axis=0), np.ptp(best, axis=0)
    reference = worst + 0.1 * np.where(extent > 0, extent, np.ptp(values, axis=0))
    return free_boxes(thinned(best), reference)

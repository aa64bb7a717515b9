"""Several losses at once: which candidates no other beats, and the one that serves as the single answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isptune.errors import ConfigurationError
from isptune.wording.showing import counted

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, repr=False)
class ParetoFront:
    """The non-dominated candidates of a run, the best compromise first.

    Attributes:
        labels: (K,) the names of the scores.
        orientations: (K,) whether higher is better.
        indices: (F,) into the run's evaluations, by rising worst rank, then mean rank, then order; the first
            is the single answer. Candidates of equal parameter values are here once.
        candidates: (F, n) in the unit cube.
        scores: (F, K), each score in its own orientation.
    """

    labels: tuple[str, ...]
    orientations: tuple[bool, ...]
    indices: Indices
    candidates: Numbers
    scores: Numbers

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        return f"<ParetoFront: {counted(len(self), 'candidate')} in {', '.join(self.labels)}>"


def non_dominated(losses: ArrayLike) -> Indices:
    """The candidates that no other dominates.

    A candidate dominates another if it is nowhere worse and somewhere better. Equal candidates do not
    dominate one another: all of them are kept, or none. One with a loss that is not finite is left out.

    Args:
        losses: (E, K), lower is better.

    Returns:
        (F,) indices, rising.

    Raises:
        ConfigurationError: the losses are not a matrix.
    """
    values = _matrix(losses)
    finite = np.flatnonzero(np.isfinite(values).all(axis=1))
    # In lexicographic order nothing is dominated by what follows it, so one pass over it is enough.
    order = finite[np.lexsort(values[finite].T[::-1])]
    front = np.empty_like(values[finite])
    kept: list[int] = []
    for index in order:
        row, found = values[index], front[: len(kept)]
        if ((found <= row).all(axis=1) & (found < row).any(axis=1)).any():
            continue
        front[len(kept)] = row
        kept.append(int(index))
    return np.sort(np.array(kept, dtype=np.int64))


def ranks(losses: ArrayLike) -> Numbers:
    """(E, K) rank of each loss among its column, from 1 for the lowest; equal ones share their mean rank.

    A row with a loss that is not finite ranks behind all others in every column.

    Raises:
        ConfigurationError: the losses are not a matrix.
    """
    values = _matrix(losses)
    failed: NDArray[np.bool_] = np.any(~np.isfinite(values), axis=1)
    columns = np.where(failed[:, None], np.inf, values).T
    found = [_ranked(column) for column in columns]
    return np.stack(found, axis=1)


def _ranked(values: Numbers) -> Numbers:
    """(E,) mean ranks of numbers (E,); scipy.stats has it as well, and takes a second to import."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    means: Numbers = (last - counts + 1 + last) / 2
    return means[which]


def by_compromise(losses: ArrayLike) -> Indices:
    """The non-dominated candidates, from the best compromise to the most one-sided.

    Each objective ranks all candidates; a candidate is worth its worst rank, so that it has to be good in
    every objective, and no objective's units or spread matter. It is the max-rank scalarisation that Mosleh
    et al., "Hardware-in-the-loop end-to-end optimization of camera image processing pipelines" (CVPR 2020),
    and Goudreault et al., "LiDAR-in-the-loop hyperparameter optimization" (CVPR 2023), drive CMA-ES with.
    Here no search depends on it: it is taken over all finished evaluations, since ranks change with what
    they are taken among.

    Args:
        losses: (E, K), lower is better.

    Returns:
        (F,) indices by rising worst rank, then mean rank, then order.

    Raises:
        ConfigurationError: the losses are not a matrix.

    Example:
        >>> by_compromise([[0.0, 9.0], [1.0, 2.0], [5.0, 0.0], [6.0, 1.0]]).tolist()
        [2, 1, 0]
    """
    front = non_dominated(losses)
    found = ranks(losses)[front]
    return front[np.lexsort((front, found.mean(axis=1), found.max(axis=1, initial=0.0)))]


def by_fronts(losses: ArrayLike) -> Indices:
    """Candidates from the best to the worst: by non-dominated front, within one the least crowded first.

    Deb, Pratap, Agarwal and Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II" (2002).
    Of a single loss that is by rising loss.

    Args:
        losses: (E, K) finite, lower is better.

    Returns:
        (E,) indices; equal ones in their order.
    """
    values = _matrix(losses)
    if values.shape[1] == 1:
        return np.argsort(values[:, 0], kind="stable")
    found: list[Indices] = []
    left = np.arange(len(values))
    while len(left):
        front = left[non_dominated(values[left])]
        found.append(front[np.argsort(-_room(values[front]), kind="stable")])
        left = np.setdiff1d(left, front)
    return np.concatenate(found) if found else left


def _room(values: Numbers) -> Numbers:
    """(F,) crowding distances in a front: how far the neighbours lie apart, infinite at its ends."""
    room = np.zeros(len(values))
    for column in values.T:
        order = np.argsort(column, kind="stable")
        room[order[[0, -1]]] = np.inf
        span = column[order[-1]] - column[order[0]]
        if span > 0:
            room[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / span
    return room


def pareto_front(
    candidates: ArrayLike,
    scores: ArrayLike,
    labels: tuple[str, ...],
    orientations: tuple[bool, ...],
    parameters: ArrayLike | None = None,
    penalties: ArrayLike | None = None,
) -> ParetoFront:
    """The front of a run.

    Args:
        candidates: (E, n) in the unit cube.
        scores: (E, K), NaN where a score was not finite.
        labels, orientations: (K,) names, and whether higher is better.
        parameters: (E, m) the candidates' parameter values, by which equal ones are told; the candidates
            themselves if None, which whole numbers and choices make different where they mean the same.
        penalties: (E, K) what is added to the losses that the scores give; nothing if None.

    Raises:
        ConfigurationError: scores, candidates, labels and orientations do not fit together.
    """
    points, values = np.asarray(candidates, dtype=np.float64), _matrix(scores)
    if not len(points) == len(values) or not values.shape[1] == len(labels) == len(orientations):
        raise ConfigurationError(
            f"{len(points)} candidates with {len(labels)} labels and {len(orientations)} orientations do not "
            f"fit scores of the shape {values.shape}"
        )
    losses = values * np.where(orientations, -1.0, 1.0)
    if penalties is not None:
        losses = losses + _matrix(penalties)
    indices = by_compromise(losses)
    told_by = points if parameters is None else np.asarray(parameters, dtype=np.float64)
    _, first = np.unique(told_by[indices], axis=0, return_index=True)
    indices = indices[np.sort(first)]
    return ParetoFront(tuple(labels), tuple(orientations), indices, points[indices], values[indices])


def _matrix(losses: ArrayLike) -> Numbers:
    values = np.asarray(losses, dtype=np.float64)
    if values.ndim != 2 or not values.shape[1]:
        raise ConfigurationError(
            f"several losses per candidate make a matrix of the shape (E, K), got {values.shape}"
        )
    return values

"""Best score and hidden distortion against evaluations, as numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isptune.errors import ConfigurationError
from isptune.runs.best_so_far import best_so_far

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class History:
    """What a run's log says of each evaluation, in the order in which they were made.

    Attributes:
        evaluations: (E,) how many evaluations had been made by then, rising.
        scores: (E,) or (E, 1) the objective's scores; those that are not finite count as failed.
        l1: (E,) the hidden distortion in the stages' own units; None where nobody knows it.
        l1_normalised: (E,) the hidden distortion as a share of the stages' ranges, or None.
    """

    evaluations: ArrayLike
    scores: ArrayLike
    l1: ArrayLike | None = None
    l1_normalised: ArrayLike | None = None


@dataclass(frozen=True)
class Band:
    """Median and quartiles over runs, each (E,); NaN where no run has a value yet."""

    median: Numbers
    low: Numbers
    high: Numbers


@dataclass(frozen=True)
class ConvergenceCurves:
    """Best-so-far curves on one axis of evaluations.

    Attributes:
        evaluations: (E,) of all runs together, rising.
        score: the best score so far.
        l1, l1_normalised: the hidden distortion of the candidate with that score, which is what a user
            would have got by stopping there; None unless every run knows it. It may rise: an objective can
            prefer a worse picture.
        runs: how many runs stand behind the median and the quartiles.
        higher_is_better: the orientation of the score.
    """

    evaluations: Numbers
    score: Band
    l1: Band | None
    l1_normalised: Band | None
    runs: int
    higher_is_better: bool


def convergence(
    runs: Iterable[History | Mapping[str, Any] | Any], higher_is_better: bool = True
) -> ConvergenceCurves:
    """Best-so-far curves of one or several runs.

    Args:
        runs: ``History`` objects, or mappings or objects with the same names, one per seed. Where runs
            counted their evaluations differently, each keeps its value until its next evaluation. The curves
            end where the shortest run ends: nobody knows what it would have found after that.
        higher_is_better: the orientation of the score.

    Returns:
        The median and the quartiles over the runs (the curve itself, three times, for a single run).

    Raises:
        ConfigurationError: no run, a run without evaluations, arrays of different lengths, or evaluation
            counts that do not rise.

    Example:
        >>> from isptune.figures import History, convergence
        >>> curves = convergence([History([1, 2, 3], [10.0, 30.0, 20.0], l1_normalised=[0.5, 0.2, 0.1])])
        >>> curves.score.median.tolist(), curves.l1_normalised.median.tolist()
        ([10.0, 30.0, 30.0], [0.5, 0.2, 0.2])
    """
    histories = [_arrays(run, number) for number, run in enumerate(runs)]
    if not histories:
        raise ConfigurationError("a convergence curve needs at least one run")
    axis = np.unique(np.concatenate([history["evaluations"] for history in histories]))
    axis = axis[axis <= min(history["evaluations"][-1] for history in histories)]
    best = [best_so_far(history["scores"], higher_is_better) for history in histories]

    def band(name: str) -> Band | None:
        if any(history[name] is None for history in histories):
            return None
        return _band(
            np.stack(
                [
                    _on_axis(axis, history["evaluations"], _taken(history[name], index))
                    for history, index in zip(histories, best, strict=True)
                ]
            )
        )

    score = band("scores")
    assert score is not None
    return ConvergenceCurves(axis, score, band("l1"), band("l1_normalised"), len(histories), higher_is_better)


def _arrays(run: Any, number: int) -> dict[str, Any]:
    """A run's arrays, checked against one another."""
    found: dict[str, Any] = {}
    for name in ("evaluations", "scores", "l1", "l1_normalised"):
        value = run.get(name) if isinstance(run, Mapping) else getattr(run, name, None)
        found[name] = None if value is None else np.asarray(value, dtype=np.float64)
    if found["scores"] is not None and found["scores"].ndim == 2 and found["scores"].shape[1] == 1:
        found["scores"] = found["scores"][:, 0]
    for name in ("evaluations", "scores"):
        if found[name] is None:
            raise ConfigurationError(f"run {number} has no {name}")
    count = found["scores"].size
    if count == 0:
        raise ConfigurationError(f"run {number} has no evaluations")
    for name, value in found.items():
        if value is not None and value.shape != (count,):
            raise ConfigurationError(
                f"run {number} has {name} of the shape {value.shape}; ({count},) is needed, as of its scores"
            )
    if not (np.diff(found["evaluations"]) > 0).all():
        raise ConfigurationError(f"run {number} has evaluation counts that do not rise")
    return found


def _taken(values: Numbers, index: NDArray[np.int64]) -> Numbers:
    return np.where(index >= 0, values[index], np.nan)


def _on_axis(axis: Numbers, evaluations: Numbers, values: Numbers) -> Numbers:
    """The values on another axis: each holds until the next, and there is none before the first."""
    index = np.searchsorted(evaluations, axis, side="right") - 1
    return np.where(index >= 0, values[index], np.nan)


def _band(values: Numbers) -> Band:
    """Quartiles of (runs, E) over the runs that have a value."""
    if len(values) == 1:
        return Band(median=values[0], low=values[0], high=values[0])
    there = np.isfinite(values)
    quartiles = np.full((3, values.shape[1]), np.nan)
    # Column by column where a value is missing, which takes a millisecond each.
    whole, some = there.all(axis=0), there.any(axis=0) & ~there.all(axis=0)
    quartiles[:, whole] = np.percentile(values[:, whole], [25, 50, 75], axis=0)
    quartiles[:, some] = np.nanpercentile(values[:, some], [25, 50, 75], axis=0)
    return Band(median=quartiles[1], low=quartiles[0], high=quartiles[2])

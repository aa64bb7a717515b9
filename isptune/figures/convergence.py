"""Best score and hidden distortion against evaluations, as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isptune.errors import ConfigurationError
from isptune.runs.history import History

Numbers = NDArray[np.float64]


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


def convergence(histories: Sequence[History], most: int | None = None) -> ConvergenceCurves:
    """Best-so-far curves of one or several runs.

    Args:
        histories: of runs of one objective, one per seed. Where they counted their evaluations differently,
            each keeps its value until its next evaluation. The curves end where the shortest run ends:
            nobody knows what it would have found after that.
        most: at how many evaluations of each run the curves are known; at all of them if None.

    Returns:
        The median and the quartiles over the runs (the curve itself, three times, for a single run).

    Raises:
        ConfigurationError: no run.

    Example:
        >>> import numpy as np
        >>> from isptune.figures import convergence
        >>> from isptune.runs.history import History
        >>> scores = np.array([[10.0], [30.0], [20.0]])
        >>> history = History(np.arange(1, 4), np.zeros((3, 1)), scores, ("psnr",), (True,))
        >>> convergence([history]).score.median.tolist()
        [10.0, 30.0, 30.0]
    """
    if not histories:
        raise ConfigurationError("a convergence curve needs at least one run")
    runs = [_so_far(history, most) for history in histories]
    axis = np.unique(np.concatenate([run["evaluations"] for run in runs]))
    axis = axis[axis <= min(run["evaluations"][-1] for run in runs)]

    def band(name: str) -> Band | None:
        if any(run[name] is None for run in runs):
            return None
        return band_of(np.stack([_on_axis(axis, run["evaluations"], run[name]) for run in runs]))

    score = band("score")
    assert score is not None
    higher = histories[0].higher_is_better
    return ConvergenceCurves(axis, score, band("l1"), band("l1_normalised"), len(runs), higher)


def _so_far(history: History, most: int | None) -> dict[str, Any]:
    """What a run would have handed over at its evaluations, or at so many of them.

    Those lie evenly and evenly in the logarithm, both ends among them.
    """
    count = len(history)
    places = np.arange(count)
    if most is not None and count > most:
        rough = [np.geomspace(1, count, most // 2) - 1, np.linspace(0, count - 1, most - most // 2)]
        places = np.unique(np.round(np.concatenate(rough)).astype(np.int64))
    index = history.best_so_far[places]

    def taken(values: Numbers | None) -> Numbers | None:
        return None if values is None else np.where(index >= 0, values[index], np.nan)

    found: dict[str, Any] = {name: taken(getattr(history, name)) for name in ("score", "l1", "l1_normalised")}
    return found | {"evaluations": history.evaluations[places].astype(np.float64)}


def _on_axis(axis: Numbers, evaluations: Numbers, values: Numbers) -> Numbers:
    """The values on another axis: each holds until the next, and there is none before the first."""
    index = np.searchsorted(evaluations, axis, side="right") - 1
    return np.where(index >= 0, values[index], np.nan)


def band_of(values: Numbers) -> Band:
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


def changes(band: Band) -> NDArray[np.int64]:
    """Indices at which any of a band's three lines steps, and both ends: a step curve needs no others."""
    lines = np.stack([band.median, band.low, band.high])
    same = np.isclose(lines[:, 1:], lines[:, :-1], rtol=1e-9, atol=0, equal_nan=True).all(axis=0)
    kept = np.flatnonzero(np.concatenate([[True], ~same]))
    return np.asarray(np.union1d(kept, [0, lines.shape[1] - 1]), dtype=np.int64)

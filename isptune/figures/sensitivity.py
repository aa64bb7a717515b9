"""How a score depends on each parameter around a candidate, from the evaluations that a run logged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isptune.figures.convergence import Numbers
from isptune.figures.records import Record
from isptune.parameters import Choice, Int, ParameterSpace
from isptune.runs.history import History

LONGEST_STEP = 0.1
_SHOWN = 300


@dataclass(frozen=True)
class Sensitivity:
    """A quadratic without interactions, fitted to the evaluations nearest to one of them, the centre.

    Attributes:
        nearest: (M,) indices of the evaluations that the fit used, the nearest first.
        centre: (n,) that candidate in the unit cube.
        slopes, curvatures: (n,) coefficients of the score in u_i - centre_i and its square.
        constant: the fitted score at the centre.
        step: a share of the range, the same for all parameters: the least spread (root mean square distance
            from the centre) of any parameter that varies at all, so that no change is looked up where
            nothing was evaluated; a tenth at most.
        changes: (n, 2) the change of the fitted score over a step down and a step up, as far as the range
            goes; NaN for a parameter that does not vary.
        r_squared: the share of the scores' variance around the best that the fit explains.
    """

    nearest: NDArray[np.int64]
    centre: Numbers
    slopes: Numbers
    curvatures: Numbers
    constant: float
    step: float
    changes: Numbers
    r_squared: float

    @property
    def effects(self) -> Numbers:
        """(n,) the mean change over both steps: negative where leaving the centre lowers the score."""
        return np.asarray(self.changes.mean(axis=1))

    def along(self, parameter: int, unit: Numbers) -> Numbers:
        """The fitted score along one parameter, the others held at the centre."""
        step = unit - self.centre[parameter]
        return np.asarray(
            self.constant + self.slopes[parameter] * step + self.curvatures[parameter] * step**2
        )


def sensitivity(history: History, centre: int | None = None) -> Sensitivity | None:
    """Fit a local quadratic to a run's log.

    The evaluations nearest to the centre are used: a third of all, but at least six per coefficient and
    300 at most, weighted by the tricube of their distance (Cleveland, Robust locally weighted regression,
    1979). Candidates that were proposed twice count twice.

    Args:
        history: of one run, with one score per candidate.
        centre: the index of an evaluation with a finite score; the best one if None.

    Returns:
        None where the log holds fewer than two different evaluations per coefficient: a fit would say more
        about the noise than about the score.
    """
    centre = history.best if centre is None else centre
    finite = np.flatnonzero(np.isfinite(history.score))
    dimension = history.candidates.shape[1]
    coefficients = 1 + 2 * dimension
    if centre is None or len(np.unique(history.candidates[finite], axis=0)) < 2 * coefficients:
        return None
    middle = history.candidates[centre]
    distance = np.linalg.norm(history.candidates[finite] - middle, axis=1)
    wanted = int(np.clip(len(finite) // 3, 6 * coefficients, max(_SHOWN, 6 * coefficients)))
    order = np.argsort(distance, kind="stable")[: min(wanted, len(finite))]
    nearest, distance = finite[order], distance[order]
    radius = float(distance[-1])
    if radius == 0:
        return None
    weight = (1 - np.minimum(distance / (1.001 * radius), 1) ** 3) ** 3
    steps = history.candidates[nearest] - middle
    design = np.concatenate([np.ones((len(steps), 1)), steps, steps**2], axis=1)
    scores = history.score[nearest]
    root = np.sqrt(weight)
    fitted, *_ = np.linalg.lstsq(design * root[:, None], scores * root, rcond=1e-8)
    mean = np.average(scores, weights=weight)
    spread = float(np.sum(weight * (scores - mean) ** 2))
    left = float(np.sum(weight * (scores - design @ fitted) ** 2))
    slopes, curvatures = fitted[1 : 1 + dimension], fitted[1 + dimension :]
    spreads = np.sqrt(np.average(steps**2, axis=0, weights=weight))
    varies = spreads > 1e-9
    step = float(min(LONGEST_STEP, spreads[varies].min()))
    changes = np.where(varies[:, None], _changes(middle, slopes, curvatures, step), np.nan)
    return Sensitivity(
        nearest=nearest,
        centre=middle,
        slopes=slopes,
        curvatures=curvatures,
        constant=float(fitted[0]),
        step=step,
        changes=changes,
        r_squared=1 - left / spread if spread > 0 else float("nan"),
    )


def _changes(centre: Numbers, slopes: Numbers, curvatures: Numbers, size: float) -> Numbers:
    """(n, 2) over a step down and up; a step that would leave the unit interval ends at its bound."""
    steps = np.clip(centre[:, None] + np.array([-size, size]), 0, 1) - centre[:, None]
    return np.asarray(slopes[:, None] * steps + curvatures[:, None] * steps**2)


def trade_offs(record: Record, columns: Sequence[Record]) -> list[Sensitivity] | None:
    """How each objective alone depends on the parameters around the best compromise.

    All are fitted to the same evaluations: those near the compromise of which every score is finite.

    Args:
        record: of several objectives.
        columns: the same as each objective sees it, see ``column_records``.

    Returns:
        One fit per objective; None where the log holds too few evaluations.
    """
    whole = np.isfinite(record.history.scores).all(axis=1, keepdims=True)
    fits = [
        sensitivity(
            replace(column.history, scores=np.where(whole, column.history.scores, np.nan)),
            record.history.best,
        )
        for column in columns
    ]
    found = [fit for fit in fits if fit is not None]
    return found if len(found) == len(columns) else None


def known_changes(fit: Sensitivity, space: ParameterSpace) -> Numbers:
    """(n, 2) changes over a step down and up; NaN where there is no such step, or no score that varies."""
    steps = fit.centre[:, None] + fit.step * np.array([-1.0, 1.0])
    known = np.where((steps >= 0) & (steps <= 1) & bool(np.isfinite(fit.r_squared)), fit.changes, np.nan)
    for number, parameter in enumerate(space.free):
        # Between two options there is nothing, and less than one whole number changes nothing.
        small = isinstance(parameter, Int) and fit.step * (parameter.high - parameter.low) < 1
        if isinstance(parameter, Choice) or small:
            known[number] = np.nan
    return np.asarray(known)

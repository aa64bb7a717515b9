"""How a score depends on each parameter around the optimum, from the evaluations that a run logged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isptune.result import History

Numbers = NDArray[np.float64]

LONGEST_STEP = 0.1
_SHOWN = 300


@dataclass(frozen=True)
class Sensitivity:
    """A quadratic without interactions, fitted to the evaluations nearest to the best-scored candidate.

    Attributes:
        nearest: (M,) indices of the evaluations that the fit used, the nearest first.
        best: (n,) the best-scored candidate in the unit cube.
        slopes, curvatures: (n,) coefficients of the score in u_i - best_i and its square.
        constant: the fitted score at the best candidate.
        step: a share of the range, the same for all parameters: the least spread (root mean square distance
            from the best candidate) of any parameter that varies at all, so that no effect is looked up
            where nothing was evaluated; a tenth at most.
        effects: (n,) the mean change of the fitted score over a step to either side, as far as the range
            goes; negative where leaving the optimum lowers it, NaN for a parameter that does not vary.
        r_squared: the share of the scores' variance around the best that the fit explains.
    """

    nearest: NDArray[np.int64]
    best: Numbers
    slopes: Numbers
    curvatures: Numbers
    constant: float
    step: float
    effects: Numbers
    r_squared: float

    def along(self, parameter: int, unit: Numbers) -> Numbers:
        """The fitted score along one parameter, the others held at the best candidate."""
        step = unit - self.best[parameter]
        return np.asarray(
            self.constant + self.slopes[parameter] * step + self.curvatures[parameter] * step**2
        )


def sensitivity(history: History) -> Sensitivity | None:
    """Fit a local quadratic to a run's log.

    The evaluations nearest to the best one are used: a third of all, but at least six per coefficient and
    300 at most, weighted by the tricube of their distance (Cleveland, Robust locally weighted regression,
    1979). Candidates that were proposed twice count twice.

    Args:
        history: of one run.

    Returns:
        None where the log holds fewer than two different evaluations per coefficient: a fit would say more
        about the noise than about the score.
    """
    best = history.best
    finite = np.flatnonzero(np.isfinite(history.scores))
    dimension = history.candidates.shape[1]
    coefficients = 1 + 2 * dimension
    if best is None or len(np.unique(history.candidates[finite], axis=0)) < 2 * coefficients:
        return None
    centre = history.candidates[best]
    distance = np.linalg.norm(history.candidates[finite] - centre, axis=1)
    wanted = int(np.clip(len(finite) // 3, 6 * coefficients, max(_SHOWN, 6 * coefficients)))
    order = np.argsort(distance, kind="stable")[: min(wanted, len(finite))]
    nearest, distance = finite[order], distance[order]
    radius = float(distance[-1])
    if radius == 0:
        return None
    weight = (1 - np.minimum(distance / (1.001 * radius), 1) ** 3) ** 3
    steps = history.candidates[nearest] - centre
    design = np.concatenate([np.ones((len(steps), 1)), steps, steps**2], axis=1)
    scores = history.scores[nearest]
    root = np.sqrt(weight)
    fitted, *_ = np.linalg.lstsq(design * root[:, None], scores * root, rcond=1e-8)
    mean = np.average(scores, weights=weight)
    spread = float(np.sum(weight * (scores - mean) ** 2))
    left = float(np.sum(weight * (scores - design @ fitted) ** 2))
    slopes, curvatures = fitted[1 : 1 + dimension], fitted[1 + dimension :]
    spreads = np.sqrt(np.average(steps**2, axis=0, weights=weight))
    varies = spreads > 1e-9
    step = float(min(LONGEST_STEP, spreads[varies].min()))
    effects = np.where(varies, _effects(centre, slopes, curvatures, step), np.nan)
    return Sensitivity(
        nearest=nearest,
        best=centre,
        slopes=slopes,
        curvatures=curvatures,
        constant=float(fitted[0]),
        step=step,
        effects=effects,
        r_squared=1 - left / spread if spread > 0 else float("nan"),
    )


def _effects(centre: Numbers, slopes: Numbers, curvatures: Numbers, size: float) -> Numbers:
    """Mean change over the two steps; a step that would leave the unit interval ends at its bound."""
    total = np.zeros_like(centre)
    for sign in (-size, size):
        step = np.clip(centre + sign, 0, 1) - centre
        total += slopes * step + curvatures * step**2
    return total / 2

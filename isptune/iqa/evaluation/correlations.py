"""Agreement of scores with opinions: SRCC, KRCC, PLCC, RMSE, and the logistic between the two scales."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isptune.errors import ConfigurationError

Numbers = NDArray[np.float64]

# The logistic has four parameters; a fit needs at least one more point.
FEWEST_FOR_LOGISTIC = 5


def srcc(scores: ArrayLike, mos: ArrayLike) -> float:
    """Spearman's rank correlation: Pearson's of the ranks, ties given their mean rank.

    Args:
        scores, mos: (N,) finite, N at least 2.

    Returns:
        In [-1, 1]; NaN where all scores or all opinions are equal: there is no order to agree with.

    Raises:
        ConfigurationError: the two are not of one length, hold fewer than 2 values, or values not finite.

    Example:
        >>> srcc([1, 4, 9], [1, 2, 3])
        1.0
    """
    from scipy.stats import spearmanr

    return _correlation(spearmanr, scores, mos)


def krcc(scores: ArrayLike, mos: ArrayLike) -> float:
    """Kendall's rank correlation tau-b, which allows for ties; arguments, NaN and errors as in ``srcc``."""
    from scipy.stats import kendalltau

    return _correlation(kendalltau, scores, mos)


def plcc(scores: ArrayLike, mos: ArrayLike) -> float:
    """Pearson's linear correlation; arguments, NaN and errors as in ``srcc``."""
    from scipy.stats import pearsonr

    return _correlation(pearsonr, scores, mos)


def rmse(scores: ArrayLike, mos: ArrayLike) -> float:
    """The root of the mean squared difference, in the units of the MOS; errors as in ``srcc``.

    It means something only where both are on one scale, such as scores after ``fit_logistic``.
    """
    x, y = _pair(scores, mos)
    return float(np.sqrt(np.mean((x - y) ** 2)))


@dataclass(frozen=True)
class LogisticFit:
    """The 4-parameter logistic from scores to the scale of the MOS.

    Attributes:
        parameters: b1 (where it ends), b2 (where it begins), b3 (its middle), b4 (its width); NaN where no
            fit was found.
        note: why there is none; empty where there is.
    """

    parameters: tuple[float, float, float, float]
    note: str = ""

    @property
    def converged(self) -> bool:
        return not self.note

    @property
    def falls(self) -> bool:
        """Whether mapped scores fall where scores rise: their PLCC is positive all the same."""
        return self.parameters[0] < self.parameters[1]

    def __call__(self, scores: ArrayLike) -> Numbers:
        """(N,) scores on the scale of the MOS; NaN where no fit was found."""
        return logistic(scores, *self.parameters)


def logistic(scores: ArrayLike, b1: float, b2: float, b3: float, b4: float) -> Numbers:
    """``b2 + (b1 - b2) / (1 + exp(-(s - b3) / |b4|))``."""
    from scipy.special import expit

    x = np.asarray(scores, dtype=np.float64)
    return np.asarray(b2 + (b1 - b2) * expit((x - b3) / abs(b4)), dtype=np.float64)


def _slopes(scores: Numbers, b1: float, b2: float, b3: float, b4: float) -> Numbers:
    """(N, 4) derivatives of the logistic by its parameters."""
    from scipy.special import expit

    z = (scores - b3) / abs(b4)
    rise = expit(z)
    slope = (b1 - b2) * rise * (1 - rise)
    return np.stack([rise, 1 - rise, -slope / abs(b4), -slope * z / b4], axis=1)


def fit_logistic(
    scores: ArrayLike,
    mos: ArrayLike,
    start: tuple[float, float, float, float] | None = None,
    tolerance: float = 1e-8,
) -> LogisticFit:
    """Fit the 4-parameter logistic of VQEG (Final report on the validation of objective models, 2003).

    Least squares by Levenberg-Marquardt, from the usual start: b1 = max(mos), b2 = min(mos),
    b3 = mean(scores), b4 = std(scores) / 4. Both axes are standardised for the fit, so that it does not
    depend on their units. Where it does not converge, nothing else is put in its place: the parameters are
    NaN and ``note`` says why.

    Args:
        scores, mos: (N,) finite; scores rise with the MOS, so the sign of one that falls is turned before.
        start: parameters to start from instead, such as those of nearly the same points.
        tolerance: relative, of the sum of squares and of the parameters, at which the fit is done.

    Raises:
        ConfigurationError: as in ``srcc``.
    """
    from scipy.optimize import OptimizeWarning, curve_fit

    x, y = _pair(scores, mos)
    if len(x) < FEWEST_FOR_LOGISTIC:
        return _no_fit(f"the logistic needs at least {FEWEST_FOR_LOGISTIC} images, there are {len(x)}")
    if _constant(x) or _constant(y):
        return _no_fit(f"all {'scores' if _constant(x) else 'values of the MOS'} are equal")
    x_mean, x_std, y_mean, y_std = x.mean(), x.std(), y.mean(), y.std()
    z, w = (x - x_mean) / x_std, (y - y_mean) / y_std
    first = [w.max(), w.min(), 0.0, 0.25]
    if start is not None:
        b1, b2, b3, b4 = start
        first = [(b1 - y_mean) / y_std, (b2 - y_mean) / y_std, (b3 - x_mean) / x_std, b4 / x_std]
    try:
        with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
            # The covariance of the parameters, which may overflow, is not used.
            warnings.simplefilter("ignore", OptimizeWarning)
            found, _ = curve_fit(
                logistic, z, w, p0=first, jac=_slopes, maxfev=5000, ftol=tolerance, xtol=tolerance
            )
    except (RuntimeError, FloatingPointError, np.linalg.LinAlgError):
        return _no_fit("the fit of the logistic did not converge")
    if not np.isfinite(found).all() or found[3] == 0:
        return _no_fit("the fit of the logistic did not converge")
    b1, b2, b3, b4 = (float(value) for value in found)
    return LogisticFit((b1 * y_std + y_mean, b2 * y_std + y_mean, b3 * x_std + x_mean, abs(b4) * x_std))


def _no_fit(note: str) -> LogisticFit:
    nan = float("nan")
    return LogisticFit((nan, nan, nan, nan), note)


def _pair(scores: ArrayLike, mos: ArrayLike) -> tuple[Numbers, Numbers]:
    x, y = np.asarray(scores, dtype=np.float64), np.asarray(mos, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise ConfigurationError(
            f"scores of the shape {x.shape} do not fit opinions of the shape {y.shape}; both must be (N,)"
        )
    if len(x) < 2:
        raise ConfigurationError(f"agreement needs at least 2 images, got {len(x)}")
    for what, values in (("scores", x), ("opinions", y)):
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise ConfigurationError(
                f"{what}[{bad[0]}] is {values[bad[0]]}, which is not a finite number"
                + (f", as {bad.size - 1} more" if bad.size > 1 else "")
            )
    return x, y


def _constant(values: Numbers) -> bool:
    return bool((values == values[0]).all())


def _correlation(of: Callable[[Numbers, Numbers], Any], scores: ArrayLike, mos: ArrayLike) -> float:
    from scipy.stats import NearConstantInputWarning

    x, y = _pair(scores, mos)
    if _constant(x) or _constant(y):
        return float("nan")
    with warnings.catch_warnings():
        # Scores that differ in their last digits alone are the user's own.
        warnings.simplefilter("ignore", NearConstantInputWarning)
        # Rounding errors in scipy leave 1 - 1e-16 for scores in the very order of the opinions.
        return round(float(of(x, y).statistic), 15)

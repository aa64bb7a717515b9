"""What candidates promise beyond what is known, weighed with the probability that they do not fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from isptune.optimizers._acquisition import (
    Array,
    boxes_of,
    expected_volume,
    log_expected_improvement,
)
from isptune.optimizers._surrogate import StepSurrogate

# The probability not to fail below which a candidate comes after all others.
_LEAST_SAFE, _HOPELESS = 0.2, 1e4


class Model(Protocol):
    """What is thought of one loss.

    Attributes:
        points: (N, n) what it has seen, pending candidates among them.
    """

    points: Array

    def predict(self, points: Array) -> tuple[Array, Array]:
        """(M,) means and (M,) standard deviations at (M, n) points."""

    def smoothed(self) -> Array:
        """(N,) means at its own points."""

    def expect(self, point: Array) -> None:
        """Go on as if the mean at a point, (n,), had been seen there."""


def promise_of(models: Sequence[Model], safety: StepSurrogate | None) -> Callable[[Array], Array]:
    """What is expected of candidates (M, n) beyond what is known: larger is better, (M,)."""
    if len(models) == 1:
        best = float(models[0].smoothed().min())

        def gain(points: Array) -> Array:
            return log_expected_improvement(*models[0].predict(points), best)
    else:
        boxes = boxes_of(np.stack([model.smoothed() for model in models], axis=1))

        def gain(points: Array) -> Array:
            means, deviations = zip(*(model.predict(points) for model in models), strict=True)
            volume = expected_volume(np.stack(means, axis=1), np.stack(deviations, axis=1), boxes)
            found: Array = np.log(np.maximum(volume, 1e-300))
            return found

    weight = safety_of(safety)
    return lambda points: gain(points) + weight(points)


def safety_of(safety: StepSurrogate | None) -> Callable[[Array], Array]:
    """The logarithm of the probability that candidates (M, n) do not fail, (M,).

    Those that all but surely fail come last, however little the others promise.
    """
    from scipy.special import log_ndtr

    if safety is None:
        return lambda points: np.zeros(len(points))
    # Half-way between what the model has for a failure and for none.
    border = 0.5 * float(safety.values.max() + safety.values.min())

    def weight(points: Array) -> Array:
        means, deviations = safety.predict(points)
        found: Array = log_ndtr((border - means) / deviations)
        return found - _HOPELESS * np.maximum(_LEAST_SAFE - np.exp(found), 0.0)

    return weight

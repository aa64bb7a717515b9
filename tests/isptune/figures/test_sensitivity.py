"""The local quadratic, where the truth about the score is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from isptune.figures.sensitivity import LONGEST_STEP, sensitivity
from isptune.runs.history import History


def history_of(function: object, count: int = 400, dimension: int = 3, spread: float = 0.08) -> History:
    """Candidates around (0.4, 0.5, 0.6), the first of them there."""
    generator = np.random.default_rng(1)
    centre = np.linspace(0.4, 0.6, dimension)
    candidates = np.clip(centre + spread * generator.normal(size=(count, dimension)), 0, 1)
    candidates[0] = centre
    scores = np.array([function(row - centre) for row in candidates])  # type: ignore[operator]
    return History(np.arange(1, count + 1), candidates, scores[:, None], ("score",), (True,))


def test_a_quadratic_is_found_again() -> None:
    curvatures = np.array([-10.0, -40.0, -0.5])
    fit = sensitivity(history_of(lambda step: 7 + float(curvatures @ step**2)))
    assert fit is not None
    np.testing.assert_allclose(fit.curvatures, curvatures, rtol=1e-6)
    np.testing.assert_allclose(fit.slopes, 0, atol=1e-8)
    assert fit.constant == pytest.approx(7)
    assert fit.r_squared == pytest.approx(1)
    assert fit.step <= LONGEST_STEP
    np.testing.assert_allclose(fit.effects, curvatures * fit.step**2, rtol=1e-6)
    np.testing.assert_allclose(fit.along(1, np.array([0.5, 0.6])), [7, 7 - 0.4], rtol=1e-6)


def test_steps_end_at_the_bounds() -> None:
    generator = np.random.default_rng(0)
    candidates = generator.random((300, 1)) * 0.2
    candidates[0] = 0
    history = History(np.arange(1, 301), candidates, 5 - candidates[:, :1], ("score",), (True,))
    fit = sensitivity(history)
    assert fit is not None
    assert fit.centre.tolist() == [0]
    # Only the step to the right is taken; the mean is over both.
    assert fit.effects[0] == pytest.approx(-fit.step / 2)


def test_a_parameter_that_never_moved_has_no_effect() -> None:
    history = history_of(lambda step: 3 - float(step[0] ** 2))
    history.candidates[:, 2] = 0.25
    fit = sensitivity(history)
    assert fit is not None
    assert math.isnan(fit.effects[2])
    assert np.isfinite(fit.effects[:2]).all()
    assert fit.step > 0


def test_the_nearest_are_used_and_those_that_failed_are_not() -> None:
    history = history_of(lambda step: 1 - float(step @ step))
    history.score[5] = math.nan
    fit = sensitivity(history)
    assert fit is not None
    assert len(fit.nearest) == 133
    assert 5 not in fit.nearest
    distance = np.linalg.norm(history.candidates - fit.centre, axis=1)
    others = np.setdiff1d(np.arange(400), [*fit.nearest, 5])
    assert distance[fit.nearest].max() <= distance[others].min()
    assert (np.diff(distance[fit.nearest]) >= 0).all()


def test_too_little_to_say() -> None:
    assert sensitivity(history_of(lambda step: 1 - float(step @ step), count=13)) is None
    flat = history_of(lambda step: math.nan)
    assert sensitivity(flat) is None
    same = history_of(lambda step: 1.0)
    same.candidates[:] = 0.5
    assert sensitivity(same) is None

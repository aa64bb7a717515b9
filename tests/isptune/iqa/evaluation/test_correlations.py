"""The statistics against scipy and numbers computed by hand; the logistic against the one behind the data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from syrupy.assertion import SnapshotAssertion

from isptune.errors import ConfigurationError
from isptune.iqa.evaluation import fit_logistic, krcc, plcc, rmse, srcc
from isptune.iqa.evaluation.correlations import _slopes, logistic


def test_by_hand() -> None:
    scores, mos = [1, 2, 3, 4, 5], [2, 1, 4, 3, 5]
    # Ranks differ by 1, 1, 1, 1, 0: 1 - 6 * 4 / (5 * 24); two of ten pairs are turned around.
    assert srcc(scores, mos) == pytest.approx(0.8)
    assert krcc(scores, mos) == pytest.approx(0.6)
    assert rmse(scores, mos) == pytest.approx(math.sqrt(4 / 5))
    assert plcc([0, 1, 2], [0, 1, 5]) == pytest.approx(5 / math.sqrt(2 * 14))
    # Ties: pairs (1, 1) tie in the scores; tau-b = (5 - 0) / sqrt(5 * 6).
    assert krcc([1, 1, 2, 3], [1, 2, 3, 4]) == pytest.approx(5 / math.sqrt(30))


def test_two_images_have_one_pair() -> None:
    assert (krcc([1, 2], [3, 5]), krcc([2, 1], [3, 5])) == (1.0, -1.0)
    assert math.isnan(krcc([1, 1], [3, 5]))


@pytest.mark.parametrize("ties", [False, True])
def test_against_scipy(ties: bool) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        x = rng.normal(size=60)
        y = x + rng.normal(size=60)
        if ties:
            x, y = x.round(), y.round()
        assert srcc(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
        assert krcc(x, y) == pytest.approx(stats.kendalltau(x, y).statistic, abs=1e-12)
        assert plcc(x, y) == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-12)


def test_orders_alone_count_for_ranks_and_units_for_none() -> None:
    x = np.array([1.0, 5, 2, 9, 3])
    y = np.array([1.0, 3, 2, 5, 4])
    assert srcc(np.exp(x), y) == srcc(x, y)
    assert krcc(np.exp(x), y) == krcc(x, y)
    for scale in (1e-200, 1e200):
        assert plcc(x * scale, y) == pytest.approx(plcc(x, y))
    assert srcc(-x, y) == pytest.approx(-srcc(x, y))


def test_no_order_no_correlation() -> None:
    for statistic in (srcc, krcc, plcc):
        assert math.isnan(statistic([1, 1, 1], [1, 2, 3]))
        assert math.isnan(statistic([1, 2, 3], [2, 2, 2]))


@pytest.mark.parametrize(
    ("scores", "mos"),
    [
        ([1, 2], [1, 2, 3]),
        ([1], [1]),
        ([1, math.nan, math.inf], [1, 2, 3]),
        ([1, 2, 3], [1, 2, math.inf]),
    ],
)
def test_refusals(scores: list[float], mos: list[float], snapshot: SnapshotAssertion) -> None:
    said = set()
    for statistic in (srcc, krcc, plcc, rmse, fit_logistic):
        with pytest.raises(ConfigurationError) as caught:
            statistic(scores, mos)
        said.add(str(caught.value))
    assert "\n".join(said) == snapshot


class TestLogistic:
    @pytest.mark.parametrize("units", [1.0, 1e-6, 1e6])
    def test_the_one_behind_the_data_is_found(self, units: float) -> None:
        rng = np.random.default_rng(0)
        x = rng.uniform(0, 10, 400) * units
        true = (90.0, 10.0, 4.0 * units, 1.5 * units)
        fit = fit_logistic(x, logistic(x, *true))
        assert fit.converged
        assert not fit.falls
        assert fit.parameters == pytest.approx(true, rel=1e-4)
        noisy = logistic(x, *true) + rng.normal(0, 2, 400)
        fit = fit_logistic(x, noisy)
        assert fit.parameters == pytest.approx(true, rel=0.1)
        assert rmse(fit(x), noisy) == pytest.approx(2, abs=0.2)

    def test_no_worse_than_a_straight_line(self, points: tuple[np.ndarray, np.ndarray]) -> None:
        scores, mos = points
        fit = fit_logistic(scores, mos)
        assert plcc(fit(scores), mos) > plcc(scores, mos) + 0.02
        # Least squares: nothing near is better.
        best = rmse(fit(scores), mos)
        for index in range(4):
            for step in (-0.01, 0.01):
                moved = list(fit.parameters)
                moved[index] += step
                assert rmse(logistic(scores, *moved), mos) > best

    def test_slopes(self) -> None:
        x, at = np.linspace(-2, 2, 7), np.array([3.0, 1.0, 0.2, -0.7])
        for index in range(4):
            step = np.eye(4)[index] * 1e-6
            slope = (logistic(x, *(at + step)) - logistic(x, *(at - step))) / 2e-6
            assert np.allclose(_slopes(x, *at)[:, index], slope, atol=1e-7)

    def test_scores_that_run_against_the_mos(self, points: tuple[np.ndarray, np.ndarray]) -> None:
        fit = fit_logistic(-points[0], points[1])
        assert fit.falls
        assert plcc(fit(-points[0]), points[1]) > 0

    def test_where_there_is_none_it_says_so(self) -> None:
        for scores, mos, note in (
            ([1, 2, 3, 4], [1, 2, 3, 4], "the logistic needs at least 5 images, there are 4"),
            ([1] * 6, range(6), "all scores are equal"),
            (range(6), [1] * 6, "all values of the MOS are equal"),
        ):
            fit = fit_logistic(scores, mos)  # type: ignore[arg-type]
            assert (fit.converged, fit.note) == (False, note)
            assert np.isnan(fit.parameters).all()
            assert np.isnan(fit([1.0, 2.0])).all()

    def test_one_that_does_not_converge(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import scipy.optimize

        def stuck(*arguments: object, **options: object) -> None:
            raise RuntimeError("Optimal parameters not found")

        monkeypatch.setattr(scipy.optimize, "curve_fit", stuck)
        fit = fit_logistic(range(9), range(9))  # type: ignore[arg-type]
        assert fit.note == "the fit of the logistic did not converge"
        assert np.isnan(fit.parameters).all()

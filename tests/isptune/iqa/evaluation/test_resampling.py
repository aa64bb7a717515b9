"""The bootstrap: how often its intervals hold the truth, contents as groups, pairs of objectives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import bootstrap as scipy_bootstrap
from syrupy.assertion import SnapshotAssertion

from isptune.errors import ConfigurationError
from isptune.iqa.evaluation import bootstrap, paired_difference, plcc, srcc
from isptune.iqa.evaluation.resampling import NAMES, resamples

Points = tuple[np.ndarray, np.ndarray]


def test_all_statistics_with_intervals_around_them(points: Points) -> None:
    found = bootstrap(*points, count=100)
    assert tuple(found) == NAMES
    for one in found.values():
        assert one.low < one.value < one.high
    assert found["srcc"].value == srcc(*points)
    assert found["plcc_logistic"].value > found["plcc"].value
    assert found["rmse_logistic"].value == pytest.approx(0.3, abs=0.05)


def test_the_seed_alone_decides(points: Points) -> None:
    state = np.random.get_state()[1].copy()  # type: ignore[index]
    assert bootstrap(*points, count=20, seed=4) == bootstrap(*points, count=20, seed=4)
    assert bootstrap(*points, count=20, seed=4) != bootstrap(*points, count=20, seed=5)
    assert (np.random.get_state()[1] == state).all()  # type: ignore[index]


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    truth, held = 0.6, 0
    for _ in range(120):
        x = rng.normal(size=80)
        y = truth * x + math.sqrt(1 - truth**2) * rng.normal(size=80)
        one = bootstrap(x, y, count=150, level=0.9, statistics=lambda a, b: {"plcc": plcc(a, b)})["plcc"]
        held += one.low <= truth <= one.high
    assert 0.82 <= held / 120 <= 0.97


def test_intervals_are_those_of_scipy(points: Points) -> None:
    scores, mos = points
    found = scipy_bootstrap(
        (scores, mos), plcc, n_resamples=100, paired=True, vectorized=False, method="percentile", rng=7
    )
    one = bootstrap(scores, mos, count=100, seed=7, statistics=lambda a, b: {"plcc": plcc(a, b)})["plcc"]
    assert (one.low, one.high) == pytest.approx(tuple(found.confidence_interval), abs=1e-12)


def test_groups_stay_whole() -> None:
    groups = ["a", "b", "a", "c", "b", "a"]
    for chosen in resamples(50, 0, 6, groups):
        counts = np.bincount(chosen, minlength=6)
        assert counts[0] == counts[2] == counts[5]
        assert counts[1] == counts[4]
        assert sum(counts[[0, 1, 3]]) == 3


def test_pictures_of_one_content_do_not_count_as_independent() -> None:
    rng = np.random.default_rng(0)
    # What a content adds to score and MOS alike is shared by its ten pictures.
    level = np.repeat(rng.normal(size=20), 10)
    scores, mos = level + 0.1 * rng.normal(size=200), -level + 2 * np.tile(np.arange(10.0), 20)
    groups = [f"c{index // 10}" for index in range(200)]
    alone = bootstrap(scores, mos, count=200, groups=None)["srcc"]
    whole = bootstrap(scores, mos, count=200, groups=groups)["srcc"]
    repeated = bootstrap(np.repeat(level[::10], 10), np.repeat(-level[::10], 10) + 0, count=5, groups=groups)
    assert whole.value == alone.value
    assert repeated["srcc"].value == pytest.approx(-1)
    # All pictures of a content twice over: the interval must not shrink as if there were twice as many.
    x, y = rng.normal(size=30), rng.normal(size=30)
    twice = [f"c{index}" for index in range(30)] * 8
    kept = bootstrap(np.tile(x, 8), np.tile(y, 8), count=200, groups=twice)["srcc"]
    shrunk = bootstrap(np.tile(x, 8), np.tile(y, 8), count=200)["srcc"]
    assert kept.high - kept.low > 2 * (shrunk.high - shrunk.low)


def test_a_paired_difference_is_narrower_than_two_intervals(points: Points) -> None:
    scores, mos = points
    rng = np.random.default_rng(3)
    worse = scores + rng.normal(0, 0.8, len(scores))
    one = paired_difference(scores, worse, mos, names=("a", "b"), count=200)
    assert (one.first, one.second, one.statistic, one.images) == ("a", "b", "srcc", 200)
    assert one.estimate.value == pytest.approx(srcc(scores, mos) - srcc(worse, mos))
    assert one.estimate.low < one.estimate.value < one.estimate.high
    assert one.decided
    same = paired_difference(scores, scores * 2 + 1, mos, count=50)
    assert (same.estimate.low, same.estimate.high, same.decided) == (0, 0, False)
    turned = paired_difference(worse, scores, mos, count=200)
    assert turned.estimate.low == pytest.approx(-one.estimate.high)


def test_no_resamples_no_interval(points: Points) -> None:
    one = bootstrap(*points, count=0)["krcc"]
    assert math.isfinite(one.value)
    assert math.isnan(one.low)


def test_a_statistic_that_does_not_exist() -> None:
    found = bootstrap([1.0] * 8, range(8), count=10)  # type: ignore[arg-type]
    assert all(math.isnan(one.value) and math.isnan(one.low) for one in found.values())


@pytest.mark.parametrize(
    "options",
    [
        {"count": -1},
        {"seed": -1},
        {"level": 1},
        {"groups": ["a"]},
    ],
    ids=str,
)
def test_refusals(points: Points, options: dict[str, object], snapshot: SnapshotAssertion) -> None:
    with pytest.raises(ConfigurationError) as caught:
        bootstrap(*points, **options)  # type: ignore[arg-type]
    assert str(caught.value) == snapshot

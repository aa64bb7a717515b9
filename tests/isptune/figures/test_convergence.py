"""The numbers behind the plots, against numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import ArrayLike

from isptune.errors import ConfigurationError
from isptune.figures import before_after_crops, convergence, recovered_levels
from isptune.runs.description import Truth
from isptune.runs.history import History
from isptune.scenes import chart

NAN = float("nan")


def past(
    evaluations: ArrayLike,
    scores: ArrayLike,
    l1: ArrayLike | None = None,
    l1_normalised: ArrayLike | None = None,
    higher: bool = True,
) -> History:
    """A history with these numbers."""
    column = np.array(scores, dtype=np.float64)[:, None]
    known = [None if values is None else np.array(values, dtype=np.float64) for values in (l1, l1_normalised)]
    return History(np.array(evaluations), np.zeros_like(column), column, ("score",), (higher,), *known)


def test_best_so_far_and_the_distortion_of_that_candidate() -> None:
    curves = convergence(
        [past([1, 2, 3, 4], [10, 30, 20, 31], l1=[5, 4, 1, 6], l1_normalised=[0.5, 0.4, 0.1, 0.6])]
    )
    assert curves.evaluations.tolist() == [1, 2, 3, 4]
    assert curves.runs == 1
    for values in (curves.score.median, curves.score.low, curves.score.high):
        assert values.tolist() == [10, 30, 30, 31]
    # The third candidate has the least distortion, but a user who follows the score never sees it; the
    # fourth scores best and is the worst.
    assert curves.l1 is not None
    assert curves.l1_normalised is not None
    assert curves.l1.median.tolist() == [5, 4, 4, 6]
    assert curves.l1_normalised.median.tolist() == [0.5, 0.4, 0.4, 0.6]


def test_lower_is_better() -> None:
    curves = convergence([past([30, 60, 90], [3.0, 4.0, 2.0], [7.0, 8.0, 9.0], higher=False)])
    assert curves.score.median.tolist() == [3, 3, 2]
    assert curves.l1 is not None
    assert curves.l1.median.tolist() == [7, 7, 9]
    assert curves.l1_normalised is None
    assert not curves.higher_is_better


def test_scores_that_are_not_finite_are_passed_over() -> None:
    run = past([1, 2, 3, 4, 5], [NAN, 2.0, float("inf"), -float("inf"), 3.0], l1=[9, 8, 7, 6, 5])
    curves = convergence([run])
    assert np.isnan(curves.score.median[0])
    assert curves.score.median[1:].tolist() == [2, 2, 2, 3]
    assert curves.l1 is not None
    assert curves.l1.median[1:].tolist() == [8, 8, 8, 5]
    nothing = convergence([past([1, 2], [NAN, NAN], l1=[1, 2])])
    assert np.isnan(nothing.score.median).all()


def test_of_equal_scores_the_first_counts() -> None:
    curves = convergence([past([1, 2, 3], [5, 5, 5], l1=[1, 2, 3])])
    assert curves.l1 is not None
    assert curves.l1.median.tolist() == [1, 1, 1]


def test_median_and_quartiles_over_seeds() -> None:
    runs = [
        past([1, 2], [first, first + 10], l1=[seed, 2 * seed]) for seed, first in enumerate([4, 1, 3, 2, 8])
    ]
    curves = convergence(runs)
    assert curves.runs == 5
    # Of 1, 2, 3, 4, 8: the median is 3 and the quartiles are 2 and 4.
    assert curves.score.median.tolist() == [3, 13]
    assert curves.score.low.tolist() == [2, 12]
    assert curves.score.high.tolist() == [4, 14]
    assert curves.l1 is not None
    assert curves.l1.median.tolist() == [2, 4]
    assert curves.l1.low.tolist() == [1, 2]


def test_runs_that_counted_differently_share_an_axis() -> None:
    curves = convergence([past([10, 20, 30], [1, 2, 3]), past([15, 40], [5, 7])])
    # The second run has nothing at 10. The first ended at 30: no median goes on without it.
    assert curves.evaluations.tolist() == [10, 15, 20, 30]
    assert curves.score.median.tolist() == [1, 3, 3.5, 4]


def test_the_truth_is_shown_only_if_every_run_knows_it() -> None:
    curves = convergence([past([1], [1], l1=[1]), past([1], [2])])
    assert curves.l1 is None


@settings(max_examples=50, deadline=None)
@given(
    scores=arrays.arrays(np.float64, st.integers(1, 40), elements=st.floats(-100, 100) | st.just(NAN)),
    higher=st.booleans(),
)
def test_against_a_plain_loop(scores: np.ndarray, higher: bool) -> None:
    distortion = np.arange(len(scores), dtype=float)
    curves = convergence([past(np.arange(1, len(scores) + 1), scores, l1=distortion, higher=higher)])
    best, place = None, NAN
    for number, score in enumerate(scores):
        if not np.isnan(score) and (best is None or (score > best if higher else score < best)):
            best, place = score, float(number)
        expected = NAN if best is None else best
        assert np.array_equal(curves.score.median[number], expected, equal_nan=True)
        assert curves.l1 is not None
        assert np.array_equal(curves.l1.median[number], place, equal_nan=True)


def test_no_run_has_no_curve() -> None:
    with pytest.raises(ConfigurationError, match="^a convergence curve needs at least one run$"):
        convergence([])


TRUTH = Truth(("blur", "noise"), ("px", ""), (5.0, 0.1), (2.5, -0.05))


def test_recovered_levels() -> None:
    levels = recovered_levels([("psnr", TRUTH, [0, 0.01])])
    assert levels.labels == ("blur", "noise")
    assert levels.start.median.tolist() == [2.5, 0.05]
    assert levels.shares(levels.start).median.tolist() == [0.5, 0.5]
    assert levels.shares(levels.found["psnr"]).median.tolist() == pytest.approx([0, 0.1])
    assert levels.runs == {"psnr": 1}


def test_recovered_levels_of_several_runs_are_medians_and_quartiles_by_kind() -> None:
    runs = [("psnr", replace(TRUTH, start=(float(level), 0.0)), [level, -0.1]) for level in range(5)]
    other = Truth(("blur",), ("px",), (5.0,), (2.5,))
    levels = recovered_levels([*runs, ("ssim", TRUTH, [2, 0.02]), ("ssim", other, [1])])
    assert levels.runs == {"psnr": 5, "ssim": 1}
    found = levels.found["psnr"]
    assert (found.low.tolist(), found.median.tolist(), found.high.tolist()) == ([1, 0.1], [2, 0.1], [3, 0.1])
    assert levels.found["ssim"].median.tolist() == [2, 0.02]


class TestCrops:
    def test_they_are_inside_apart_and_always_the_same(self) -> None:
        image = chart(300, 200)
        crops = before_after_crops(image * 0.5, image * 0.9, image)
        assert crops == before_after_crops(image * 0.1, image * 0.7, image)
        assert len(crops) == 2
        for x, y, width, height in crops:
            assert width == height == 66
            assert 0 <= x <= 300 - width
            assert 0 <= y <= 200 - height
        (first, _, side, _), (second, second_y, _, _) = crops
        assert abs(first - second) >= side or abs(crops[0][1] - second_y) >= side

    def test_they_are_80_pixels_at_most_and_as_wide_as_asked(self) -> None:
        image = torch.rand((3, 600, 900), generator=torch.Generator().manual_seed(0))
        assert {crop[2] for crop in before_after_crops(image, image)} == {80}
        assert {crop[2] for crop in before_after_crops(image, image, side=48, count=3)} == {48}
        assert len(before_after_crops(image, image, side=48, count=3)) == 3

    def test_without_a_pristine_picture_the_one_after_decides(self) -> None:
        before = torch.full((3, 128, 256), 0.5)
        after = before.clone()
        after[:, 40:90, 180:230] = torch.rand((3, 50, 50), generator=torch.Generator().manual_seed(0))
        ((x, y, width, height),) = before_after_crops(before, after, count=1)
        assert x < 205 < x + width
        assert y < 65 < y + height

    def test_pictures_of_different_sizes(self) -> None:
        with pytest.raises(ConfigurationError) as caught:
            before_after_crops(torch.zeros(3, 64, 64), torch.zeros(3, 64, 96))
        assert str(caught.value) == "pictures to compare need one size, got (3, 64, 96) and (3, 64, 64)"

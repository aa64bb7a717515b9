"""Room for labels beside an axis."""

from __future__ import annotations

import numpy as np
import pytest

from isptune.figures.axes import distortion_axis, evaluation_axis, shares_of_height, spread
from isptune.figures.style import new_figure, style


class TestSpread:
    @pytest.mark.parametrize(
        ("places", "moved"),
        [
            ([], []),
            ([0.5], [0.5]),
            ([0.2, 0.5, 0.8], [0.2, 0.5, 0.8]),
            # Two share the way; three go around the one in the middle.
            ([0.5, 0.5], [0.45, 0.55]),
            ([0.52, 0.5, 0.51], [0.61, 0.41, 0.51]),
            # Blocks that would overlap are joined.
            ([0.4, 0.4, 0.52, 0.52], [0.31, 0.41, 0.51, 0.61]),
            ([0.0, 0.0, 1.0, 1.0], [0.0, 0.1, 0.9, 1.0]),
        ],
    )
    def test_by_hand(self, places: list[float], moved: list[float]) -> None:
        assert spread(places, 0.1, 0.0, 1.0) == pytest.approx(moved)

    def test_neighbours_have_their_gap_and_their_order(self) -> None:
        places = np.random.default_rng(0).random(9)
        moved = spread(places, 0.1, 0.0, 1.0)
        order = np.argsort(places)
        assert np.array_equal(order, np.argsort(moved))
        assert np.diff(moved[order]).min() >= 0.1 - 1e-12
        assert moved.min() >= 0
        assert moved.max() <= 1

    def test_too_many_go_beyond_the_upper_limit(self) -> None:
        assert spread([0.5, 0.5, 0.5], 0.6, 0.0, 1.0) == pytest.approx([0.0, 0.6, 1.2])


def test_the_axes_that_figures_share() -> None:
    with style():
        axes = new_figure(3, 3).subplots()
        evaluation_axis(axes, 500, log=True)
        assert (axes.get_xscale(), axes.get_xlim()) == ("log", (1, 500))
        distortion_axis(axes, np.array([0.01, 0.1, np.nan]))
        assert axes.get_yscale() == "log"
        assert axes.get_ylim() == pytest.approx((0.01 / 1.4, 0.14))
        middle = np.sqrt(0.01 * 0.1)
        assert shares_of_height(axes, [0, middle, 5]) == pytest.approx([0, 0.5, 1])
        axes = new_figure(3, 3).subplots()
        distortion_axis(axes, np.array([0.1, 0.2]), "x")
        assert axes.get_xlim() == pytest.approx((0, 0.22))

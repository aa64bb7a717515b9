"""Pareto plots: the numbers behind them, and what the figures say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from isptune.errors import ConfigurationError
from isptune.figures import ParetoPoints, draw_pareto, pareto_points, save
from isptune.runs.history import History

Texts = Callable[[Figure], list[str]]
Check = Callable[[Figure], None]


def history(count: int = 2, truth: bool = True, evaluations: int = 80) -> History:
    generator = np.random.default_rng(4)
    scores = generator.random((evaluations, count)) ** 2 * 30
    scores[3, 0] = np.nan
    l1 = generator.random(evaluations)
    return History(
        evaluations=np.arange(1, evaluations + 1),
        candidates=generator.random((evaluations, 3)),
        scores=scores,
        l1=l1 if truth else None,
        l1_normalised=l1 / 3 if truth else None,
        labels=tuple(f"severity:objective {number}" for number in range(count)),
        orientations=tuple(number % 2 == 0 for number in range(count)),
    )


class TestPoints:
    def test_front_and_others_are_all_finite_evaluations(self) -> None:
        run = history()
        points = pareto_points(run)
        assert run.pareto is not None
        assert len(points.front) + len(points.others) == 79
        assert np.array_equal(points.front, run.scores[run.pareto.indices])
        assert np.isfinite(points.others).all()
        assert run.l1_normalised is not None
        assert points.l1_normalised is not None
        assert np.array_equal(points.l1_normalised, run.l1_normalised[run.pareto.indices])

    def test_shares_and_ends_are_in_each_objectives_orientation(self) -> None:
        front = np.array([[10.0, 3.0, 7.0], [30.0, 5.0, 7.0], [20.0, 4.5, 7.0]])
        points = ParetoPoints(("a", "b", "c"), (True, False, True), np.empty((0, 3)), front)
        assert points.shares == pytest.approx(np.array([[0, 1, 0.5], [1, 0, 0.5], [0.5, 0.25, 0.5]]))
        assert points.ends.tolist() == [[10, 5, 7], [30, 3, 7]]

    @pytest.mark.parametrize(
        ("orientations", "front", "stairs"),
        [
            ((True, True), [[1, 3], [2, 1]], [[1, 3], [1, 1], [2, 1]]),
            ((False, False), [[1, 3], [2, 1]], [[1, 3], [2, 3], [2, 1]]),
            ((True, False), [[2, 3], [1, 1]], [[1, 1], [1, 3], [2, 3]]),
            ((True, True), [[1, 3]], [[1, 3]]),
        ],
    )
    def test_the_stairs_have_the_worse_of_two_neighbours_at_their_corners(
        self, orientations: tuple[bool, bool], front: list[list[float]], stairs: list[list[float]]
    ) -> None:
        points = ParetoPoints(("a", "b"), orientations, np.empty((0, 2)), np.array(front, dtype=float))
        assert points.stairs().tolist() == stairs

    def test_the_window_holds_the_front_and_leaves_far_points_out(self) -> None:
        others = np.array([[0.4, 0.4]] * 9 + [[-1000.0, -1000.0]])
        points = ParetoPoints(("a", "b"), (True, True), others, np.array([[1.0, 3.0], [2.0, 1.0]]))
        low, high = points.window()
        assert (low < 0.4).all()
        assert (low > -1).all()
        assert (high > [2, 3]).all()

    def test_refusals(self) -> None:
        single = History(np.arange(1, 3), np.zeros((2, 1)), np.zeros((2, 1)), ("psnr",), (True,))
        failed = history()
        failed.scores[:] = np.nan
        for run, message in (
            (single, "a Pareto plot needs a run of several objectives, this one has a single one"),
            (failed, "a Pareto plot needs a candidate with finite scores, this run has none"),
        ):
            with pytest.raises(ConfigurationError) as caught:
                pareto_points(run)
            assert str(caught.value) == message
        with pytest.raises(ConfigurationError) as caught:
            pareto_points(history(3)).stairs()
        assert str(caught.value) == "stairs are drawn of two objectives, there are 3"


class TestDrawing:
    @pytest.mark.parametrize("truth", [True, False])
    def test_two_objectives_are_a_plane(
        self, truth: bool, texts: Texts, assert_texts_fit: Check, tmp_path: Path
    ) -> None:
        points = pareto_points(history(truth=truth))
        figure = draw_pareto(points)
        plane = figure.axes[0]
        assert plane.get_xlabel() == "severity:objective 0 (higher is better)"
        assert plane.get_ylabel() == "severity:objective 1 (lower is better)"
        front, answer = plane.collections
        assert np.array_equal(front.get_offsets(), points.front)
        assert np.array_equal(answer.get_offsets(), points.front[:1])
        shown = texts(figure)
        assert f"front ({len(points.front)})" in shown
        assert "best compromise" in shown
        assert ("normalised l1 (lower is better)" in shown) == truth
        if truth:
            assert np.array_equal(front.get_array(), points.l1_normalised)
        assert_texts_fit(figure)
        assert save(figure, tmp_path / "front.png").stat().st_size > 5000

    @pytest.mark.parametrize(("count", "truth"), [(3, False), (7, True)])
    def test_more_are_parallel_axes(
        self, count: int, truth: bool, texts: Texts, assert_texts_fit: Check
    ) -> None:
        points = pareto_points(history(count, truth))
        figure = draw_pareto(points, title="Seven of them")
        axes = figure.axes[0]
        (answer,) = (line for line in axes.lines if line.get_label() == "best compromise")
        assert np.array_equal(answer.get_ydata(), points.shares[0])
        # One line for each of the others, the axes being a collection of their own.
        assert len(axes.collections[0].get_segments()) == len(points.front) - 1
        shown = texts(figure)
        assert sum("(higher is\nbetter)" in text for text in shown) == (count + 1) // 2
        assert f"{points.ends[1, 0]:.3g}" in shown
        assert len(figure.axes) == 1 + truth
        assert_texts_fit(figure)

    def test_a_front_of_one(self, assert_texts_fit: Check) -> None:
        for count in (2, 4):
            run = history(count)
            run.scores[5] = np.where(run.orientations, 100.0, -100.0)
            points = pareto_points(run)
            assert len(points.front) == 1
            assert_texts_fit(draw_pareto(points))

    def test_one_objective_is_refused(self) -> None:
        points = ParetoPoints(("a",), (True,), np.empty((0, 1)), np.ones((1, 1)))
        with pytest.raises(ConfigurationError) as caught:
            draw_pareto(points)
        assert str(caught.value) == "a Pareto plot needs two objectives and a candidate, got 1 and 1"

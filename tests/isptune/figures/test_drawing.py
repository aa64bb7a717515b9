"""The figures: what they say and where it stands, not only that they exist."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from PIL import Image

from isptune.errors import ImageError
from isptune.figures import convergence, draw_convergence, draw_recovered_levels, recovered_levels, save
from isptune.runs.description import Truth
from isptune.runs.history import History

Texts = Callable[[Figure], list[str]]
Check = Callable[[Figure], None]


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


def levels(
    labels: Sequence[str],
    units: Sequence[str],
    maxima: Sequence[float],
    start: Sequence[float],
    found: Sequence[float],
    title: str | None = "Recovered distortion levels",
) -> Figure:
    """The figure of one run."""
    truth = Truth(tuple(labels), tuple(units), tuple(maxima), tuple(start))
    return draw_recovered_levels(recovered_levels([("psnr", truth, found)]), title)


def runs(count: int, truth: bool = True, length: int = 200, higher: bool = True) -> list[History]:
    histories = []
    for seed in range(count):
        noise = np.random.default_rng(seed).lognormal(0, 0.4, length)
        share = 0.3 * np.exp(-np.arange(length) / 40) * noise + 0.002
        scores = 10 - 12 * np.log10(share)
        histories.append(
            past(np.arange(1, length + 1), scores, *((share * 3, share) if truth else ()), higher=higher)
        )
    return histories


class TestConvergence:
    def test_one_run_with_truth(self, texts: Texts, assert_texts_fit: Check) -> None:
        curves = convergence(runs(1))
        figure = draw_convergence(curves, score_label="psnr (dB)", title="chart, seed 0")
        top, bottom = figure.axes
        assert top.get_ylabel() == "best psnr (dB)\n(higher is better)"
        assert bottom.get_ylabel() == "hidden distortion\n(lower is better)"
        assert bottom.get_xlabel() == "evaluations"
        assert top.get_xlim() == bottom.get_xlim() == (0, 200)
        assert np.array_equal(top.lines[0].get_xdata(), curves.evaluations)
        assert np.array_equal(top.lines[0].get_ydata(), curves.score.median)
        assert top.lines[0].get_drawstyle() == "steps-post"
        assert curves.l1_normalised is not None
        assert curves.l1 is not None
        lines = {line.get_label(): line.get_ydata() for line in bottom.lines}
        assert np.array_equal(
            lines["normalised l1: mean share of the highest levels"], curves.l1_normalised.median
        )
        assert np.array_equal(lines["l1: mean level in own units"], curves.l1.median)
        assert bottom.get_yscale() == "log"
        assert top.get_legend() is None
        assert not top.collections
        assert "chart, seed 0" in texts(figure)
        # The last values stand beside the curves' ends.
        for value in (curves.score.median[-1], curves.l1.median[-1], curves.l1_normalised.median[-1]):
            assert f"{value:.3g}" in texts(figure)
        assert_texts_fit(figure)

    def test_bands_of_several_runs(self, assert_texts_fit: Check) -> None:
        curves = convergence(runs(10))
        figure = draw_convergence(curves, "psnr (dB)")
        top, bottom = figure.axes
        labels = [text.get_text() for text in top.get_legend().get_texts()]
        assert labels == ["median of 10 runs", "quartiles"]
        assert len(top.collections) == 1
        assert len(bottom.collections) == 2
        corners = top.collections[0].get_paths()[0].vertices
        at_end = corners[corners[:, 0] == 200][:, 1]
        assert at_end.min() == pytest.approx(curves.score.low[-1])
        assert at_end.max() == pytest.approx(curves.score.high[-1])
        assert_texts_fit(figure)

    def test_without_truth_there_is_one_panel(self, assert_texts_fit: Check) -> None:
        figure = draw_convergence(convergence(runs(3, truth=False, higher=False)), "niqe")
        (only,) = figure.axes
        assert only.get_ylabel() == "best niqe\n(lower is better)"
        assert only.get_xlabel() == "evaluations"
        assert_texts_fit(figure)

    def test_a_flat_distortion_has_a_linear_axis_from_zero(self, assert_texts_fit: Check) -> None:
        figure = draw_convergence(convergence([past([30, 60], [1, 2], l1_normalised=[0.11, 0.1])]))
        assert figure.axes[1].get_yscale() == "linear"
        assert figure.axes[1].get_ylim()[0] == 0
        assert_texts_fit(figure)

    def test_a_perfect_recovery_and_runs_that_failed(self, texts: Texts, assert_texts_fit: Check) -> None:
        curves = convergence([past([30, 60, 90], [1, 2, 3], [0.1, 0.01, 0], [0.02, 0.002, 0])])
        figure = draw_convergence(curves)
        assert figure.axes[1].get_yscale() == "log"
        assert texts(figure).count("0") >= 2
        assert_texts_fit(figure)
        nothing = convergence([past([1, 2], [np.nan, np.nan], [1, 1], [1, 1])])
        assert_texts_fit(draw_convergence(nothing))

    def test_long_labels_and_titles_are_wrapped(self, assert_texts_fit: Check) -> None:
        figure = draw_convergence(
            convergence(runs(3)),
            "weighted: 0.5 pyiqa:topiq_nr + 0.5 noise-level",
            "isptune tune photo.png --objective pyiqa:topiq_nr --optimizer nevergrad:DiagonalCMA --seed 31",
        )
        assert_texts_fit(figure)

    def test_the_legend_covers_no_data(self) -> None:
        figure = draw_convergence(convergence(runs(10)), "psnr (dB)")
        figure.canvas.draw()  # type: ignore[attr-defined]
        for axes in figure.axes:
            assert axes.get_legend().get_window_extent().y0 >= axes.bbox.y1 - 1


class TestRecoveredLevels:
    labels = ("gaussian_blur", "brighten", "desaturate", "white_noise", "high_sharpen")

    def test_levels_as_shares_and_in_units(self, texts: Texts, assert_texts_fit: Check) -> None:
        figure = levels(
            self.labels,
            ("px", "", "", "", ""),
            (5, 1.1, 1, 0.1, 12),
            (2.5, 0.55, 0.7, 0.05, 6),
            (0.01, 0, 0.2, 0.001, 3),
        )
        (axes,) = figure.axes
        assert axes.get_xlabel() == "hidden level / highest level (0 is undistorted)"
        assert [label.get_text() for label in axes.get_yticklabels()] == list(self.labels)
        lines = {line.get_label(): line for line in axes.lines}
        assert lines["start"].get_xdata() == pytest.approx([0.5, 0.5, 0.7, 0.5, 0.5])
        assert lines["found"].get_xdata() == pytest.approx([0.002, 0, 0.2, 0.01, 0.25])
        assert axes.get_xlim() == (0, 1)
        # The first stage is on top.
        assert axes.get_ylim()[0] > axes.get_ylim()[1]
        # All numbers of a stage have the same decimals; what they cannot show is said to be less.
        tiny = levels(["a", "b"], ["", ""], [0.1, 1.1], [0.0144, 0.5], [2.29e-5, 0.0151])
        assert {"0.0144", "<0.0001", "0.1000", "0.500", "0.015", "1.100"} <= set(texts(tiny))
        assert_texts_fit(tiny)
        for text in (
            "start",
            "found",
            "highest",
            "px",
            "2.500",
            "0.010",
            "12.00",
            "Recovered distortion levels",
        ):
            assert text in texts(figure)
        assert_texts_fit(figure)

    @pytest.mark.parametrize("title", [None, "a title " * 20])
    def test_long_names_units_and_numbers(
        self, title: str | None, texts: Texts, assert_texts_fit: Check
    ) -> None:
        names = (
            "a_very_long_stage_name_that_somebody_registered",
            "spatially-varying-aberration",
            "x" * 60,
            "y",
        )
        figure = levels(
            names,
            ("micrometres", "", "", "%"),
            (5, 1.1, 12000, 1),
            (5, 0.5, 700, 1),
            (0, 1.2e-5, 12000, 0.3),
            title,
        )
        shown = [label.get_text().replace("\n", "") for label in figure.axes[0].get_yticklabels()]
        assert shown == list(names)
        assert "12,000" in texts(figure)
        assert_texts_fit(figure)

    def test_one_stage(self, assert_texts_fit: Check) -> None:
        assert_texts_fit(levels(["vignette"], ["EV"], [5], [5], [0.2]))


class TestSaving:
    def figure(self) -> Figure:
        return draw_convergence(convergence([past([1, 2], [1, 2])]))

    @pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg", ".jpg", ".webp"])
    def test_formats(self, tmp_path: Path, suffix: str) -> None:
        path = save(self.figure(), tmp_path / f"plot{suffix}")
        assert path.stat().st_size > 1000
        if suffix in (".png", ".jpg", ".webp"):
            with Image.open(path) as picture:
                assert picture.size == (1080, 480)

    def test_the_same_figure_gives_the_same_bytes(self, tmp_path: Path) -> None:
        first, second = (save(self.figure(), tmp_path / f"{name}.png").read_bytes() for name in "ab")
        assert first == second

    def test_mistakes(self, tmp_path: Path) -> None:
        known = ".png, .pdf, .svg, .jpg, .jpeg, .webp"
        for path, message in (
            (tmp_path / "plot.pngg", f"figures are written as {known}; did you mean '.png'?"),
            (tmp_path / "plot", f"figures are written as {known}"),
            (tmp_path / "nowhere" / "plot.png", f"there is no folder '{tmp_path / 'nowhere'}'"),
        ):
            with pytest.raises(ImageError) as caught:
                save(self.figure(), path)
            assert str(caught.value) == f"'{path}': {message}"
        (tmp_path / "taken.png").mkdir()
        path = tmp_path / "taken.png"
        with pytest.raises(ImageError) as caught:
            save(self.figure(), path)
        assert str(caught.value) == f"'{path}' cannot be written: Is a directory"


def test_users_settings_neither_change_nor_matter(tmp_path: Path) -> None:
    reference = save(draw_convergence(convergence(runs(2))), tmp_path / "a.png").read_bytes()
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.bbox": "tight"}):
        before = dict(matplotlib.rcParams)
        changed = save(draw_convergence(convergence(runs(2))), tmp_path / "b.png").read_bytes()
        assert dict(matplotlib.rcParams) == before
    assert changed == reference


def test_matplotlib_loads_only_for_drawing_and_never_pyplot() -> None:
    code = """
import sys
import isptune.figures, isptune.scenes
assert "torch" not in sys.modules and "numpy" not in sys.modules
from isptune.figures import convergence, draw_convergence, draw_recovered_levels, draw_before_after, save
import numpy as np
from isptune.runs.history import History
curves = convergence([History(np.arange(1, 3), np.zeros((2, 1)), np.ones((2, 1)), ("score",), (True,))])
assert "matplotlib" not in sys.modules
draw_convergence(curves)
assert "matplotlib" in sys.modules and "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)

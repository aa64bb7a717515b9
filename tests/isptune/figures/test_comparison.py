"""The figure of runs that differ, and the scale of a score's axis."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure

from isptune.errors import ConfigurationError
from isptune.figures import ComparedRuns, convergence, draw_comparison, draw_convergence
from isptune.runs.history import History

Texts = Callable[[Figure], list[str]]
Check = Callable[[Figure], None]


def past(scores: np.ndarray, share: np.ndarray | None, higher: bool) -> History:
    column = scores[:, None]
    counts = np.arange(1, len(scores) + 1)
    return History(counts, np.zeros_like(column), column, ("score",), (higher,), None, share)


def compared(
    objective: str, label: str, length: int, runs: int = 1, truth: bool = True, higher: bool = True
) -> ComparedRuns:
    def history(seed: int) -> History:
        share = 0.3 * 0.98 ** np.arange(length) * (1 + 0.1 * seed)
        scores = -20 * np.log10(share) if higher else share
        return past(scores, share if truth else None, higher)

    return ComparedRuns(objective, label, convergence([history(seed) for seed in range(runs)]))


def test_lines_end_where_their_runs_end(texts: Texts, assert_texts_fit: Check) -> None:
    long, short = compared("psnr", "es", 200, runs=3), compared("psnr", "cma, population 12", 90)
    figure = draw_comparison([long, short], "$1_$2 of photo")
    top, bottom = figure.axes
    assert top.get_ylabel() == "best psnr\n(higher is better)"
    assert bottom.get_ylabel() == "normalised l1\n(lower is better)"
    assert top.get_xlim() == bottom.get_xlim() == (0, 200)
    for axes in (top, bottom):
        assert [line.get_xdata()[-1] for line in axes.lines[::2]] == [200, 90]
        # Only the kind with several runs has quartiles.
        assert len(axes.collections) == 1
    assert np.array_equal(top.lines[2].get_ydata(), short.curves.score.median)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "es (median and quartiles of 3 runs)",
        "cma, population 12",
    ]
    assert "$1_$2 of photo" in texts(figure)
    assert_texts_fit(figure)


def test_objectives_have_panels_of_their_own(assert_texts_fit: Check) -> None:
    runs = [compared("psnr", "", 60), compared("error", "", 60, higher=False), compared("psnr", "cma", 60)]
    figure = draw_comparison(runs)
    assert [axes.get_ylabel().split("\n")[0] for axes in figure.axes] == [
        "best psnr",
        "best error",
        "normalised l1",
    ]
    assert [len(axes.lines[::2]) for axes in figure.axes] == [2, 1, 3]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["psnr", "error", "psnr, cma"]
    assert_texts_fit(figure)


def test_runs_without_truth_have_no_panel_of_it() -> None:
    figure = draw_comparison([compared("psnr", "a", 9, truth=False), compared("psnr", "b", 9, truth=False)])
    assert len(figure.axes) == 1
    with pytest.raises(ConfigurationError, match="^a comparison needs at least one run$"):
        draw_comparison([])


@pytest.mark.parametrize(
    ("scores", "higher", "scale"),
    [
        ([0.3, 0.1, 0.001], False, "log"),
        ([0.3, 0.2, 0.1], False, "linear"),
        ([0.3, 0.1, 0.0], False, "linear"),
        ([-3.0, -100.0], False, "linear"),
        ([4.0, 20.0, 45.0], True, "linear"),
        ([0.001, 0.1, 0.9], True, "log"),
        ([np.nan, np.nan], False, "linear"),
    ],
)
def test_the_scale_of_a_score_follows_its_values(scores: list[float], higher: bool, scale: str) -> None:
    curves = convergence([past(np.array(scores), None, higher)])
    (axes,) = draw_convergence(curves).axes
    assert axes.get_yscale() == scale
    if scale == "log":
        low, high = axes.get_ylim()
        assert low < min(scores) < max(scores) < high

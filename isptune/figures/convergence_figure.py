"""The convergence figure: best score and, where known, hidden distortion against evaluations."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from isptune.figures.axes import (
    band_values,
    distortion_axis,
    evaluation_axis,
    fit_margins,
    label_ends,
    score_axis,
)
from isptune.figures.convergence import Band, ConvergenceCurves, Numbers
from isptune.figures.style import (
    BLUE,
    GREEN,
    TITLE_LINE,
    VERMILION,
    draw_title,
    legend_above,
    new_figure,
    style,
    title_lines,
)
from isptune.wording.words import L1, NORMALISED_L1

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Two lines of the values beside the curves' ends need about a tenth of the panel's height.
_END = 0.1


def draw_convergence(
    curves: ConvergenceCurves, score_label: str = "score", title: str | None = None
) -> Figure:
    """Draw best-so-far curves.

    Above stands the best score so far; below, on the same axis of evaluations and where the runs know it,
    l1 and normalised l1 of the candidate with that score.
    Several runs give a median with a band between the quartiles.

    Args:
        curves: from ``convergence``.
        score_label: the score's name and unit, such as ``"psnr (dB)"``.
        title: a heading, if any.

    Returns:
        A figure that ``save`` writes.
    """
    distortions = [
        (band, colour, dashes, label)
        for band, colour, dashes, label in (
            (curves.l1_normalised, VERMILION, "-", f"{NORMALISED_L1}: mean share of the highest levels"),
            (curves.l1, GREEN, (0, (5, 1.5)), f"{L1}: mean level in own units"),
        )
        if band is not None
    ]
    with style():
        lines = title_lines(title, 7.2)
        inches = (5.4 if distortions else 3.2) + TITLE_LINE * len(lines)
        figure = new_figure(7.2, inches)
        panels = figure.subplots(
            1 + bool(distortions), 1, sharex=True, squeeze=False, gridspec_kw={"hspace": 0.27}
        )[:, 0]
        top, last = panels[0], panels[-1]
        last_evaluation = float(curves.evaluations[-1])
        evaluation_axis(last, last_evaluation)
        name = "best so far" if curves.runs == 1 else f"median of {curves.runs} runs"
        draw_curve(top, curves.evaluations, curves.score, BLUE, "-", name, curves.runs, "quartiles")
        score_axis(top, band_values([curves.score]), curves.higher_is_better)
        label_ends(top, [(last_evaluation, float(curves.score.median[-1]), BLUE)], _END)
        direction = "higher" if curves.higher_is_better else "lower"
        # A long name goes over several lines, as the axis is no longer than that.
        label = textwrap.fill(f"best {score_label}", 30)
        top.set_ylabel(f"{label}\n({direction} is better)")
        if curves.runs > 1:
            legend_above(top)
        if distortions:
            for band, colour, dashes, label in distortions:
                draw_curve(last, curves.evaluations, band, colour, dashes, label, curves.runs)
            distortion_axis(last, band_values(band for band, *_ in distortions))
            ends = [(last_evaluation, float(band.median[-1]), colour) for band, colour, *_ in distortions]
            label_ends(last, ends, _END)
            last.set_ylabel("hidden distortion\n(lower is better)")
            legend_above(last, columns=2)
        last.set_xlabel("evaluations")
        draw_title(figure, lines)
        figure.align_ylabels(list(panels))
        above = 0.15 + (0.11 + TITLE_LINE * len(lines) if lines else 0) + (0.3 if curves.runs > 1 else 0)
        figure.subplots_adjust(left=0.135, right=0.885, bottom=0.56 / inches, top=1 - above / inches)
        fit_margins(figure)
    return figure


def draw_curve(
    axes: Axes,
    evaluations: Numbers,
    band: Band,
    colour: str,
    dashes: object,
    label: str,
    runs: int,
    shade: str | None = None,
    alpha: float = 0.2,
) -> None:
    """A median as steps, since a best-so-far value holds until it is beaten, with its quartiles behind it."""
    if runs > 1:
        axes.fill_between(
            evaluations,
            band.low,
            band.high,
            step="post",
            color=colour,
            alpha=alpha,
            linewidth=0,
            label=shade,
        )
    axes.plot(evaluations, band.median, drawstyle="steps-post", color=colour, linestyle=dashes, label=label)
    # The last step is as wide as a point, so a dot shows where it is.
    axes.plot(evaluations[-1:], band.median[-1:], "o", color=colour, markersize=5, clip_on=False)

"""The convergence figure: best score and, where known, hidden distortion against evaluations."""

from __future__ import annotations

import textwrap
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from isptune.plots.compute import Band, ConvergenceCurves, Numbers
from isptune.plots.style import (
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

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# A distortion curve whose ends differ by this factor or more is drawn on a logarithmic axis.
_LOGARITHMIC_FROM = 4.0


def draw_convergence(
    curves: ConvergenceCurves, score_label: str = "score", title: str | None = None
) -> Figure:
    """Draw best-so-far curves.

    Above stands the best score so far; below, on the same axis of evaluations and where the runs know it,
    the hidden distortion of the candidate with that score, both normalised and in the stages' own units.
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
            (curves.l1_normalised, VERMILION, "-", "normalised: mean of d / d max"),
            (curves.l1, GREEN, (0, (5, 1.5)), "in the stages' own units: mean of d"),
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
        name = "best so far" if curves.runs == 1 else f"median of {curves.runs} runs"
        _curve(top, curves.evaluations, curves.score, BLUE, "-", name, curves.runs, "quartiles")
        _label_ends(top, curves.evaluations, [(curves.score, BLUE)])
        direction = "higher" if curves.higher_is_better else "lower"
        # A long name goes over several lines, as the axis is no longer than that.
        label = textwrap.fill(f"best {score_label}", 30)
        top.set_ylabel(f"{label}\n({direction} is better)")
        if curves.runs > 1:
            legend_above(top)
        if distortions:
            for band, colour, dashes, label in distortions:
                _curve(last, curves.evaluations, band, colour, dashes, label, curves.runs)
            _distortion_axis(last, [band for band, *_ in distortions])
            _label_ends(last, curves.evaluations, [(band, colour) for band, colour, *_ in distortions])
            last.set_ylabel("hidden distortion, l1\n(lower is better)")
            legend_above(last, columns=2)
        last.set_xlabel("evaluations")
        _evaluation_axis(last, curves.evaluations)
        draw_title(figure, lines)
        figure.align_ylabels(list(panels))
        above = 0.15 + (0.11 + TITLE_LINE * len(lines) if lines else 0) + (0.3 if curves.runs > 1 else 0)
        figure.subplots_adjust(left=0.135, right=0.885, bottom=0.56 / inches, top=1 - above / inches)
        _fit_margins(figure)
    return figure


def _curve(
    axes: Axes,
    evaluations: Numbers,
    band: Band,
    colour: str,
    dashes: object,
    label: str,
    runs: int,
    shade: str | None = None,
) -> None:
    """A median as steps, since a best-so-far value holds until it is beaten, with its quartiles behind it."""
    if runs > 1:
        axes.fill_between(
            evaluations,
            band.low,
            band.high,
            step="post",
            color=colour,
            alpha=0.2,
            linewidth=0,
            label=shade,
        )
    axes.plot(evaluations, band.median, drawstyle="steps-post", color=colour, linestyle=dashes, label=label)
    # The last step is as wide as a point, so a dot shows where it is.
    axes.plot(evaluations[-1:], band.median[-1:], "o", color=colour, markersize=5, clip_on=False)


def _fit_margins(figure: Figure) -> None:
    """Make room on both sides for what the axes' labels and the values at the curves' ends take."""
    boxes = [box for axes in figure.axes if (box := axes.get_tightbbox()) is not None]
    room, width = 0.1 * figure.dpi, figure.bbox.width
    left = (room - min(box.x0 for box in boxes)) / width
    right = (width - room - max(box.x1 for box in boxes)) / width
    figure.subplots_adjust(left=figure.subplotpars.left + left, right=figure.subplotpars.right + right)


def _evaluation_axis(axes: Axes, evaluations: Numbers) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set_xlim(0, max(float(evaluations[-1]), 1.0))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _distortion_axis(axes: Axes, bands: list[Band]) -> None:
    """Logarithmic where the values span several times; from 0 otherwise, so that a flat curve looks flat."""
    values = np.concatenate([values for band in bands for values in (band.median, band.low, band.high)])
    values = values[np.isfinite(values)]
    positive = values[values > 0]
    if not positive.size or positive.max() < _LOGARITHMIC_FROM * positive.min():
        axes.set_ylim(0, 1.1 * float(values.max(initial=0)) or 1)
        return
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log", nonpositive="clip")
    low, high = float(positive.min()), float(positive.max())
    # A distortion of exactly 0 has no place on this axis: its curve runs along the lower edge.
    axes.set_ylim(low / (3 if (values == 0).any() else 1.4), high * 1.4)
    decades = np.log10(high / low)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 2 else (1,), numticks=12))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _label_ends(axes: Axes, evaluations: Numbers, curves: list[tuple[Band, str]]) -> None:
    """The last value of each curve beside its end, in the margin; two that are close are moved apart."""
    ends = [(float(band.median[-1]), colour) for band, colour in curves if np.isfinite(band.median[-1])]
    low, high = axes.get_ylim()
    if axes.get_yscale() == "log":
        place = [(np.log(max(value, low)) - np.log(low)) / (np.log(high) - np.log(low)) for value, _ in ends]
    else:
        place = [(value - low) / (high - low) for value, _ in ends]
    order = np.argsort(place)
    # Two lines of this text need about a tenth of the panel's height.
    for lower, upper in pairwise(order):
        lacking = 0.1 - (place[upper] - place[lower])
        if lacking > 0:
            place[lower] -= lacking / 2
            place[upper] += lacking / 2
    shift = max(0.0, -min(place, default=0.0))
    for (value, colour), height in zip(ends, place, strict=True):
        axes.annotate(
            f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}",
            xy=(1.0, height + shift),
            xycoords="axes fraction",
            xytext=(7, 0),
            textcoords="offset points",
            color=colour,
            fontsize=9,
            fontweight="bold",
            va="center",
            annotation_clip=False,
        )

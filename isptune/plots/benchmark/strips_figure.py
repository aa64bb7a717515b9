"""The figure of final losses: every run of every objective, with median, interval and quartiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from isptune.plots.axes import distortion_axis, fit_margins
from isptune.plots.benchmark.compute import Spread, counted
from isptune.plots.benchmark.look import LOSS_LABEL, SMALL, Look, new_sheet, shortened
from isptune.plots.style import INK, legend_above, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# In inches: a row, the legend above and the axis below.
_ROW, _HEAD, _FOOT = 0.4, 0.3, 0.5

# In rows, from a row's middle: the summary above it, and below it the dots, apart by the golden ratio.
_SUMMARY, _DOTS, _SCATTER, _GOLDEN = -0.2, 0.18, 0.26, 0.6180339887


def draw_final_losses(
    losses: Sequence[Spread], looks: Mapping[str, Look], title: str | None = None
) -> Figure:
    """Draw the losses that runs ended with, a row per objective.

    Args:
        losses: from ``final_losses``, from the lowest median on.
        looks: of all objectives of the benchmark.
        title: a heading, if any.
    """
    count = len(losses)
    runs = counted([len(one.values) for one in losses], "run")
    missing = sum(one.summary.missing for one in losses)
    note = f"Normalised l1 of the best-scored candidate at the end of a run; {runs} per objective"
    note += f", {missing} more failed or are unfinished." if missing else "."
    with style():
        sheet = new_sheet(_HEAD + _ROW * count + _FOOT, title, note)
        axes = sheet.figure.subplots()
        sheet.margins(0.2, 0.9, _FOOT, _HEAD)
        for row, one in enumerate(losses):
            _strip(axes, row, one, looks[one.objective].colour)
        bounds = [(one.summary.median.low, one.summary.median.high) for one in losses]
        distortion_axis(axes, np.concatenate([*(one.values for one in losses), np.ravel(bounds)]), "x")
        axes.set_ylim(count - 0.5, -0.5)
        axes.set_yticks(range(count), [shortened(one.objective) for one in losses])
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"{LOSS_LABEL} at the end (lower is better)")
        _legend(axes)
        fit_margins(sheet.figure)
    return sheet.figure


def _strip(axes: Axes, row: int, one: Spread, colour: str) -> None:
    """A row: its runs, and above them what sums them up, whose median stands in the right margin."""
    summary, line = one.summary, row + _SUMMARY
    shifts = (np.arange(len(one.values)) * _GOLDEN % 1 - 0.5) * _SCATTER
    axes.plot(
        one.values, row + _DOTS + shifts, "o", color=colour, markersize=4, alpha=0.6, markeredgewidth=0,
        clip_on=False,
    )  # fmt: skip
    axes.plot(
        [summary.lower, summary.upper], [line, line], color=colour, linewidth=6, alpha=0.35,
        solid_capstyle="butt",
    )  # fmt: skip
    median = summary.median
    if np.isfinite(median.low):
        axes.plot([median.low, median.high], [line, line], color=INK, linewidth=1.2, solid_capstyle="butt")
    axes.plot([median.value], [line], "D", color=INK, markersize=4.5)
    axes.annotate(
        f"{median.value:.3g}",
        (1.0, line),
        (8, 0),
        xycoords=axes.get_yaxis_transform(),
        textcoords="offset points",
        fontsize=SMALL,
        va="center",
        annotation_clip=False,
    )


def _legend(axes: Axes) -> None:
    """In grey, for the rows have colours of their own."""
    grey = "#777777"
    axes.plot([], [], "o", color=grey, markersize=4, alpha=0.6, markeredgewidth=0, label="run")
    axes.plot([], [], "D-", color=INK, markersize=4.5, linewidth=1.2, label="median, 95% bootstrap interval")
    axes.plot([], [], color=grey, linewidth=6, alpha=0.35, solid_capstyle="butt", label="quartiles")
    legend_above(axes)

"""The figure of final losses: every run of every objective, with median, interval and quartiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from isptune.figures.axes import distortion_axis, fit_margins
from isptune.figures.look import LOSS_LABEL, SMALL, Look, new_sheet, shortened
from isptune.figures.of_benchmark import Spread, counted
from isptune.figures.style import INK, legend_above, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# In inches: a row, the legend above and the axis below.
_ROW, _HEAD, _FOOT = 0.4, 0.3, 0.5
# The name of an optimizer over its panel, where there are several.
_HEADING = 0.36

# In rows, from a row's middle: the summary above it, and below it the dots, apart by the golden ratio.
_SUMMARY, _DOTS, _SCATTER, _GOLDEN = -0.2, 0.18, 0.26, 0.6180339887


def draw_final_losses(
    losses: Mapping[str, Sequence[Spread]], looks: Mapping[str, Look], title: str | None = None
) -> Figure:
    """Draw what runs ended with: a panel per optimizer with a row per objective.

    Args:
        losses: from ``final_losses_by_optimizer``, from the lowest median on.
        looks: of all objectives of the benchmark.
        title: a heading, if any.
    """
    everyone = [one for panel in losses.values() for one in panel]
    runs = counted([len(one.values) for one in everyone], "run")
    missing = sum(one.summary.missing for one in everyone)
    several = len(losses) > 1
    note = f"Normalised l1 of the best-scored candidate at the end of a run; {runs} per objective"
    note += " and optimizer" if several else ""
    note += f", {missing} more failed or are unfinished." if missing else "."
    heading = _HEADING if several else 0.0
    rows = sum(len(panel) for panel in losses.values())
    body = _HEAD + _ROW * rows + heading * len(losses) + _FOOT
    with style():
        sheet = new_sheet(body, title, note)
        heights = [_ROW * len(panel) for panel in losses.values()]
        grid = {"height_ratios": heights, "hspace": heading * len(heights) / sum(heights)}
        panels = list(
            sheet.figure.subplots(len(losses), 1, sharex=True, squeeze=False, gridspec_kw=grid)[:, 0]
        )
        sheet.margins(0.2, 0.9, _FOOT, _HEAD + heading)
        for axes, (optimizer, panel) in zip(panels, losses.items(), strict=True):
            for row, one in enumerate(panel):
                _strip(axes, row, one, looks[one.objective].colour)
            axes.set_ylim(len(panel) - 0.5, -0.5)
            axes.set_yticks(range(len(panel)), [shortened(one.objective) for one in panel])
            axes.tick_params(axis="y", length=0)
            axes.grid(axis="y", visible=False)
            axes.spines["left"].set_visible(False)
            if several:
                axes.set_title(shortened(optimizer, 60), fontsize=10, pad=5)
        bounds = [(one.summary.median.low, one.summary.median.high) for one in everyone]
        distortion_axis(panels[0], np.concatenate([*(one.values for one in everyone), np.ravel(bounds)]), "x")
        panels[-1].set_xlabel(f"{LOSS_LABEL} at the end (lower is better)")
        _legend(panels[0], heading)
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


def _legend(axes: Axes, heading: float) -> None:
    """In grey, for the rows have colours of their own."""
    grey = "#777777"
    axes.plot([], [], "o", color=grey, markersize=4, alpha=0.6, markeredgewidth=0, label="run")
    axes.plot([], [], "D-", color=INK, markersize=4.5, linewidth=1.2, label="median, 95% bootstrap interval")
    axes.plot([], [], color=grey, linewidth=6, alpha=0.35, solid_capstyle="butt", label="quartiles")
    legend_above(axes)
    # Over the first optimizer's name.
    height = axes.bbox.height / axes.figure.dpi
    axes.get_legend().set_bbox_to_anchor((1.0, 1.0 + heading / height))  # type: ignore[union-attr]

"""The figure of recovered levels: where each stage's hidden distortion began and where it ended."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from isptune.figures.convergence import Numbers
from isptune.figures.levels import RecoveredLevels
from isptune.figures.style import (
    BLUE,
    FAINT,
    INK,
    ORANGE,
    TITLE_LINE,
    draw_title,
    legend_above,
    new_figure,
    style,
    title_lines,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAME_WIDTH = 22
_BARS, _COLUMN = 4.4, 0.82


def draw_recovered_levels(
    levels: RecoveredLevels, title: str | None = "Recovered distortion levels"
) -> Figure:
    """Draw each stage's hidden level before and after tuning, as a share of its highest; 0 is perfect.

    Args:
        levels: of one kind of run; of several runs the medians are shown.
        title: a heading, if any.

    Returns:
        A figure that ``save`` writes.
    """
    found = next(iter(levels.found.values()))
    start_share, found_share = levels.shares(levels.start).median, levels.shares(found).median
    count = len(levels.labels)
    names = [_wrapped(label) for label in levels.labels]
    with style():
        # In inches: the names, the bars and the table get the room that their texts need.
        row, foot = 0.26 + 0.17 * max(name.count("\n") + 1 for name in names), 0.6
        left = 0.3 + 0.085 * max(len(line) for name in names for line in name.split("\n"))
        right = 0.35 + 3 * _COLUMN + 0.08 * max(len(unit) for unit in levels.units)
        width = left + _BARS + right
        lines = title_lines(title, width)
        height = 0.5 + (0.1 + TITLE_LINE * len(lines) if lines else 0) + foot + row * (count + 0.4)
        figure = new_figure(width, height)
        axes = figure.add_axes((left / width, foot / height, _BARS / width, row * (count + 0.4) / height))
        places = range(count)
        axes.hlines(places, 0, 1, color=FAINT, linewidth=5, zorder=1, capstyle="round")
        axes.hlines(places, found_share, start_share, color=ORANGE, linewidth=2, zorder=2)
        axes.plot(
            start_share, places, "o", color="white", markeredgecolor=ORANGE, markeredgewidth=2,
            markersize=8, label="start", clip_on=False, zorder=3,
        )  # fmt: skip
        axes.plot(found_share, places, "o", color=BLUE, markersize=8, label="found", clip_on=False, zorder=4)
        axes.set_ylim(count - 0.3, -0.7)
        axes.set_xlim(0, max(1.0, float(start_share.max()), float(found_share.max())))
        axes.set_yticks(list(places), names)
        axes.tick_params(axis="y", length=0, pad=10)
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("hidden level / highest level (0 is undistorted)")
        legend_above(axes)
        _table(axes, levels.start.median, found.median, levels.maxima, levels.units)
        draw_title(figure, lines)
    return figure


def _wrapped(label: str) -> str:
    """A long stage name on several lines, broken at its underscores and hyphens, or anywhere at worst."""
    if len(label) <= _NAME_WIDTH:
        return label
    parts = label.replace("_", "_ ").replace("-", "- ")
    lines = textwrap.wrap(parts, _NAME_WIDTH, break_long_words=True)
    return "\n".join(line.replace("_ ", "_").replace("- ", "-") for line in lines)


def _table(axes: Axes, start: Numbers, found: Numbers, maxima: Numbers, units: Sequence[str]) -> None:
    """The levels themselves, in the stages' units, in three columns to the right of the bars."""
    from matplotlib.transforms import ScaledTranslation

    transform = axes.get_yaxis_transform()
    points = axes.figure.dpi_scale_trans
    for column, (heading, values, colour) in enumerate(
        (("start", start, INK), ("found", found, BLUE), ("highest", maxima, INK))
    ):
        place = transform + ScaledTranslation(_COLUMN * (column + 1.1), 0, points)
        axes.text(
            1.0, -0.78, heading, transform=place, ha="right", va="bottom", fontsize=9, color=colour,
            fontweight="bold",
        )  # fmt: skip
        for row, value in enumerate(values):
            text = _alike(value, float(maxima[row]))
            axes.text(1.0, row, text, transform=place, ha="right", va="center", color=colour)
    place = transform + ScaledTranslation(_COLUMN * 3.1 + 0.08, 0, points)
    for row, unit in enumerate(units):
        axes.text(1.0, row, unit, transform=place, ha="left", va="center", fontsize=9, color="#555555")


def _alike(value: float, most: float) -> str:
    """A level with as many decimals as all of its stage, so that they compare at a glance."""
    decimals = max(0, 3 - int(np.floor(np.log10(most)))) if most < 1000 else 0
    if 0 < value < 0.5 * 10.0**-decimals:
        return f"<{10.0**-decimals:.{decimals}f}"
    return f"{value:,.{decimals}f}"

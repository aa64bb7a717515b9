"""The figure of runs that differ: a line per kind of run, a panel per objective, hidden distortion below."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from isptune.errors import ConfigurationError
from isptune.figures.axes import (
    band_values,
    distortion_axis,
    evaluation_axis,
    fit_margins,
    score_axis,
    shares_of_height,
    spread,
)
from isptune.figures.convergence import Band, ConvergenceCurves
from isptune.figures.convergence_figure import draw_curve, number
from isptune.figures.look import SMALL, SMALL_LINE, Look, looks
from isptune.figures.style import TITLE_LINE, draw_title, new_figure, style, title_lines
from isptune.wording.words import NORMALISED_L1

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# In inches: a panel, what parts two, the axis below the last, and a line of the legend.
_PANEL, _GAP, _FOOT, _KEY = 2.3, 0.25, 0.56, 0.165
_WIDTH = 7.2


@dataclass(frozen=True)
class ComparedRuns:
    """Runs that are repetitions of one another.

    Attributes:
        objective: what scored them; those of one objective share a panel.
        label: what sets them apart from the others.
        curves: from ``convergence``.
    """

    objective: str
    label: str
    curves: ConvergenceCurves


def draw_comparison(groups: Sequence[ComparedRuns], title: str | None = None) -> Figure:
    """Draw best-so-far curves of runs of several kinds, each as long as its runs are.

    Each objective has a panel of its own, since scores of two have no common scale. Below, on the same axis
    of evaluations, stands the normalised l1 of the candidates with these scores, for those that know it.

    Args:
        groups: at least one; a median with a band between the quartiles for each that has several runs.
        title: a heading, if any.

    Returns:
        A figure that ``isptune.figures.save`` writes.

    Raises:
        ConfigurationError: no group.
    """
    if not groups:
        raise ConfigurationError("a comparison needs at least one run")
    panels: dict[str, list[int]] = {}
    for place, group in enumerate(groups):
        panels.setdefault(group.objective, []).append(place)
    names = [_name(group, len(panels) > 1) for group in groups]
    look = list(looks(names_apart(names)).values())
    known = [place for place, group in enumerate(groups) if group.curves.l1_normalised is not None]
    with style():
        lines = title_lines(title, _WIDTH)
        entries = [textwrap.fill(_entry(name, group), 92) for name, group in zip(names, groups, strict=True)]
        head = 0.24 + _KEY * sum(entry.count("\n") + 1 for entry in entries)
        above = head + (0.12 + TITLE_LINE * len(lines) if lines else 0)
        count = len(panels) + bool(known)
        height = above + count * _PANEL + (count - 1) * _GAP + _FOOT
        figure = new_figure(_WIDTH, height)
        drawn = figure.subplots(count, 1, sharex=True, squeeze=False, gridspec_kw={"hspace": _GAP / _PANEL})
        figure.subplots_adjust(left=0.135, right=0.86, bottom=_FOOT / height, top=1 - above / height)
        axes = list(drawn[:, 0])
        evaluation_axis(axes[-1], max(float(group.curves.evaluations[-1]) for group in groups))
        for one, (objective, members) in zip(axes, panels.items(), strict=False):
            _score_panel(one, objective, {place: groups[place].curves for place in members}, look)
        if known:
            bands = {place: groups[place].curves for place in known}
            _distortion_panel(axes[-1], bands, look)
        axes[-1].set_xlabel("evaluations")
        draw_title(figure, lines)
        _legend(figure, entries, look, (height - above + head - 0.1) / height)
        figure.align_ylabels(axes)
        fit_margins(figure)
    return figure


def names_apart(names: Sequence[str]) -> list[str]:
    """The names, each with its number behind it: two of one name keep looks of their own."""
    return [f"{name} {place}" for place, name in enumerate(names)]


def _name(group: ComparedRuns, several_objectives: bool) -> str:
    parts = [group.objective] if several_objectives or not group.label else []
    return ", ".join([*parts, *([group.label] if group.label else [])])


def _entry(name: str, group: ComparedRuns) -> str:
    runs = group.curves.runs
    return name if runs == 1 else f"{name} (median and quartiles of {runs} runs)"


def _score_panel(
    axes: Axes, objective: str, curves: Mapping[int, ConvergenceCurves], look: Sequence[Look]
) -> None:
    higher = next(iter(curves.values())).higher_is_better
    bands = {place: curve.score for place, curve in curves.items()}
    _draw(axes, curves, bands, look)
    score_axis(axes, band_values(bands.values()), higher)
    label = textwrap.fill(f"best {objective}", 30)
    axes.set_ylabel(f"{label}\n({'higher' if higher else 'lower'} is better)")
    _label_ends(axes, curves, bands, look)


def _distortion_panel(axes: Axes, curves: Mapping[int, ConvergenceCurves], look: Sequence[Look]) -> None:
    bands = {place: curve.l1_normalised for place, curve in curves.items() if curve.l1_normalised is not None}
    _draw(axes, curves, bands, look)
    distortion_axis(axes, band_values(bands.values()))
    axes.set_ylabel(f"{NORMALISED_L1}\n(lower is better)")
    _label_ends(axes, curves, bands, look)


def _draw(
    axes: Axes, curves: Mapping[int, ConvergenceCurves], bands: Mapping[int, Band], look: Sequence[Look]
) -> None:
    alpha = 0.18 if len(bands) <= 4 else 0.09
    for place, band in bands.items():
        curve = curves[place]
        one = look[place]
        draw_curve(axes, curve.evaluations, band, one.colour, one.dashes, "", curve.runs, alpha=alpha)


def _label_ends(
    axes: Axes, curves: Mapping[int, ConvergenceCurves], bands: Mapping[int, Band], look: Sequence[Look]
) -> None:
    """The last value of each curve beside its end; those that are close are moved apart."""
    from matplotlib.patheffects import Normal, Stroke

    last = max(axes.get_xlim())
    ends: dict[float, dict[int, float]] = {}
    for place, band in bands.items():
        if np.isfinite(band.median[-1]):
            ends.setdefault(float(curves[place].evaluations[-1]), {})[place] = float(band.median[-1])
    for end, values in ends.items():
        heights = shares_of_height(axes, list(values.values()))
        places = spread(heights, SMALL_LINE / _PANEL, 0.0, 1.0)
        for (place, value), height in zip(values.items(), places, strict=True):
            # A line that goes on to the margin would look like a curve that goes on.
            text = axes.annotate(
                number(value), (end, height), (7, 0), xycoords=axes.get_xaxis_transform(),
                textcoords="offset points", color=look[place].colour, fontsize=SMALL, va="center",
                fontweight="bold", annotation_clip=False, zorder=5,
            )  # fmt: skip
            if end < last:
                text.set_path_effects([Stroke(linewidth=2.5, foreground="white"), Normal()])


def _legend(figure: Figure, entries: Sequence[str], look: Sequence[Look], top: float) -> None:
    """One entry below another over the panels: what sets runs apart may be long."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=one.colour, linestyle=one.dashes, label=entry)
        for one, entry in zip(look, entries, strict=True)
    ]
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.16 / _WIDTH, top), borderaxespad=0.0,
        fontsize=SMALL + 0.5, handlelength=2.6, labelspacing=0.35,
    )  # fmt: skip

"""The figure of runs that differ: a line per kind of run, a panel per objective, hidden distortion below."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isptune.errors import ConfigurationError
from isptune.figures.axes import (
    band_values,
    distortion_axis,
    evaluation_axis,
    fit_margins,
    label_ends,
    score_axis,
)
from isptune.figures.convergence import Band, ConvergenceCurves
from isptune.figures.convergence_figure import draw_curve
from isptune.figures.look import SMALL, SMALL_LINE, Look, looks
from isptune.figures.style import TITLE_LINE, draw_title, new_figure, style, title_lines
from isptune.wording.words import NORMALISED_L1

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# In inches: a panel, what parts two, the axis below the last, and a line of the legend.
_PANEL, _GAP, _FOOT, _KEY = 2.3, 0.25, 0.56, 0.165
_WIDTH = 7.2


# What is drawn of a group in one panel.
_Line = tuple[ConvergenceCurves, Band, Look]


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
    several = len({group.objective for group in groups}) > 1
    names = [_name(group, several) for group in groups]
    # Two of one name keep looks of their own.
    look = list(looks([f"{name} {place}" for place, name in enumerate(names)]).values())
    panels: dict[str, list[_Line]] = {}
    known: list[_Line] = []
    for group, one in zip(groups, look, strict=True):
        panels.setdefault(group.objective, []).append((group.curves, group.curves.score, one))
        if group.curves.l1_normalised is not None:
            known.append((group.curves, group.curves.l1_normalised, one))
    with style():
        heading = title_lines(title, _WIDTH)
        entries = [textwrap.fill(_entry(name, group), 92) for name, group in zip(names, groups, strict=True)]
        head = 0.24 + _KEY * sum(entry.count("\n") + 1 for entry in entries)
        above = head + (0.12 + TITLE_LINE * len(heading) if heading else 0)
        count = len(panels) + bool(known)
        height = above + count * _PANEL + (count - 1) * _GAP + _FOOT
        figure = new_figure(_WIDTH, height)
        drawn = figure.subplots(count, 1, sharex=True, squeeze=False, gridspec_kw={"hspace": _GAP / _PANEL})
        figure.subplots_adjust(left=0.135, right=0.86, bottom=_FOOT / height, top=1 - above / height)
        axes = list(drawn[:, 0])
        evaluation_axis(axes[-1], max(float(group.curves.evaluations[-1]) for group in groups))
        for one, (objective, lines) in zip(axes, panels.items(), strict=False):
            _score_panel(one, objective, lines)
        if known:
            _distortion_panel(axes[-1], known)
        axes[-1].set_xlabel("evaluations")
        draw_title(figure, heading)
        _legend(figure, entries, look, (height - above + head - 0.1) / height)
        figure.align_ylabels(axes)
        fit_margins(figure)
    return figure


def _name(group: ComparedRuns, several_objectives: bool) -> str:
    parts = [group.objective] if several_objectives or not group.label else []
    return ", ".join([*parts, *([group.label] if group.label else [])])


def _entry(name: str, group: ComparedRuns) -> str:
    runs = group.curves.runs
    return name if runs == 1 else f"{name} (median and quartiles of {runs} runs)"


def _score_panel(axes: Axes, objective: str, lines: Sequence[_Line]) -> None:
    higher = lines[0][0].higher_is_better
    _draw(axes, lines)
    score_axis(axes, band_values(band for _, band, _ in lines), higher)
    label = textwrap.fill(f"best {objective}", 30)
    axes.set_ylabel(f"{label}\n({'higher' if higher else 'lower'} is better)")
    _label_ends(axes, lines)


def _distortion_panel(axes: Axes, lines: Sequence[_Line]) -> None:
    _draw(axes, lines)
    distortion_axis(axes, band_values(band for _, band, _ in lines))
    axes.set_ylabel(f"{NORMALISED_L1}\n(lower is better)")
    _label_ends(axes, lines)


def _draw(axes: Axes, lines: Sequence[_Line]) -> None:
    alpha = 0.18 if len(lines) <= 4 else 0.09
    for curve, band, look in lines:
        draw_curve(axes, curve.evaluations, band, look.colour, look.dashes, "", curve.runs, alpha=alpha)


def _label_ends(axes: Axes, lines: Sequence[_Line]) -> None:
    ends = [
        (float(curve.evaluations[-1]), float(band.median[-1]), look.colour) for curve, band, look in lines
    ]
    label_ends(axes, ends, SMALL_LINE / _PANEL, SMALL)


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

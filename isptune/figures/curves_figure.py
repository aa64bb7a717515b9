"""Figures of curves with one panel per optimizer: convergence, targets reached, performance profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from isptune.benchmark.targets import Profiles, StepCurve
from isptune.figures.axes import (
    band_values,
    distortion_axis,
    evaluation_axis,
    fit_margins,
    shares_of_height,
    spread,
)
from isptune.figures.convergence import ConvergenceCurves
from isptune.figures.convergence_figure import draw_curve
from isptune.figures.look import (
    LOSS_LABEL,
    SMALL_LINE,
    Look,
    Sheet,
    margin_label,
    new_sheet,
    shortened,
)
from isptune.figures.of_benchmark import ByOptimizer, counted
from isptune.figures.style import style
from isptune.wording.naming import listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# In inches: one panel alone, one of several, its heading, and the axis below the last.
_ALONE, _ONE_OF_SEVERAL, _HEADING, _FOOT = 3.5, 2.1, 0.34, 0.55

# Bands of more curves than this are fainter.
_FEW = 4


def draw_loss_curves(
    curves: ByOptimizer[ConvergenceCurves], looks: Mapping[str, Look], title: str | None = None
) -> Figure:
    """Draw the normalised l1 of the best-scored candidate so far: medians as lines, quartiles as bands.

    Args:
        curves: from ``loss_curves``.
        looks: of all objectives of the benchmark.
        title: a heading, if any.
    """
    everyone = [curve for panel in curves.values() for curve in panel.values()]
    bands = [curve.l1_normalised for curve in everyone if curve.l1_normalised is not None]
    runs = counted([curve.runs for curve in everyone], "run")
    note = f"Normalised l1 of the best-scored candidate so far; {runs} per objective"
    note += " and optimizer." if len(curves) > 1 else "."
    if max(curve.runs for curve in everyone) > 1:
        note += " Lines are medians, bands reach from the first to the third quartile."
    with style():
        sheet, panels = _panels(curves, title, note)
        for axes, panel in zip(panels, curves.values(), strict=True):
            for name, curve in panel.items():
                band, look = curve.l1_normalised, looks[name]
                assert band is not None
                alpha = 0.18 if len(panel) <= _FEW else 0.09
                draw_curve(
                    axes, curve.evaluations, band, look.colour, look.dashes, name, curve.runs, alpha=alpha
                )
            distortion_axis(axes, band_values(bands))
            axes.set_ylabel(LOSS_LABEL)
            ends = {
                name: float(curve.l1_normalised.median[-1])
                for name, curve in panel.items()
                if curve.l1_normalised is not None
            }
            _label_ends(axes, ends, looks, ".3g")
        evaluation_axis(panels[-1], max(float(curve.evaluations[-1]) for curve in everyone))
        panels[-1].set_xlabel("evaluations")
        fit_margins(sheet.figure)
    return sheet.figure


def draw_targets_reached(
    curves: ByOptimizer[StepCurve],
    looks: Mapping[str, Look],
    targets: Sequence[float],
    title: str | None = None,
) -> Figure:
    """Draw the empirical distribution of evaluations to targets.

    Args:
        curves: from ``targets_reached``.
        looks: of all objectives of the benchmark.
        targets: that were aimed at.
        title: a heading, if any.
    """
    last = max(float(curve.x[-1]) for panel in curves.values() for curve in panel.values())
    note = (
        f"Empirical distribution of the evaluations until the best-scored candidate's {LOSS_LABEL} is at or "
        f"below a target ({_shown(targets)})."
    )
    with style():
        sheet, panels = _panels(curves, title, note)
        for axes, panel in zip(panels, curves.values(), strict=True):
            _steps(axes, panel, looks, {name: float(curve.x[-1]) for name, curve in panel.items()})
            axes.set_ylabel("share of (run, target) pairs")
        evaluation_axis(panels[-1], last, log=True)
        panels[-1].set_xlabel("evaluations")
        fit_margins(sheet.figure)
    return sheet.figure


def draw_profiles(
    profiles: Profiles, looks: Mapping[str, Look], targets: Sequence[float], title: str | None = None
) -> Figure:
    """Draw performance profiles.

    Args:
        profiles: from ``isptune.benchmark.targets.performance_profiles``.
        looks: of all objectives of the benchmark.
        targets: that were aimed at.
        title: a heading, if any.
    """
    # A little further than the last step, so that it is seen.
    last = max(2.0, *(1.1 * float(curve.x[-1]) for curve in profiles.curves.values()))
    note = (
        f"Performance profiles over {profiles.problems} problems, each a cell of the grid and a target of "
        f"the {LOSS_LABEL} ({_shown(targets)})"
    )
    left_out = (
        f"; {profiles.left_out} that not all objectives finished are left out" if profiles.left_out else ""
    )
    with style():
        sheet, (axes,) = _panels({"": profiles.curves}, title, f"{note}{left_out}.")
        _steps(axes, profiles.curves, looks, dict.fromkeys(profiles.curves, last))
        axes.set_ylabel("share of problems")
        evaluation_axis(axes, last, log=True)
        axes.set_xlabel("performance ratio τ (evaluations / fewest of any objective)")
        fit_margins(sheet.figure)
    return sheet.figure


def _shown(targets: Sequence[float]) -> str:
    return listed(f"{target:g}" for target in targets)


def _panels(
    curves: Mapping[str, Mapping[str, object]], title: str | None, note: str
) -> tuple[Sheet, list[Axes]]:
    """Panels below one another, each as high as the labels of its curves need, under its optimizer's name."""
    several = len(curves) > 1
    labels = SMALL_LINE * (max(len(panel) for panel in curves.values()) + 1)
    height = max(_ONE_OF_SEVERAL if several else _ALONE, labels)
    heading = _HEADING if several else 0.08
    sheet = new_sheet(len(curves) * (height + heading) + _FOOT, title, note)
    panels = sheet.figure.subplots(
        len(curves), 1, sharex=True, squeeze=False, gridspec_kw={"hspace": heading / height}
    )[:, 0]
    sheet.margins(0.12, 0.8, _FOOT, heading)
    if several:
        for axes, optimizer in zip(panels, curves, strict=True):
            axes.set_title(shortened(optimizer, 60), fontsize=10, pad=5)
    return sheet, list(panels)


def _steps(
    axes: Axes, curves: Mapping[str, StepCurve], looks: Mapping[str, Look], ends: Mapping[str, float]
) -> None:
    """Shares as steps from 1 to each curve's end."""
    for name, curve in curves.items():
        x = np.union1d(curve.x, [1.0, ends[name]])
        look = looks[name]
        axes.plot(
            x, curve.at(x), drawstyle="steps-post", color=look.colour, linestyle=look.dashes, label=name,
            clip_on=False,
        )  # fmt: skip
    axes.set_ylim(0, 1)
    _label_ends(axes, {name: float(curve.at(ends[name])) for name, curve in curves.items()}, looks, ".2f")


def _label_ends(axes: Axes, values: Mapping[str, float], looks: Mapping[str, Look], digits: str) -> None:
    """Name and last value of each curve in the right margin, from the highest to the lowest."""
    known = {name: value for name, value in values.items() if np.isfinite(value)}
    heights = shares_of_height(axes, list(known.values()))
    inches = axes.bbox.height / axes.figure.dpi
    places = spread(heights, SMALL_LINE / inches, 0.0, 1.0)
    for (name, value), height, place in zip(known.items(), heights, places, strict=True):
        text = f"{shortened(name)}  {value:{digits}}"
        margin_label(axes, text, looks[name], (1.0, height), "axes fraction", place)

"""The figure of agreement: final loss of every objective against how its scores agree with the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from isptune.figures.axes import distortion_axis, fit_margins, shares_of_height, spread
from isptune.figures.look import (
    LOSS_LABEL,
    SMALL_LINE,
    Look,
    margin_label,
    new_sheet,
    shortened,
)
from isptune.figures.of_benchmark import LossAndAgreement, counted
from isptune.figures.style import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# In inches: the least height of the plane, and what stands above and below it.
_HEIGHT, _HEAD, _FOOT = 3.5, 0.08, 0.55


def draw_agreements(
    found: Sequence[LossAndAgreement], looks: Mapping[str, Look], title: str | None = None
) -> Figure:
    """Draw a point per objective, its medians, with whiskers between the quartiles both ways.

    Args:
        found: from ``losses_and_agreements``.
        looks: of all objectives of the benchmark.
        title: a heading, if any.
    """
    runs = counted([len(one.loss.values) for one in found], "run")
    note = (
        f"Medians with whiskers between the quartiles, {runs} per objective. SRCC is Spearman's rank "
        "correlation of the scores and minus the normalised l1 of all candidates that a run evaluated: 1 "
        "where the objective orders them as the truth does."
    )
    with style():
        height = max(_HEIGHT, SMALL_LINE * (len(found) + 1))
        sheet = new_sheet(_HEAD + height + _FOOT, title, note)
        axes = sheet.figure.subplots()
        sheet.margins(0.12, 0.8, _FOOT, _HEAD)
        losses = [one.loss.summary for one in found]
        rates = [one.agreement.summary for one in found]
        reach = np.array([[one.lower, one.median.value, one.upper] for one in losses])
        distortion_axis(axes, reach.ravel())
        axes.set_xlim(min(-0.05, *(one.lower - 0.08 for one in rates)), 1.04)
        for one, loss, rate in zip(found, losses, rates, strict=True):
            look = looks[one.loss.objective]
            x, y = rate.median.value, loss.median.value
            axes.plot([rate.lower, rate.upper], [y, y], color=look.colour, linewidth=1.8, alpha=0.6)
            axes.plot([x, x], [loss.lower, loss.upper], color=look.colour, linewidth=1.8, alpha=0.6)
            axes.plot(
                [x], [y], look.marker, color=look.colour, markersize=7, markeredgecolor="white", zorder=3
            )
        places = spread(shares_of_height(axes, reach[:, 1]), SMALL_LINE / height, 0.0, 1.0)
        for one, loss, rate, place in zip(found, losses, rates, places, strict=True):
            name = one.loss.objective
            start = (rate.median.value, loss.median.value)
            margin_label(axes, shortened(name), looks[name], start, "data", place, dashes=":")
        axes.set_xlabel("rank agreement of score and hidden truth (SRCC)")
        axes.set_ylabel(f"final {LOSS_LABEL}")
        fit_margins(sheet.figure)
    return sheet.figure

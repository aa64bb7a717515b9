"""The scatter plot: scores against MOS, with the logistic between them."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from isptune.errors import UnknownNameError
from isptune.figures.style import BLUE, INK, ORANGE, TITLE_LINE, draw_title, new_figure, style, title_lines
from isptune.iqa.evaluation.correlations import Numbers
from isptune.iqa.evaluation.findings import Agreement, Evaluation
from isptune.iqa.evaluation.resampling import Estimate
from isptune.wording.naming import did_you_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT = 6.0, 4.8
_LABEL_LINE = 0.17


@dataclass(frozen=True)
class ScatterPoints:
    """What a scatter plot shows.

    Attributes:
        agreement: the objective, the split, and the correlations.
        dataset: its name.
        scores, mos: (N,) finite, the scores in the objective's own orientation.
        higher_is_better: that orientation.
        curve: (2, M) scores and mapped scores along the logistic, or None where there is no fit.
    """

    agreement: Agreement
    dataset: str
    scores: Numbers
    mos: Numbers
    higher_is_better: bool
    curve: Numbers | None


def scatter_points(evaluation: Evaluation, objective: str, split: str | None = None) -> ScatterPoints:
    """The points of one objective on one split, the first by default.

    Raises:
        UnknownNameError: no such objective or split.
    """
    label = next(iter(evaluation.parts)) if split is None else split
    found = {(one.objective, one.split): one for one in evaluation.agreements}
    if (objective, label) not in found:
        known = [one.name for one in evaluation.scores]
        raise UnknownNameError(
            f"'{objective}' was not evaluated on '{label}'" + did_you_mean(objective, known)
        )
    one = found[objective, label]
    scores = next(scores for scores in evaluation.scores if scores.name == objective)
    indices = [index for index in evaluation.parts[label] if np.isfinite(scores.values[index])]
    values, mos = scores.values[indices], evaluation.dataset.mos.numpy()[indices]
    curve = None
    if one.logistic.converged:
        along = np.linspace(values.min(), values.max(), 200)
        turned = along if scores.higher_is_better == evaluation.dataset.higher_is_better else -along
        curve = np.stack([along, one.logistic(turned)])
    return ScatterPoints(one, evaluation.dataset.name, values, mos, scores.higher_is_better, curve)


def draw_scatter(points: ScatterPoints, title: str | None = None) -> Figure:
    """Draw scores against MOS.

    Args:
        points: from ``scatter_points``.
        title: a heading; by default the dataset's name, the split and the number of images.

    Returns:
        A figure that ``isptune.figures.save`` writes.
    """
    split = points.agreement.split
    where = "" if split == "all" else f", {split}"
    heading = title or f"{points.dataset}{where} ({len(points.scores):,} images)"
    with style():
        lines = title_lines(heading, _WIDTH)
        direction = "higher" if points.higher_is_better else "lower"
        label = textwrap.wrap(f"{points.agreement.objective} ({direction} is better)", 60)
        height = _HEIGHT + TITLE_LINE * (len(lines) - 1) + _LABEL_LINE * (len(label) - 1)
        figure = new_figure(_WIDTH, height)
        bottom = (0.62 + _LABEL_LINE * (len(label) - 1)) / height
        top = 1 - (0.76 + TITLE_LINE * (len(lines) - 1)) / height
        axes = figure.add_axes((0.72 / _WIDTH, bottom, 1 - 0.95 / _WIDTH, top - bottom))
        count = len(points.scores)
        # Few points stand out one by one; thousands show where they are dense.
        axes.scatter(
            points.scores,
            points.mos,
            s=float(np.clip(3000 / count, 5, 28)),
            color=BLUE,
            alpha=float(np.clip(35 / np.sqrt(count), 0.15, 0.75)) if count > 100 else 0.75,
            linewidths=0,
            rasterized=count > 2000,
        )
        if points.curve is not None:
            axes.plot(*points.curve, color=ORANGE, linewidth=2.2, label="4-parameter logistic")
        axes.margins(0.04)
        axes.set_xlabel("\n".join(label))
        axes.set_ylabel("MOS")
        _numbers(axes, points)
        draw_title(figure, lines)
    return figure


def _numbers(axes: Axes, points: ScatterPoints) -> None:
    """The correlations above the left corner, the curve's name above the right one, clear of all points."""
    parts = [("srcc", "SRCC"), ("plcc", "PLCC")]
    parts += [("plcc_logistic", "after logistic")] if points.curve is not None else []
    estimates = points.agreement.estimates
    _above(axes, "left", INK, "   ".join(f"{head} {_value(estimates[name])}" for name, head in parts), "bold")
    if points.curve is not None:
        _above(axes, "right", ORANGE, "4-parameter logistic", "normal")


def _above(axes: Axes, side: str, colour: str, text: str, weight: str) -> None:
    axes.annotate(
        text, (float(side == "right"), 1), (0, 6), xycoords="axes fraction", textcoords="offset points",
        ha=side, va="bottom", color=colour, fontsize=9, fontweight=weight,
    )  # fmt: skip


def _value(estimate: Estimate) -> str:
    return f"{estimate.value:.3f}" if np.isfinite(estimate.value) else "none"

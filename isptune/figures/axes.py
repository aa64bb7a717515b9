"""Axes that several figures share, and room for the labels beside them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from isptune.figures.convergence import Band, Numbers
from isptune.figures.style import readable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# Distortions that differ by this factor or more are drawn on a logarithmic axis.
_LOGARITHMIC_FROM = 4.0
# The same for scores: those that fall while they get better, and those that rise.
_FALLING_LOGARITHMIC_FROM, _RISING_LOGARITHMIC_FROM = 10.0, 100.0


def evaluation_axis(axes: Axes, last: float, log: bool = False) -> None:
    """Evaluations along x: from 0 to the last, or from 1 in the logarithm."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

    if log:
        axes.set_xscale("log")
        axes.set_xlim(1, max(last, 2.0))
        _logarithmic_ticks(axes.xaxis, *axes.get_xlim())
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_xlim(0, max(last, 1.0))
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def band_values(bands: Iterable[Band]) -> Numbers:
    """All numbers of some bands in one row."""
    return np.concatenate([values for band in bands for values in (band.median, band.low, band.high)])


def distortion_axis(axes: Axes, values: Numbers, along: str = "y") -> None:
    """Logarithmic where the values span several times; from 0 otherwise, so that a flat curve looks flat.

    Args:
        axes: to be set.
        values: (N,) hidden distortions that are shown; those that are not finite do not count.
        along: ``"x"`` or ``"y"``.
    """
    values = values[np.isfinite(values)]
    positive = values[values > 0]
    if not positive.size or positive.max() < _LOGARITHMIC_FROM * positive.min():
        axes.set(**{f"{along}lim": (0, 1.1 * float(values.max(initial=0)) or 1)})
        return
    _logarithmic_axis(axes, positive, bool((values == 0).any()), along)


def score_axis(axes: Axes, values: Numbers, higher_is_better: bool) -> None:
    """Scores along y: logarithmic where all are positive and span orders of magnitude, linear otherwise.

    A score that falls towards 0 shows what it still gains only in the logarithm, from one order on. One that
    rises does so on a linear scale, too, and is often a logarithm itself (decibels): it needs two.

    Args:
        axes: to be set, with the curves in it.
        values: (N,) scores that are shown; those that are not finite do not count.
        higher_is_better: the orientation of the scores.
    """
    values = values[np.isfinite(values)]
    factor = _RISING_LOGARITHMIC_FROM if higher_is_better else _FALLING_LOGARITHMIC_FROM
    if values.size and values.min() > 0 and values.max() >= factor * values.min():
        _logarithmic_axis(axes, values, False, "y")


def _logarithmic_axis(axes: Axes, positive: Numbers, zero: bool, along: str) -> None:
    """A logarithmic axis that holds positive values and, on its lower edge, zeros."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis: Axis = getattr(axes, f"{along}axis")
    # A value of exactly 0 has no place on this axis: its curve runs along the lower edge.
    getattr(axes, f"set_{along}scale")("log", nonpositive="clip")
    low, high = float(positive.min()), float(positive.max())
    axes.set(**{f"{along}lim": (low / (3 if zero else 1.4), high * 1.4)})
    _logarithmic_ticks(axis, low, high)
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _logarithmic_ticks(axis: Axis, low: float, high: float) -> None:
    from matplotlib.ticker import LogLocator

    decades = np.log10(high / low)
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 2.5 else (1,), numticks=12))


def shares_of_height(axes: Axes, values: ArrayLike) -> Numbers:
    """(N,) where values lie on the y axis: 0 at its lower and 1 at its upper limit, held in between."""
    low, high = axes.get_ylim()
    clipped = np.clip(np.asarray(values, dtype=np.float64), min(low, high), max(low, high))
    if axes.get_yscale() == "log":
        clipped, low, high = np.log(clipped), float(np.log(low)), float(np.log(high))
    return (clipped - low) / (high - low)


def spread(places: ArrayLike, gap: float, low: float, high: float) -> Numbers:
    """Move places apart by as little as possible, in least squares, until neighbours have a gap.

    Args:
        places: (N,) in any order, which is kept.
        gap: the least distance of two.
        low, high: limits; where N - 1 gaps do not fit between them, ``high`` is passed.

    Returns:
        (N,) places.
    """
    wanted = np.asarray(places, dtype=np.float64)
    order = np.argsort(wanted, kind="stable")
    steps = gap * np.arange(len(wanted))
    # Without the gaps, the places must not fall: blocks that would are put at their mean.
    blocks: list[tuple[float, int]] = []
    for place in (wanted[order] - steps).tolist():
        mean, size = place, 1
        while blocks and blocks[-1][0] >= mean:
            before, count = blocks.pop()
            mean, size = (before * count + mean * size) / (count + size), count + size
        blocks.append((mean, size))
    level = np.array([mean for mean, size in blocks for _ in range(size)], dtype=np.float64)
    free = max(low, high - gap * (len(wanted) - 1))
    moved = np.empty_like(wanted)
    moved[order] = np.clip(level, low, free) + steps
    return moved


def label_ends(axes: Axes, ends: Iterable[tuple[float, float, str]], gap: float, size: float = 9.0) -> None:
    """Write the last value of each curve beside its end; those that are close are moved apart.

    Args:
        axes: with its limits as they stay.
        ends: where a curve ends along x, its last value and its colour.
        gap: the least distance of two texts, as a share of the axes' height.
        size: of the texts, in points.
    """
    from matplotlib.patheffects import Normal, Stroke

    last = max(axes.get_xlim())
    places: dict[float, list[tuple[float, str]]] = {}
    for end, value, colour in ends:
        if np.isfinite(value):
            places.setdefault(end, []).append((value, colour))
    for end, curves in places.items():
        heights = spread(shares_of_height(axes, [value for value, _ in curves]), gap, 0.0, 1.0)
        for (value, colour), height in zip(curves, heights, strict=True):
            text = axes.annotate(
                number(value), (end, height), (7, 0), xycoords=axes.get_xaxis_transform(),
                textcoords="offset points", color=colour, fontsize=size, va="center", fontweight="bold",
                annotation_clip=False, zorder=5,
            )  # fmt: skip
            # A line that goes on to the margin would look like a curve that goes on.
            if end < last:
                text.set_path_effects([Stroke(linewidth=2.5, foreground="white"), Normal()])


def number(value: float) -> str:
    """A value beside the end of its curve."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def fit_margins(figure: Figure) -> None:
    """Make room on both sides for what the axes' labels and the values at the curves' ends take."""
    readable(figure)
    boxes = [box for axes in figure.axes if (box := axes.get_tightbbox()) is not None]
    room, width = 0.1 * figure.dpi, figure.bbox.width
    left = (room - min(box.x0 for box in boxes)) / width
    right = (width - room - max(box.x1 for box in boxes)) / width
    figure.subplots_adjust(left=figure.subplotpars.left + left, right=figure.subplotpars.right + right)

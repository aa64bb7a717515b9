"""The figure of a Pareto front: a plane for two objectives, parallel axes for more."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from isptune.errors import ConfigurationError
from isptune.figures.front import ParetoPoints
from isptune.figures.style import (
    BLUE,
    INK,
    TITLE_LINE,
    VERMILION,
    draw_title,
    new_figure,
    style,
    title_lines,
)
from isptune.wording.words import NORMALISED_L1

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PALETTE = "viridis"
_OTHERS = "#BBBBBB"
_ANSWER = "best compromise"
_TALL = 3.0


def draw_pareto(points: ParetoPoints, title: str | None = "Pareto front") -> Figure:
    """Draw the candidates that no other beats in every objective, and mark the best compromise.

    Two objectives span a plane, with the dominated candidates near the front behind it. More are parallel
    axes from the worst (bottom) to the best score (top) of the front, one line per candidate. Where the
    hidden distortion is known it is the colour: the darker, the less.

    Args:
        points: at least one on the front.
        title: a heading, if any.

    Returns:
        A figure that ``save`` writes.

    Raises:
        ConfigurationError: fewer than two objectives, or nothing on the front.
    """
    if len(points.labels) < 2 or not len(points.front):
        raise ConfigurationError(
            "a Pareto plot needs two objectives and a candidate, "
            f"got {len(points.labels)} and {len(points.front)}"
        )
    with style():
        return _plane(points, title) if len(points.labels) == 2 else _parallel(points, title)


def _plane(points: ParetoPoints, title: str | None) -> Figure:
    width, height = 6.8, 5.2
    lines = title_lines(title, width)
    figure = new_figure(width, height)
    above = 0.48 + (0.08 + TITLE_LINE * len(lines) if lines else 0)
    right = 0.94 if points.l1_normalised is None else 0.83
    axes = figure.add_axes((0.14, 0.12, right - 0.14, 1 - above / height - 0.12))
    low, high = points.window()
    axes.set_xlim(low[0], high[0])
    axes.set_ylim(low[1], high[1])
    axes.plot(
        *points.others.T, "o", color=_OTHERS, markersize=3.5, alpha=0.6, markeredgewidth=0, label="dominated"
    )
    axes.plot(*points.stairs().T, color=INK, linewidth=1.0, zorder=2)
    # Plotting calls take the numbers under another name than collections do.
    colours = _colours(points)
    if "array" in colours:
        colours["c"] = colours.pop("array")
    x, y = points.front.T
    axes.scatter(
        x, y, s=34, zorder=3, edgecolors="white", linewidths=0.6, label=f"front ({len(x)})", **colours
    )
    axes.scatter(
        x[:1], y[:1], s=150, facecolors="none", edgecolors=VERMILION, linewidths=2.2, zorder=4, label=_ANSWER
    )
    names = [
        f"{textwrap.fill(label, 40)} ({'higher' if higher else 'lower'} is better)"
        for label, higher in zip(points.labels, points.orientations, strict=True)
    ]
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    _legend(axes)
    if points.l1_normalised is not None:
        _colour_bar(figure, points, (right + 0.03, 0.12, 0.025, axes.get_position().height))
    draw_title(figure, lines)
    return figure


def _parallel(points: ParetoPoints, title: str | None) -> Figure:
    from matplotlib.collections import LineCollection

    count, shares = len(points.labels), points.shares
    names = [textwrap.fill(label.replace(":", ": "), 14, break_long_words=False) for label in points.labels]
    below = 0.75 + 0.17 * max(name.count("\n") + 1 for name in names)
    # In inches: the axes stand at least as far apart as their names are wide.
    left, right = 0.65, 0.65 if points.l1_normalised is None else 1.25
    across = max(4.2, 1.12 * (count - 1))
    width = left + across + right
    lines = title_lines(title, width)
    height = below + _TALL + 0.55 + (0.08 + TITLE_LINE * len(lines) if lines else 0)
    figure = new_figure(width, height)
    axes = figure.add_axes((left / width, below / height, across / width, _TALL / height))
    # All but the best compromise; those of little distortion last, over the others.
    order = np.arange(1, len(shares))
    if points.l1_normalised is not None:
        order = order[np.argsort(-points.l1_normalised[1:], kind="stable")]
    segments = [np.stack([np.arange(count), shares[index]], axis=1) for index in order]
    alpha = min(0.9, 0.3 + 10 / len(shares))
    if segments:
        others = LineCollection(segments, linewidths=1.1, alpha=alpha, zorder=2, **_colours(points, order))
        axes.add_collection(others)
    axes.plot(
        [], [], color=_OTHERS if points.l1_normalised is not None else BLUE, label=f"front ({len(shares)})"
    )
    axes.plot(
        range(count), shares[0], "o-", color=VERMILION, linewidth=2.4, markersize=6, zorder=4, clip_on=False,
        label=_ANSWER,
    )  # fmt: skip
    axes.vlines(range(count), 0, 1, color="#888888", linewidth=1.2, zorder=3, clip_on=False)
    axes.set_xlim(0, count - 1)
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.set_xticks([])
    axes.grid(False)
    for side in axes.spines.values():
        side.set_visible(False)
    for place, (name, worst, best, higher) in enumerate(
        zip(names, *points.ends.tolist(), points.orientations, strict=True)
    ):
        _write(axes, place, 1.0, 5, f"{best:.3g}", "bottom")
        _write(axes, place, 0.0, -5, f"{worst:.3g}", "top")
        _write(axes, place, 0.0, -22, f"{name}\n({'higher' if higher else 'lower'} is\nbetter)", "top")
    _legend(axes, 0.22 / _TALL)
    if points.l1_normalised is not None:
        _colour_bar(figure, points, (1 - 0.9 / width, below / height, 0.16 / width, _TALL / height))
    draw_title(figure, lines)
    return figure


def _write(axes: Axes, place: float, share: float, shift: float, text: str, side: str) -> None:
    """A text over or under the end of a parallel axis."""
    axes.annotate(
        text, (place, share), (0, shift), textcoords="offset points", ha="center", va=side, fontsize=9,
        annotation_clip=False,
    )  # fmt: skip


def _legend(axes: Axes, shift: float = 0.0) -> None:
    """Over the axes' top edge, where it covers no data."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0 + shift), ncols=3, borderaxespad=0.2, handletextpad=0.5,
        columnspacing=1.4,
    )  # fmt: skip


def _colours(points: ParetoPoints, order: Any = slice(None)) -> dict[str, Any]:
    """How the points of the front are coloured, in an order, for a collection."""
    if points.l1_normalised is None:
        return {"color": BLUE}
    return {"array": points.l1_normalised[order], "cmap": _PALETTE, "norm": _scale(points)}


def _scale(points: ParetoPoints) -> Any:
    from matplotlib.colors import Normalize

    assert points.l1_normalised is not None
    low, high = float(points.l1_normalised.min()), float(points.l1_normalised.max())
    # A front of one distortion gets a scale all the same.
    return Normalize(low, high if high > low else low + max(abs(low), 1e-3))


def _colour_bar(figure: Figure, points: ParetoPoints, place: tuple[float, float, float, float]) -> None:
    from matplotlib.cm import ScalarMappable

    bar = figure.colorbar(ScalarMappable(_scale(points), _PALETTE), cax=figure.add_axes(place))
    bar.outline.set_visible(False)
    bar.set_label(f"{NORMALISED_L1} (lower is better)")

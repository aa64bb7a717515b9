"""The figure of maps: a row for each label and scene, the start beside what was found, and the colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from isptune.errors import ConfigurationError
from isptune.figures.maps import WorstMap
from isptune.figures.pixels import Pixels
from isptune.figures.style import DOTS_PER_INCH, TITLE_LINE, draw_title, new_figure, style, title_lines

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Pixels of the figure.
_WIDE, _TALLEST, _GAP, _MARGIN, _LINE = 460, 420, 14, 24, 30
_BAR, _BAR_HIGH, _NUMBERS = 220, 14, 84


def draw_maps(maps: Sequence[WorstMap], title: str | None = None) -> Figure:
    """Draw where an objective saw most at the start, and what it sees there as found.

    Args:
        maps: from ``worst_maps``.
        title: a heading for the whole figure, if any.

    Raises:
        ConfigurationError: there are none.
    """
    if not maps:
        raise ConfigurationError("a figure of maps needs at least one map")
    columns = max(len(one.cells) for one in maps)
    width = 2 * _MARGIN + columns * _WIDE + (columns - 1) * _GAP
    lines = title_lines(title, width / DOTS_PER_INCH)
    top = _MARGIN + (16 + round(TITLE_LINE * DOTS_PER_INCH) * len(lines) if lines else 0)
    boxes = [_box(one) for one in maps]
    several = len({one.scene for one in maps}) > 1
    row = (3 if several else 2) * _LINE + _GAP
    height = top + sum(row + high + _LINE + 3 * _GAP for _, high in boxes) + _MARGIN
    with style():
        figure = new_figure(width / DOTS_PER_INCH, height / DOTS_PER_INCH)
        draw_title(figure, lines)
        for one, (wide, high) in zip(maps, boxes, strict=True):
            _text(figure, _MARGIN, top, one.caption, bold=True)
            if several:
                _text(figure, _MARGIN, top + _LINE, one.scene)
            for number, kind in enumerate(one.cells):
                left = _MARGIN + number * (_WIDE + _GAP)
                _text(figure, left, top + row - _LINE - _GAP, kind)
                _picture(figure, (left, top + row - _GAP, wide, high), one.overlay(kind))
            _draw_bar(figure, one, top + row + high)
            top += row + high + _LINE + 3 * _GAP
    return figure


def _box(one: WorstMap) -> tuple[int, int]:
    """Width and height of a picture of a row."""
    high, wide = next(iter(one.images.values())).shape[-2:]
    scale = min(_WIDE / wide, _TALLEST / high)
    return max(1, round(wide * scale)), max(1, round(high * scale))


def _draw_bar(figure: Figure, one: WorstMap, top: int) -> None:
    best, worst = one.ends
    _text(figure, _MARGIN, top, best)
    _picture(figure, (_MARGIN + _NUMBERS, top + 4, _BAR, _BAR_HIGH), one.bar(_BAR, _BAR_HIGH))
    _text(figure, _MARGIN + _NUMBERS + _BAR + 10, top, f"{worst} (worse)")


def _picture(figure: Figure, box: tuple[int, int, int, int], pixels: Pixels) -> None:
    """Pixels at (x, y, width, height) from the top left of the figure."""
    left, top, wide, high = box
    width, height = (float(side) * DOTS_PER_INCH for side in figure.get_size_inches())
    axes = figure.add_axes((left / width, 1 - (top + high) / height, wide / width, high / height))
    axes.imshow(pixels, interpolation="antialiased", aspect="auto")
    axes.set_axis_off()


def _text(figure: Figure, left: int, top: int, text: str, bold: bool = False) -> None:
    width, height = (float(side) * DOTS_PER_INCH for side in figure.get_size_inches())
    weight = "bold" if bold else "normal"
    figure.text(left / width, 1 - top / height, text, ha="left", va="top", fontsize=9, fontweight=weight)

"""What the figures of a benchmark have in common: how objectives look, and the sheet they are drawn on."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from isptune.figures.style import TITLE_LINE, draw_title, new_figure, title_lines
from isptune.wording.words import NORMALISED_L1

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 7.2
"""Of a figure in inches: the text of a page in two columns."""

LOSS_LABEL = NORMALISED_L1
SMALL = 8.0
SMALL_LINE = 0.15
"""Points of the small texts, and the inches that one of their lines takes."""

# Okabe and Ito's palette, its light colours darker, so that lines and texts stand out on white.
_COLOURS = ("#0072B2", "#D55E00", "#00875F", "#B35C93", "#A87400", "#3089BF", "#33383E", "#807600")
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
_MARKERS = ("o", "s", "^", "D", "v", "<", ">")

_QUIET = "#555555"

Place = tuple[float, float, float, float]
"""Left and lower edge, width and height."""


@dataclass(frozen=True)
class Look:
    """How an objective is drawn in every figure, also for readers who see no colours."""

    colour: str
    dashes: Any
    marker: str


def looks(objectives: Sequence[str]) -> dict[str, Look]:
    """By objective, in the order of the grid; 32 of them differ in colour or dashes."""
    return {
        name: Look(
            _COLOURS[number % len(_COLOURS)],
            _DASHES[(number + number // len(_COLOURS)) % len(_DASHES)],
            _MARKERS[number % len(_MARKERS)],
        )
        for number, name in enumerate(objectives)
    }


def shortened(name: str, most: int = 30) -> str:
    """A name of at most that many letters; of a longer one both ends."""
    return name if len(name) <= most else f"{name[: most // 2]}…{name[-(most - most // 2 - 1) :]}"


@dataclass(frozen=True)
class Sheet:
    """A figure with its title and its note; what is drawn stands between two heights.

    Attributes:
        figure: of ``width`` and ``height`` inches.
        below, above: inches that the note and the title take.
        body: inches between them.
    """

    figure: Figure
    width: float
    height: float
    below: float
    body: float
    above: float

    def place(self, left: float, bottom: float, width: float, height: float) -> Place:
        """Inches, from the left edge and from the body's lower edge, as shares of the figure."""
        return (
            left / self.width,
            (self.below + bottom) / self.height,
            width / self.width,
            height / self.height,
        )

    def margins(self, left: float, right: float, foot: float, head: float) -> None:
        """Fit the figure's axes between shares of the width, and so many inches within the body."""
        self.figure.subplots_adjust(
            left=left,
            right=right,
            bottom=(self.below + foot) / self.height,
            top=1 - (self.above + head) / self.height,
        )


def new_sheet(body: float, title: str | None, note: str, width: float = WIDTH) -> Sheet:
    """A figure with a heading, if any, and a note at its foot that says what is drawn.

    Args:
        body: inches for everything else.
        title: on as many lines as it needs.
        note: the same.
        width: in inches.
    """
    lines, words = title_lines(title, width), textwrap.wrap(note, int(16.5 * width))
    below = 0.1 + SMALL_LINE * len(words)
    above = 0.1 + (0.1 + TITLE_LINE * len(lines) if lines else 0)
    height = below + body + above
    figure = new_figure(width, height)
    draw_title(figure, lines)
    for number, line in enumerate(reversed(words)):
        place = (0.16 / width, (0.08 + number * SMALL_LINE) / height)
        figure.text(*place, line, fontsize=SMALL, color=_QUIET, va="bottom")
    return Sheet(figure, width, height, below, body, above)


def margin_label(
    axes: Axes,
    text: str,
    look: Look,
    start: tuple[float, float],
    coordinates: str,
    height: float,
    dashes: str = "-",
) -> None:
    """A text in the right margin with a thin line from what it names.

    Args:
        axes: beside which it stands.
        text: one line.
        look: its colour.
        start: where the line begins.
        coordinates: what ``start`` is given in, ``"axes fraction"`` or ``"data"``.
        height: where the text stands, as a share of the axes' height.
        dashes: of the line.
    """
    from matplotlib.transforms import ScaledTranslation

    beside = axes.transAxes + ScaledTranslation(0.22, 0, axes.figure.dpi_scale_trans)
    axes.text(1.0, height, text, transform=beside, color=look.colour, fontsize=SMALL, va="center")
    line = {
        "arrowstyle": "-",
        "color": look.colour,
        "linestyle": dashes,
        "linewidth": 0.7,
        "alpha": 0.7,
        "shrinkA": 2,
        "shrinkB": 1.5,
    }
    axes.annotate("", start, (1.0, height), coordinates, beside, arrowprops=line, annotation_clip=False)

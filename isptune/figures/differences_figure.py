"""The figure of differences: a matrix of objectives against one another on the same cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from isptune.benchmark.paired_tests import ALPHA, least_p
from isptune.figures.look import LOSS_LABEL, SMALL, Place, new_sheet, shortened
from isptune.figures.of_benchmark import Differences, counted
from isptune.figures.style import INK, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

# Blue where the row is better; the ends of this map differ to colour-blind readers as well.
_PALETTE = "RdBu_r"
_NOTHING = "#EDEDED"

# From this share of the largest difference on, texts are white.
_DARK = 0.55

# In inches: a cell, a letter of a name, and the colour bar with its numbers and label.
_CELL, _LETTER, _BAR, _RIGHT = 0.56, 0.072, 0.16, 0.95
_LEAST_WIDTH = 4.2


def draw_differences(found: Differences, title: str | None = None) -> Figure:
    """Draw median differences of losses, row minus column, with the significant ones in bold and starred.

    Args:
        found: from ``differences``.
        title: a heading, if any.
    """
    names = [shortened(name, 24) for name in found.objectives]
    count = len(names)
    upper = found.pairs[np.triu_indices(count, 1)].tolist()
    note = (
        f"Median difference of the final {LOSS_LABEL}, row minus column, over "
        f"{counted(upper, 'pair')} of runs on the same cells: blue and negative where the row is better. "
        f"*\u00a0p\u00a0<\u00a0{ALPHA:g} in the Wilcoxon signed-rank test with Holm's correction."
    )
    if (least := least_p(upper)) >= ALPHA:
        note += f" No p can be less than {least:.2g} here: more runs or fewer objectives are needed."
    longest = max(len(name) for name in names)
    side, name_room = _CELL * count, 0.2 + _LETTER * longest
    upright = _LETTER * longest > 0.9 * _CELL
    head = name_room if upright else 0.32
    width = max(_LEAST_WIDTH, name_room + side + 0.2 + _BAR + _RIGHT)
    with style():
        # The colour bar's label needs some height, however few the cells are.
        body = head + max(side, 1.9) + 0.15
        sheet = new_sheet(body, title, note, width)
        bottom = body - head - side
        axes = sheet.figure.add_axes(sheet.place(name_room, bottom, side, side))
        norm = _matrix(axes, found)
        axes.set_xticks(range(count), names, rotation=90 if upright else 0)
        axes.set_yticks(range(count), names)
        axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False, pad=4)
        height = max(side, 1.9)
        place = sheet.place(name_room + side + 0.2, body - head - height, _BAR, height)
        _colour_bar(sheet.figure, norm, place)
    return sheet.figure


def _matrix(axes: Axes, found: Differences) -> Normalize:
    """Cells in colours and numbers; the scale of the colours, which is the same both ways."""
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    count = len(found.objectives)
    most = float(np.nanmax(np.abs(found.medians))) or 1e-3
    norm = Normalize(-most, most)
    palette = colormaps[_PALETTE].with_extremes(bad=_NOTHING)
    axes.imshow(np.ma.masked_invalid(found.medians), cmap=palette, norm=norm, interpolation="nearest")
    axes.grid(False)
    axes.set_xticks(np.arange(count + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(count + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="minor", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for row, column in np.ndindex(count, count):
        value, sure = float(found.medians[row, column]), bool(found.significant[row, column])
        if row == column:
            continue
        text = "–" if np.isnan(value) else f"{value:+.3f}".replace("-", "−") + ("*" if sure else "")
        axes.text(
            column, row, text, ha="center", va="center", fontsize=SMALL - 0.5,
            fontweight="bold" if sure else "normal",
            color="white" if abs(value) > _DARK * most else INK,
        )  # fmt: skip
    return norm


def _colour_bar(figure: Figure, norm: Normalize, place: Place) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.ticker import MaxNLocator

    bar = figure.colorbar(ScalarMappable(norm, _PALETTE), cax=figure.add_axes(place))
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=SMALL)
    bar.locator = MaxNLocator(nbins=6)
    bar.update_ticks()
    bar.set_label("median difference")

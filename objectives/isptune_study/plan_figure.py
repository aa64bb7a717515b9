"""The figure of a plan: widths of intervals, and order found, by observers and comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from isptune.figures.look import new_sheet
from isptune.figures.style import style
from isptune_study.planning import Assumptions, Expected

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = ("#0072B2", "#D55E00", "#00875F", "#B35C93", "#A87400", "#33383E")
_MARKERS = ("o", "s", "^", "D", "v", "<")


def draw_plan(rows: Sequence[Expected], assumed: Assumptions) -> Figure:
    """Draw the rows of ``isptune_study.planning.plan``, a line for each number of opponents."""
    people = assumed.people
    note = (
        f"Simulated: {assumed.images} images over a range of {assumed.span:g}, design {assumed.design}, "
        f"taste {people.taste:g}, noise {people.noise:g} (standard deviations of a difference), lapses "
        f"{people.lapses:g}, spammers {assumed.spammers:g}. One JOD: three of four prefer the better image. "
        f"Minutes at {people.seconds:g} s an answer, without breaks."
    )
    with style():
        sheet = new_sheet(3.2, "What to expect of the study", note, 8.0)
        widths, orders = sheet.figure.subplots(1, 2)
        for number, opponents in enumerate(dict.fromkeys(row.opponents for row in rows)):
            own = [row for row in rows if row.opponents == opponents]
            look = {
                "color": _COLOURS[number % len(_COLOURS)],
                "marker": _MARKERS[number % len(_MARKERS)],
                "markersize": 5,
                "linewidth": 1.6,
                "label": f"{opponents} opponents: {own[0].comparisons} pairs, {own[0].minutes:.0f} min",
            }
            observers = [row.observers for row in own]
            widths.plot(observers, [row.half_width_jod for row in own], **look)
            orders.plot(observers, [row.srcc for row in own], **look)
        widths.set_ylabel("half width of a 95% interval, JOD")
        orders.set_ylabel("SRCC of the scale with the truth")
        widths.set_ylim(0, None)
        low = min((row.srcc for row in rows), default=0.0)
        orders.set_ylim(np.floor(20 * low - 0.2) / 20, 1.0)
        for axes in (widths, orders):
            axes.set_xlabel("observers")
            axes.set_xlim(0, None)
        widths.legend(
            loc="upper right", title="each image meets, with an observer", title_fontsize=8, fontsize=8
        )
        sheet.figure.subplots_adjust(wspace=0.26)
        sheet.margins(0.085, 0.985, 0.5, 0.12)
    return sheet.figure

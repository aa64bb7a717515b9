"""The figures of a study's scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from isptune.figures.look import SMALL, new_sheet, shortened
from isptune.figures.style import BLUE, FAINT, INK, ORANGE, VERMILION, style
from isptune.iqa.evaluation.resampling import Estimate
from isptune_study.judging import Judged
from isptune_study.panels import ScenePanels
from isptune_study.screening import LEAST_SENSITIVITY, Screened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW = 0.2
_MOST_SAMPLES = 24


def draw_opinions(panels: ScenePanels) -> Figure:
    """The histogram of the opinions, and how wide their intervals are."""
    found = panels.histogram
    note = (
        f"Left: a chi-square of {found.chi_square:.1f} against equal counts in {len(found.counts)} bins "
        f"(as large by chance: {found.chance:.2g}). Right: half the width of each image's 95% interval."
    )
    with style():
        sheet = new_sheet(2.9, _title("Opinions", panels), note, 8.0)
        bars, widths = sheet.figure.subplots(1, 2)
        bars.bar(
            found.edges[:-1], found.counts, np.diff(found.edges), align="edge", color=BLUE, edgecolor="white"
        )
        bars.axhline(found.counts.mean(), color=ORANGE, linewidth=1.2)
        bars.set_ylabel("images")
        bars.grid(axis="x", visible=False)
        widths.plot(panels.opinions, panels.half_widths, "o", color=BLUE, markersize=4, alpha=0.75)
        widths.set_ylabel(f"half width of the interval, {panels.unit}")
        widths.set_ylim(0, None)
        for axes in (bars, widths):
            axes.set_xlabel(panels.unit)
            axes.set_xlim(found.edges[0], found.edges[-1])
        sheet.figure.subplots_adjust(wspace=0.24)
        sheet.margins(0.085, 0.985, 0.5, 0.1)
    return sheet.figure


def draw_wins(panels: ScenePanels) -> Figure:
    """Who won over whom, from the worst to the best."""
    from matplotlib import colormaps

    note = (
        "The share of their comparisons that the image of the row won over that of the column, from the "
        "worst to the best. Grey pairs were never compared."
    )
    with style():
        sheet = new_sheet(4.6, _title("Wins", panels), note, 6.0)
        axes = sheet.figure.add_axes(sheet.place(0.65, 0.5, 4.05, 4.05))
        colours = colormaps["PuOr"].with_extremes(bad=FAINT)
        count = len(panels.names)
        shown = axes.imshow(
            panels.wins, cmap=colours, vmin=0, vmax=1, origin="lower", interpolation="nearest",
            extent=(0.5, count + 0.5, 0.5, count + 0.5),
        )  # fmt: skip
        axes.set_xlabel("image of the column, by opinion")
        axes.set_ylabel("image of the row, by opinion")
        axes.grid(visible=False)
        bar = sheet.figure.add_axes(sheet.place(4.95, 0.5, 0.15, 4.05))
        sheet.figure.colorbar(shown, cax=bar, label="share of wins")
    return sheet.figure


def draw_observers(observers: Sequence[Screened]) -> Figure:
    """How closely each observer's answers follow those of the others."""
    ordered = sorted(observers, key=lambda one: np.nan_to_num(one.sensitivity, nan=-9.0))
    note = (
        "Sensitivity: by what factor the scale of all others must be stretched to predict an observer's "
        f"answers, over the median. Flagged in red: below {LEAST_SENSITIVITY:g} (dashed), or by golden or "
        "repeated pairs. Nobody is left out by it."
    )
    with style():
        body = 0.65 + _ROW * max(len(ordered), 3)
        sheet = new_sheet(body, "Sensitivity of the observers", note, 7.2)
        axes = sheet.figure.add_axes(sheet.place(1.9, 0.5, 5.1, body - 0.55))
        for row, one in enumerate(ordered):
            colour = VERMILION if one.flagged else BLUE
            axes.plot([0, one.sensitivity], [row, row], color=colour, linewidth=1.2, alpha=0.6)
            axes.plot([one.sensitivity], [row], "s" if one.flagged else "o", color=colour, markersize=5)
        axes.axvline(LEAST_SENSITIVITY, color=INK, linewidth=0.9, linestyle="--")
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_yticks(range(len(ordered)), [shortened(one.name, 26) for one in ordered], fontsize=SMALL)
        axes.set_ylim(-0.6, max(len(ordered), 3) - 0.4)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("sensitivity (median observer: 1)")
    return sheet.figure


def draw_samples(panels: ScenePanels, files: Mapping[str, Path], most: int = _MOST_SAMPLES) -> Figure:
    """Images from the worst to the best, evenly chosen, each with its opinion."""
    from PIL import Image

    known = [place for place, name in enumerate(panels.names) if name in files]
    count = min(most, len(known))
    chosen = [known[round(float(share))] for share in np.linspace(0, len(known) - 1, count)]
    columns = min(6, count)
    rows = -(-count // columns)
    width, cell = 9.0, 9.0 / columns
    with style():
        body = rows * (0.75 * cell + 0.22)
        sheet = new_sheet(
            body,
            _title("From the worst to the best", panels),
            f"Below each image: its {panels.unit} and half the width of its 95% interval.",
            width,
        )
        for number, place in enumerate(chosen):
            row, column = divmod(number, columns)
            bottom = body - (row + 1) * (0.75 * cell + 0.22) + 0.22
            axes = sheet.figure.add_axes(
                sheet.place(column * cell + 0.04, bottom, cell - 0.08, 0.75 * cell - 0.04)
            )
            with Image.open(files[panels.names[place]]) as opened:
                small = opened.convert("RGB")
            small.thumbnail((480, 480))
            axes.imshow(np.asarray(small))
            axes.set_axis_off()
            half = panels.half_widths[place]
            spread = f" ± {half:.2f}" if np.isfinite(half) else ""
            label = f"{panels.opinions[place]:.2f}{spread}"
            axes.text(0.5, -0.03, label, transform=axes.transAxes, fontsize=SMALL, ha="center", va="top")
    return sheet.figure


def draw_objectives(judged: Sequence[Judged]) -> Figure:
    """How far objectives agree with the opinions, and what is lost by following them."""
    rows = list(judged)[::-1]
    note = (
        "SRCC with the opinions; the share of single answers that it would have given as well, with what the "
        "scale of all other observers reaches; and the opinion that is lost by choosing the image which it "
        "likes best, in JOD. Lines: 95% intervals."
    )
    with style():
        body = 0.95 + 0.24 * max(len(rows), 2)
        sheet = new_sheet(body, "Objectives on people", note, 9.0)
        names, width, gap = 1.6, 2.2, 0.3
        for number, (title, of) in enumerate(
            (
                ("SRCC", lambda row: row.estimates["srcc"]),
                ("answers predicted", lambda row: row.accuracy),
                ("regret, JOD", lambda row: row.regret_jod),
            )
        ):
            axes = sheet.figure.add_axes(
                sheet.place(names + number * (width + gap), 0.42, width, body - 0.75)
            )
            _draw_estimates(axes, [of(row) for row in rows])
            axes.set_title(title, fontsize=10)
            axes.set_yticks(range(len(rows)), [shortened(row.name, 22) for row in rows] if not number else [])
            axes.tick_params(labelsize=SMALL)
            if title.startswith("regret"):
                axes.set_xlim(0, None)
    return sheet.figure


def _draw_estimates(axes: Axes, estimates: Sequence[Estimate]) -> None:
    for row, one in enumerate(estimates):
        axes.plot([one.low, one.high], [row, row], color=BLUE, linewidth=1.4, alpha=0.6)
        axes.plot([one.value], [row], "o", color=BLUE, markersize=5, clip_on=False)
    axes.set_ylim(-0.6, max(len(estimates), 2) - 0.4)
    axes.grid(axis="y", visible=False)


def _title(what: str, panels: ScenePanels) -> str:
    return f"{what}: {panels.title}" if panels.title else what

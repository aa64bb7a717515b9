"""The figure of how quality is spread, before and after images were chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from isptune.figures.look import new_sheet
from isptune.figures.style import BLUE, ORANGE, style
from isptune_study.panels import histogram
from isptune_study.perturbing import Perturbed

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_spread(perturbed: Perturbed) -> Figure:
    """Histograms of the quality of images drawn evenly over the parameters, and of those that were chosen."""
    both = np.concatenate([perturbed.unspread, perturbed.qualities])
    ends = (float(both.min()), float(both.max()))
    note = f"Quality by {perturbed.by}, higher is better. The line: equal counts in all bins."
    with style():
        sheet = new_sheet(2.7, "Quality of the images", note, 8.0)
        panels = sheet.figure.subplots(1, 2, sharey=True)
        for axes, values, what in zip(
            panels,
            (perturbed.unspread, perturbed.qualities),
            ("drawn evenly over the parameters", "chosen for the study"),
            strict=True,
        ):
            found = histogram(values, ends)
            axes.bar(
                found.edges[:-1],
                found.counts,
                np.diff(found.edges),
                align="edge",
                color=BLUE,
                edgecolor="white",
            )
            axes.axhline(found.counts.mean(), color=ORANGE, linewidth=1.2)
            axes.set_title(f"{what}: chi-square {found.chi_square:.0f}", fontsize=10)
            axes.set_xlabel(perturbed.by)
            axes.grid(axis="x", visible=False)
        panels[0].set_ylabel("images")
        sheet.figure.subplots_adjust(wspace=0.1)
        sheet.margins(0.085, 0.985, 0.5, 0.3)
    return sheet.figure

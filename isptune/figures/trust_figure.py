"""The figure of a trust card: stages, score and truth over the search, other judges, stability."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from isptune.benchmark.trust.card import TrustCard
from isptune.benchmark.trust.judges import TRUTH
from isptune.benchmark.trust.verdict import RIGHT, UNSTABLE, WRONG
from isptune.figures.axes import evaluation_axis
from isptune.figures.look import LOSS_LABEL, SMALL, new_sheet, shortened
from isptune.figures.style import BLUE, INK, ORANGE, VERMILION, style
from isptune.figures.trust import TrustPanels, trust_panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# In inches: the sheet, a row of names, room for the names of stages and judges, what stands around a panel.
_WIDTH, _ROW, _NAMES, _LABELS = 10.0, 0.2, 1.65, 1.75
_FOOT, _HEAD, _GAP = 0.5, 0.32, 0.75
_STAGES, _CURVES, _LEAST = 2.5, 1.5, 5.9
_QUIET = "#BBBBBB"


def draw_trust(card: TrustCard) -> Figure:
    """Draw a card."""
    panels = trust_panels(card)
    note = (
        "Stages: Spearman's rank correlation of score and level, median (dot) and worst scene (end of the "
        "line): blue judged right, orange weakly, red the wrong way round. Search: red where it ended at a "
        "visibly distorted picture that scores better than the pristine one; a ring marks where more search "
        "began to make it worse. Judges: share of random candidates that the tuned one beats. Stability: "
        "movement of the score in spreads, median (bar) and worst (dot)."
    )
    below = 2 * _GAP + _ROW * (len(panels.judges) + len(panels.moved)) + _FOOT
    body = max(_LEAST, _HEAD + _ROW * len(panels.stages) + _FOOT, _HEAD + 2 * _CURVES + 0.5 + below)
    with style():
        sheet = new_sheet(body, f"{card.objective}: {card.verdict}", note, _WIDTH)
        figure, top = sheet.figure, body - _HEAD
        stages = figure.add_axes(sheet.place(_NAMES, _FOOT, _STAGES, top - _FOOT))
        _draw_stages(stages, panels)
        left = _NAMES + _STAGES + _LABELS
        width = _WIDTH - left - 0.25
        judged, moved = _ROW * len(panels.judges), _ROW * len(panels.moved)
        moved_axes = figure.add_axes(sheet.place(left, _FOOT, width, moved))
        judges_axes = figure.add_axes(sheet.place(left, _FOOT + moved + _GAP, width, judged))
        room = top - (_FOOT + moved + _GAP + judged + _GAP)
        truths = figure.add_axes(sheet.place(left, top - room, width, 0.62 * room))
        scores = figure.add_axes(sheet.place(left, top - 0.3 * room, width, 0.3 * room), sharex=truths)
        _draw_search(scores, truths, panels)
        _draw_judges(judges_axes, panels)
        _draw_moved(moved_axes, panels)
    return figure


def _draw_stages(axes: Axes, panels: TrustPanels) -> None:
    colours = {RIGHT: BLUE, WRONG: VERMILION}
    for row, (_, srcc, worst, judged) in enumerate(panels.stages):
        colour = colours.get(judged, ORANGE)
        axes.plot([worst, srcc], [row, row], color=colour, linewidth=1.5, solid_capstyle="butt")
        axes.plot([srcc], [row], "o", color=colour, markersize=5, clip_on=False)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_xlim(-1.05, 1.05)
    _rows(axes, [name for name, *_ in panels.stages])
    axes.set_title("How it judges the stages", fontsize=10)
    axes.set_xlabel("SRCC of score and level")


def _draw_search(scores: Axes, truths: Axes, panels: TrustPanels) -> None:
    last = max((float(curve.evaluations[-1]) for curve in panels.curves), default=1.0)
    for curve in panels.curves:
        colour = VERMILION if curve.beaten else BLUE
        for axes, values in ((scores, curve.progress), (truths, curve.truths)):
            axes.step(curve.evaluations, values, where="post", color=colour, linewidth=1.2, alpha=0.8)
        if curve.turn is not None:
            truths.plot(
                [curve.turn[0]], [curve.turn[1]], "o", markersize=6, markerfacecolor="white",
                markeredgecolor=colour, zorder=4,
            )  # fmt: skip
    evaluation_axis(truths, last)
    scores.set_ylim(-0.05, 1.05)
    scores.set_yticks([0, 1], ["first", "best"])
    scores.tick_params(labelbottom=False, labelsize=SMALL)
    scores.set_title("Score and truth over the search", fontsize=10)
    scores.set_ylabel("score", fontsize=SMALL + 1)
    highest = max((float(curve.truths.max()) for curve in panels.curves), default=1.0)
    truths.set_ylim(0, 1.08 * highest or 1)
    truths.tick_params(labelsize=SMALL)
    truths.set_ylabel(f"hidden {LOSS_LABEL}", fontsize=SMALL + 1)
    truths.set_xlabel("evaluations", fontsize=SMALL + 1)


def _draw_judges(axes: Axes, panels: TrustPanels) -> None:
    shares = [share for _, share in panels.judges]
    colours = [INK if name == TRUTH else BLUE for name, _ in panels.judges]
    axes.barh(range(len(shares)), shares, color=colours, height=0.62)
    axes.axvline(0.5, color=VERMILION, linewidth=1.0, linestyle="--")
    axes.set_xlim(0, 1)
    _rows(axes, [name for name, _ in panels.judges])
    axes.set_title("What other judges say of what it tuned", fontsize=10)
    axes.set_xlabel("random candidates beaten (0.5: no better than one)", fontsize=SMALL + 1)


def _draw_moved(axes: Axes, panels: TrustPanels) -> None:
    medians, worst = (np.array([one[part] for one in panels.moved], dtype=np.float64) for part in (1, 2))
    rows = np.arange(len(panels.moved))
    axes.barh(rows, np.nan_to_num(medians), color=BLUE, height=0.62)
    axes.plot(worst, rows, "o", color=INK, markersize=4, clip_on=False)
    axes.axvline(UNSTABLE, color=VERMILION, linewidth=1.0, linestyle="--")
    axes.set_xlim(0, 1.08 * float(np.nanmax([*worst, 2 * UNSTABLE])))
    _rows(axes, [name for name, *_ in panels.moved])
    axes.set_title("What nobody sees", fontsize=10)
    axes.set_xlabel("movement of the score in spreads", fontsize=SMALL + 1)


def _rows(axes: Axes, names: list[str]) -> None:
    """Names beside rows, the first one above."""
    axes.set_yticks(range(len(names)), [shortened(name) for name in names], fontsize=SMALL)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=SMALL)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_color(_QUIET)

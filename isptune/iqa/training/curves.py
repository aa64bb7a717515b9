"""The curves of a training: loss and validation, as a picture and as TensorBoard files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isptune.figures.axes import evaluation_axis, fit_margins, label_ends, score_axis
from isptune.figures.style import BLUE, GREEN, VERMILION, legend_above, new_figure, save, style
from isptune.iqa.training.training_loop import Entry

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from isptune.figures.convergence import Numbers

# In inches.
_WIDTH, _PANEL, _HEAD, _BETWEEN, _FOOT = 7.2, 2.2, 0.15, 0.55, 0.56
# Between two values beside the curves' ends, as a share of a panel's height.
_END = 0.1


def save_curves(entries: Sequence[Entry], path: str | Path) -> None:
    """Write the picture that ``draw_training`` draws."""
    save(draw_training(entries), path)


def draw_training(entries: Sequence[Entry]) -> Figure:
    """Draw the loss against steps and, below, the rank correlations of the validation where there are any.

    Args:
        entries: lines of the training's log, at least one.
    """
    steps = np.array([entry.step for entry in entries], dtype=np.float64)
    loss = np.array([entry.loss for entry in entries], dtype=np.float64)
    correlations = [
        (values, colour, dashes, label)
        for values, colour, dashes, label in (
            (_known([entry.srcc for entry in entries]), VERMILION, "-", "all images"),
            (_known([entry.srcc_within for entry in entries]), GREEN, (0, (5, 1.5)), "within contents"),
        )
        if np.isfinite(values).any()
    ]
    count = 1 + bool(correlations)
    height = _HEAD + count * _PANEL + (count - 1) * _BETWEEN + _FOOT
    with style():
        figure = new_figure(_WIDTH, height)
        panels = figure.subplots(
            count, 1, sharex=True, squeeze=False, gridspec_kw={"hspace": _BETWEEN / _PANEL}
        )[:, 0]
        figure.subplots_adjust(left=0.135, right=0.885, bottom=_FOOT / height, top=1 - _HEAD / height)
        last = float(steps[-1])
        evaluation_axis(panels[-1], last)
        _curve(panels[0], steps, loss, BLUE, "-", "loss")
        score_axis(panels[0], loss, higher_is_better=False)
        panels[0].set_ylabel("training loss\n(lower is better)")
        label_ends(panels[0], [(last, float(loss[-1]), BLUE)], _END)
        if correlations:
            below = panels[1]
            for values, colour, dashes, label in correlations:
                _curve(below, steps, values, colour, dashes, label)
            low = min(float(np.nanmin(values)) for values, *_ in correlations)
            below.set_ylim(min(0.0, np.floor(10 * low) / 10), 1)
            below.set_ylabel("validation SRCC\n(higher is better)")
            if len(correlations) > 1:
                legend_above(below)
            ends = [(last, float(values[-1]), colour) for values, colour, *_ in correlations]
            label_ends(below, ends, _END)
        panels[-1].set_xlabel("step")
        figure.align_ylabels(list(panels))
        fit_margins(figure)
    return figure


def _known(values: Sequence[float | None]) -> Numbers:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _curve(axes: Axes, steps: Numbers, values: Numbers, colour: str, dashes: object, label: str) -> None:
    axes.plot(steps, values, color=colour, linestyle=dashes, label=label)
    # A training of one line is a point.
    axes.plot(steps[-1:], values[-1:], "o", color=colour, markersize=5, clip_on=False)


def write_scalars(writer: Any, entry: Entry) -> None:
    """One line of the log as scalars."""
    scalars = {"loss": entry.loss, "rate": entry.rate, "srcc": entry.srcc, "srcc_within": entry.srcc_within}
    scalars |= {f"loss/{name}": value for name, value in entry.parts.items()}
    scalars |= {f"srcc/{label}": value for label, value in entry.columns.items()}
    for name, value in scalars.items():
        if value is not None:
            writer.add_scalar(name, value, entry.step)
    writer.flush()

"""The curves of a training: loss and validation, as a picture and as TensorBoard files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isptune.files import write_whole
from isptune.training.loop import Entry


def save_curves(entries: Sequence[Entry], path: str | Path) -> None:
    """Draw the loss (left axis, logarithmic) and the validation's rank correlations (right axis)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left = figure.subplots()
    steps = [entry.step for entry in entries]
    left.plot(steps, [entry.loss for entry in entries], color="#4477aa", label="loss")
    left.set_yscale("log")
    left.set_xlabel("step")
    left.set_ylabel("loss", color="#4477aa")
    right = left.twinx()
    for values, label, style in (
        ([entry.srcc for entry in entries], "validation SRCC", "-"),
        ([entry.srcc_within for entry in entries], "validation SRCC within contents", "--"),
    ):
        if any(value is not None for value in values):
            shown = [float("nan") if value is None else value for value in values]
            right.plot(steps, shown, style, color="#bb3344", label=label)
    right.set_ylabel("SRCC", color="#bb3344")
    right.set_ylim(top=1.0)
    if right.get_lines():
        right.legend(loc="lower right", frameon=False)
    left.spines["top"].set_visible(False)
    right.spines["top"].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    write_whole(Path(path), buffer.getvalue())


def write_scalars(writer: Any, entry: Entry) -> None:
    """One line of the log as scalars."""
    scalars: dict[str, float | None] = {
        "loss": entry.loss,
        "rate": entry.rate,
        **{f"loss/{k}": v for k, v in entry.parts.items()},
    }
    scalars |= {"srcc": entry.srcc, "srcc_within": entry.srcc_within}
    scalars |= {f"srcc/{label}": value for label, value in entry.columns.items()}
    for name, value in scalars.items():
        if value is not None:
            writer.add_scalar(name, value, entry.step)
    writer.flush()

"""The picture of a training: one quantity a panel, in the style of all figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text

from isptune.iqa.training.curves import draw_training, save_curves
from isptune.iqa.training.training_loop import Entry


def entries(count: int, srcc: float | None, within: float | None) -> list[Entry]:
    return [Entry(25 * step, 2.0 * 0.7**step, {}, srcc, within, {}, 0.1, 1.0) for step in range(1, count + 1)]


@pytest.mark.parametrize(
    ("srcc", "within", "panels", "lines"), [(0.8, -0.25, 2, 2), (0.8, None, 2, 1), (None, None, 1, 0)]
)
def test_a_panel_for_each_quantity(srcc: float | None, within: float | None, panels: int, lines: int) -> None:
    figure = draw_training(entries(12, srcc, within))
    top, *below = figure.axes
    assert len(figure.axes) == panels
    assert top.get_yscale() == "log"
    assert np.allclose(top.lines[0].get_ydata(), [2.0 * 0.7**step for step in range(1, 13)])
    assert figure.axes[-1].get_xlabel() == "step"
    assert all(tick == int(tick) for tick in figure.axes[-1].get_xticks())
    if below:
        assert len(below[0].lines) == 2 * lines
        assert below[0].get_ylim() == ((-0.3, 1) if within else (0, 1))
    figure.canvas.draw()  # type: ignore[attr-defined]
    shown = [text.get_text() for text in figure.findobj(Text)]
    assert not any("math" in text for text in shown)


def test_a_training_of_one_line_is_a_point(tmp_path: Path) -> None:
    save_curves(entries(1, None, None), tmp_path / "training.png")
    assert (tmp_path / "training.png").stat().st_size > 1000

"""What all tests of figures check."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text


@pytest.fixture
def texts() -> Callable[[Figure], list[str]]:
    """The texts that a figure shows."""
    return lambda figure: [
        text.get_text() for text in figure.findobj(Text) if text.get_text() and text.get_visible()
    ]


@pytest.fixture
def assert_texts_fit() -> Callable[[Figure], None]:
    """Check that every visible text lies inside the figure and that none lies on another."""
    return _assert_texts_fit


def _assert_texts_fit(figure: Figure) -> None:
    """Every visible text lies inside the figure, and none lies on another."""
    figure.canvas.draw()  # type: ignore[attr-defined]
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    width, height = figure.bbox.width, figure.bbox.height
    boxes = []
    for text in figure.findobj(Text):
        if not (text.get_text().strip() and text.get_visible()):
            continue
        box = text.get_window_extent(renderer)
        if any(tick is text for axes in figure.axes for tick in _hidden_ticks(axes)):
            continue
        assert box.x0 >= 0, text.get_text()
        assert box.x1 <= width, text.get_text()
        assert box.y0 >= 0, text.get_text()
        assert box.y1 <= height, text.get_text()
        boxes.append((text.get_text(), box))
    for number, (name, box) in enumerate(boxes):
        for other_name, other in boxes[number + 1 :]:
            apart = box.x1 <= other.x0 + 1 or other.x1 <= box.x0 + 1
            apart = apart or box.y1 <= other.y0 + 3 or other.y1 <= box.y0 + 3
            assert apart, (name, other_name)


def _hidden_ticks(axes: object) -> list[Text]:
    """Labels of ticks beyond the limits, which matplotlib keeps but does not draw."""
    hidden = []
    for axis, (low, high) in ((axes.xaxis, sorted(axes.get_xlim())), (axes.yaxis, sorted(axes.get_ylim()))):  # type: ignore[attr-defined]
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not low <= tick.get_loc() <= high or not tick.label1.get_visible():
                hidden += [tick.label1, tick.label2]
    return hidden

"""How fast work goes on, from its recent steps: the first one compiles and loads, and is no measure."""

from __future__ import annotations

from collections import deque

# So many steps that their mean is steady, and so few that it follows a change.
_RECENT = 20


class Pace:
    """The pace of steps that take about as long as each other, but for the first."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=_RECENT)
        self._items: deque[float] = deque(maxlen=_RECENT)
        self._begun = False

    def step(self, seconds: float, items: float = 1.0) -> None:
        """Note a step and how many items it did."""
        if self._begun:
            self._seconds.append(seconds)
            self._items.append(items)
        self._begun = True

    @property
    def per_second(self) -> float | None:
        """Items a second; None before the second step is done."""
        seconds = sum(self._seconds)
        return sum(self._items) / seconds if seconds > 0 else None

    def left(self, items: float) -> float | None:
        """Seconds that so many items will take; None before the second step is done."""
        rate = self.per_second
        return None if rate is None else items / rate


def written(seconds: float | None) -> str:
    """Time left for a line: ``34 s left``, ``12 min left``, or nothing where it is not known."""
    if seconds is None:
        return ""
    if seconds < 600:
        return f"{seconds:.0f} s left"
    return f"{seconds / 60:.0f} min left" if seconds < 36000 else f"{seconds / 3600:.0f} h left"

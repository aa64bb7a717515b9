"""The record of a test chart that a scene shows: what kind it is and where it lies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from isptune.errors import ConfigurationError
from isptune.wording.showing import short

Point = tuple[float, float]


@dataclass(frozen=True, repr=False)
class Chart:
    """A test chart in the picture of a scene, which objectives measure on.

    The framework carries it and moves it along when a picture is cropped. What a kind of chart means, and
    which facts it has, its objectives know.

    Attributes:
        kind: such as ``"slanted-edge"``.
        corners: four points (x, y) in pixels of the upright picture, in order around the chart; 0, 0 is the
            picture's top left corner, so that the middle of its first pixel is 0.5, 0.5.
        facts: all else that is known of it, as plain data in which nothing depends on where it lies.
        file: of the YAML file that said so; None where the chart was drawn.

    Raises:
        ConfigurationError: corners that are not four points, or cross.

    Example:
        >>> Chart("slanted-edge", ((4, 4), (24, 4), (24, 36), (4, 36))).moved(-4, -4).box
        (0.0, 0.0, 20.0, 32.0)
    """

    kind: str
    corners: tuple[Point, Point, Point, Point]
    facts: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    file: str | None = None

    def __post_init__(self) -> None:
        try:
            points = [(_coordinate(x), _coordinate(y)) for x, y in self.corners]
        except (TypeError, ValueError):
            points = []
        if len(points) != 4 or not all(math.isfinite(value) for point in points for value in point):
            raise ConfigurationError(
                f"the corners of the chart '{self.kind}' are {str(self.corners)[:100]}; allowed: four points "
                "such as [[10, 10], [90, 10], [90, 60], [10, 60]], x and y in pixels"
            )
        if not _is_convex(points):
            raise ConfigurationError(
                f"the corners of the chart '{self.kind}' cross or lie on one line; "
                "give them in order around the chart"
            )
        object.__setattr__(self, "corners", tuple(points))

    def __repr__(self) -> str:
        left, top, right, bottom = self.box
        return short("Chart", self.kind, f"{right - left:g}x{bottom - top:g} at {left:g}, {top:g}")

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the smallest upright rectangle around the corners."""
        across, down = zip(*self.corners, strict=True)
        return min(across), min(down), max(across), max(down)

    def moved(self, right: float, down: float) -> Chart:
        """The same chart, moved by so many pixels."""
        first, second, third, fourth = ((x + right, y + down) for x, y in self.corners)
        return replace(self, corners=(first, second, third, fourth))

    def lies_in(self, size: tuple[int, int]) -> bool:
        """Whether all corners lie in a picture of that height and width."""
        left, top, right, bottom = self.box
        return left >= 0 and top >= 0 and right <= size[1] and bottom <= size[0]

    def to_dict(self) -> dict[str, Any]:
        """Kind, corners and facts as plain data."""
        return {"kind": self.kind, "corners": [list(point) for point in self.corners], **self.facts}


def charts_in(
    charts: tuple[Chart, ...], place: tuple[float, float], size: tuple[int, int]
) -> tuple[Chart, ...]:
    """The charts that a crop shows whole, where they lie in it.

    Args:
        charts: of the whole picture.
        place: x and y of the crop's top left corner.
        size: height and width of the crop.
    """
    moved = (chart.moved(-place[0], -place[1]) for chart in charts)
    return tuple(chart for chart in moved if chart.lies_in(size))


def _coordinate(value: Any) -> float:
    # true and "8" would pass for numbers, and are mistakes.
    if isinstance(value, bool | str):
        raise TypeError(value)
    return float(value)


def _is_convex(points: list[Point]) -> bool:
    """Whether four points lie around a quadrilateral without crossing: all turns go the same way."""
    turns = []
    for index, (x, y) in enumerate(points):
        (next_x, next_y), (last_x, last_y) = points[(index + 1) % 4], points[(index + 2) % 4]
        turns.append((next_x - x) * (last_y - next_y) - (next_y - y) * (last_x - next_x))
    return all(turn > 0 for turn in turns) or all(turn < 0 for turn in turns)

"""What kinds of charts are measured on, and which facts of each must and may be known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from isptune.contracts.chart import Chart
from isptune.errors import ConfigurationError
from isptune.storage.paths import shown
from isptune.wording.naming import did_you_mean, listed
from isptune_charts.colour import lab, lightness_to_luminance
from isptune_charts.light import linear
from isptune_charts.patches import Patch, locate
from isptune_charts.published import COLOUR_CHECKER, PATCH_NAMES

EDGE, LEAVES, CHECKER, GREYS = "slanted-edge", "dead-leaves", "colour-checker", "grey-scale"

FACTS = {
    EDGE: ("angle",),
    LEAVES: (),
    CHECKER: ("gap", "lab", "srgb"),
    GREYS: ("gap", "rows", "luminance", "density"),
}
"""The kinds, and the keys that a file may have beside ``kind`` and ``corners``."""

_FIRST_GREY = 18
# Between the patches of printed colour checkers of all sizes, roughly; a patch's middle has room for that.
_USUAL_GAP = 0.15


@dataclass(frozen=True)
class EdgeRegion:
    """Where an edge is looked for.

    Attributes:
        name: for tables and messages.
        box: left, top, right and bottom in whole pixels.
        upright: the edge is nearer to upright than to level; None where the picture tells.
        slope: by how much it moves to the right with each row, or down with each column; None likewise.
        offset: where it crosses the region's middle, from there, in pixels; None likewise.
    """

    name: str
    box: tuple[int, int, int, int]
    upright: bool | None
    slope: float | None
    offset: float | None = None

    def cut(self, planes: Tensor) -> Tensor:
        """(N, h, w) of planes (N, H, W), turned so that the edge stands upright."""
        left, top, right, bottom = self.box
        region = planes[..., top:bottom, left:right]
        return region if self.upright else region.transpose(-2, -1)


@dataclass(frozen=True)
class PatchField:
    """Patches whose colours or luminances are known.

    Attributes:
        name: for tables and messages.
        patches: in reading order.
        names: of each.
        colours: (K, 3) CIELAB under D50; None for a scale of grey.
        greys: the indices of those that are grey, from dark to light.
        luminance: (K,) relative luminance, 1 for white.
    """

    name: str
    patches: list[Patch]
    names: tuple[str, ...]
    colours: Tensor | None
    greys: tuple[int, ...]
    luminance: Tensor


def check_kind(chart: Chart) -> None:
    """Refuse with a ConfigurationError an unknown kind of chart, or facts that the kind has not."""
    where = _where(chart)
    if chart.kind not in FACTS:
        raise ConfigurationError(
            f"{where}'{chart.kind}' is no kind of chart{did_you_mean(chart.kind, FACTS)}; "
            f"allowed: {listed(FACTS)}"
        )
    for key in chart.facts:
        if key not in FACTS[chart.kind]:
            allowed = ("kind", "corners", *FACTS[chart.kind])
            raise ConfigurationError(
                f"{where}the chart '{chart.kind}' has the unknown key '{key}'"
                f"{did_you_mean(key, allowed)}; "
                f"allowed: {listed(allowed)}"
            )


def edge_region(chart: Chart, number: int = 1) -> EdgeRegion:
    """The region of a slanted edge: the smallest upright box around its corners.

    Raises:
        ConfigurationError: it is too small, or its angle is none.
    """
    left, top, right, bottom = (round(value) for value in chart.box)
    name = f"edge {number} at {left}, {top}"
    upright: bool | None = None
    slope: float | None = None
    angle = chart.facts.get("angle")
    if angle is not None:
        value = _number(chart, "angle", angle, "the edge's direction in degrees, from -180 to 180", -180, 180)
        # From the x axis towards y: 90 is upright.
        upright = 45 < value % 180 < 135
        slope = -math.tan(math.radians(value - 90)) if upright else math.tan(math.radians(value))
    long, short = max(right - left, bottom - top), min(right - left, bottom - top)
    if long < 24 or short < 16:
        raise ConfigurationError(
            f"the slanted edge at {left}, {top} has {right - left}x{bottom - top} pixels; needed: "
            "at least 24 along the edge and 16 across it"
        )
    return EdgeRegion(name, (left, top, right, bottom), upright, slope)


def checker_field(chart: Chart, size: tuple[int, int], number: int = 1) -> PatchField:
    """The 24 patches of a colour checker, of which the corners are the outer ones of four patches.

    Raises:
        ConfigurationError: values that are none, or patches of too few pixels.
    """
    patches = locate(chart, 4, 6, size, _gap(chart))
    if "lab" in chart.facts and "srgb" in chart.facts:
        raise _wrong(chart, "srgb", "given, and so is lab", "one of them")
    if "srgb" in chart.facts:
        rows = _rows(chart, "srgb", 24, "24 rows of red, green and blue from 0 to 255", 0, 255)
        colours = lab(linear(torch.tensor(rows, dtype=torch.float64) / 255))
    elif "lab" in chart.facts:
        rows = _rows(chart, "lab", 24, "24 rows of L*, a* and b* under D50", -200, 200)
        colours = torch.tensor(rows, dtype=torch.float64)
    else:
        colours = torch.tensor(COLOUR_CHECKER, dtype=torch.float64)
    # The last row, from black to white.
    greys = tuple(reversed(range(_FIRST_GREY, 24)))
    luminance = lightness_to_luminance(colours[:, 0])
    return PatchField(f"{CHECKER} {number}", patches, PATCH_NAMES, colours, greys, luminance)


def grey_field(chart: Chart, size: tuple[int, int], number: int = 1) -> PatchField:
    """The steps of a grey scale, row by row.

    Raises:
        ConfigurationError: values that are none, or steps of too few pixels.
    """
    key = "density" if "density" in chart.facts else "luminance"
    if key not in chart.facts:
        raise ConfigurationError(
            f"{_where(chart)}the chart '{GREYS}' does not say luminance; give the relative luminance of "
            "each step, 1 for white, or its density"
        )
    allowed = "a list of at least 4 different numbers" + (" above 0" if key == "luminance" else "")
    if key == "density" and "luminance" in chart.facts:
        raise _wrong(chart, "density", "given, and so is luminance", "one of them")
    values = chart.facts[key]
    plain = isinstance(values, Sequence) and not isinstance(values, str) and all(map(_is_number, values))
    if not plain or len(set(values)) < 4 or (key == "luminance" and min(values) <= 0):
        raise _wrong(chart, key, str(values)[:60], allowed)
    luminance = torch.tensor(values, dtype=torch.float64)
    luminance = 10**-luminance if key == "density" else luminance
    rows = chart.facts.get("rows", 1)
    if not isinstance(rows, int) or isinstance(rows, bool) or rows < 1 or len(values) % rows:
        raise _wrong(chart, "rows", str(rows), f"a whole number that divides the {len(values)} steps")
    patches = locate(chart, rows, len(values) // rows, size, _gap(chart))
    names = tuple(f"step {place + 1}" for place in range(len(values)))
    greys = tuple(int(place) for place in torch.argsort(luminance))
    return PatchField(f"{GREYS} {number}", patches, names, None, greys, luminance)


FIELDS: dict[str, Callable[[Chart, tuple[int, int], int], PatchField]] = {
    CHECKER: checker_field,
    GREYS: grey_field,
}
"""What makes patches of a chart, by its kind."""


def _gap(chart: Chart) -> float:
    gap = chart.facts.get("gap", _USUAL_GAP if chart.kind == CHECKER else 0.0)
    return _number(chart, "gap", gap, "a share of the patches' distance, from 0 to 0.6", 0, 0.6)


def _number(chart: Chart, key: str, value: Any, allowed: str, low: float, high: float) -> float:
    if not _is_number(value) or not low <= value <= high:
        raise _wrong(chart, key, str(value)[:60], allowed)
    return float(value)


def _rows(chart: Chart, key: str, count: int, allowed: str, low: float, high: float) -> list[list[float]]:
    try:
        rows = [list(row) for row in chart.facts[key]]
    except TypeError:
        raise _wrong(chart, key, str(chart.facts[key])[:60], allowed) from None
    for number, row in enumerate(rows, 1):
        if not all(_is_number(value) and low <= value <= high for value in row):
            raise _wrong(chart, key, f"{str(row)[:60]} in row {number}", allowed)
    if len(rows) != count or any(len(row) != 3 for row in rows):
        raise _wrong(chart, key, f"{len(rows)} rows", allowed)
    return rows


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _wrong(chart: Chart, key: str, given: str, allowed: str) -> ConfigurationError:
    return ConfigurationError(
        f"{_where(chart)}{key} of the chart '{chart.kind}' is {given}; allowed: {allowed}"
    )


def _where(chart: Chart) -> str:
    """The file that describes a chart, as the start of a sentence; nothing where it was drawn."""
    return "" if chart.file is None else f"'{shown(chart.file)}': "

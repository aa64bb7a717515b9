"""Numbers as tables and tooltips show them."""

from __future__ import annotations

import math

from isptune.wording.showing import value_text

Cell = str | float | int | None


def written(value: Cell) -> str:
    """A table's cell: four significant digits, a dash where there is nothing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, (bool, str)):
        return value_text(value)
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == int(value) and abs(value) < 1e15:
        # Four digits stay together, as in a year.
        return (f"{int(value):,}" if abs(value) >= 10_000 else str(int(value))).replace("-", "−")
    if 1e-4 <= abs(value) < 1e6:
        return f"{float(f'{value:.4g}'):,.12g}".replace("-", "−")
    return f"{value:.3g}".replace("-", "−").replace("e−0", "e−").replace("e+0", "e").replace("e+", "e")


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"

"""Where the panels of the generated chart lie that can be measured on, and what they are known to show."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from isptune.contracts.chart import Chart
from isptune.scenes.chart_panels import (
    COLOUR_PATCHES,
    EDGE_DEGREES,
    EDGE_SHARE,
    grey_steps,
    panel_rows,
    patch_gap,
)
from isptune.scenes.dead_leaves import decode

# x, y, width, height in pixels.
Box = tuple[int, int, int, int]

# Smaller ones hold too few pixels to be measured on.
_LEAST_EDGE, _LEAST_PATCH, _LEAST_LEAVES = 23.0, 7, 32


def places(boxes: Mapping[str, Box]) -> tuple[Chart, ...]:
    """What can be measured on in a chart whose panels lie in these boxes, where it is large enough."""
    found = [
        *_edges(boxes["edges"]),
        *_leaves(boxes["leaves"]),
        *_patches(boxes["patches"]),
        *_greys(boxes["ramps"]),
    ]
    return tuple(found)


def _around(left: float, top: float, right: float, bottom: float, kind: str, **facts: object) -> Chart:
    return Chart(kind, ((left, top), (right, top), (right, bottom), (left, bottom)), facts)


def _edges(box: Box) -> list[Chart]:
    """The four sides of the large tilted square, each without its ends and without the square inside."""
    left, top, width, height = box
    half = EDGE_SHARE * min(width, height)
    if half < _LEAST_EDGE:
        return []
    x, y = left + width / 2, top + height / 2
    near, far, along = round(0.64 * half), round(1.36 * half), round(0.7 * half)
    # Right, bottom, left, top: the direction of each edge from the x axis towards y.
    upright = 90 + EDGE_DEGREES
    sides = [
        ((near, -along, far, along), upright),
        ((-along, near, along, far), EDGE_DEGREES),
        ((-far, -along, -near, along), upright),
        ((-along, -far, along, -near), EDGE_DEGREES),
    ]
    found = []
    for (first, second, third, fourth), angle in sides:
        near_x, near_y, far_x, far_y = map(float, np.rint([x + first, y + second, x + third, y + fourth]))
        found.append(_around(near_x, near_y, far_x, far_y, "slanted-edge", angle=angle))
    return found


def _leaves(box: Box) -> list[Chart]:
    left, top, width, height = box
    if min(width, height) < _LEAST_LEAVES:
        return []
    return [_around(left, top, left + width, top + height, "dead-leaves")]


def _patches(box: Box) -> list[Chart]:
    """The corners are those of the first, sixth, last and nineteenth patch, wherever these are."""
    left, top, width, height = box
    columns, rows = (6, 4) if width >= height else (4, 6)
    gap = patch_gap(width, height)
    if min((width - gap) / columns, (height - gap) / rows) - gap < _LEAST_PATCH:
        return []
    right, bottom = left + width - gap, top + height - gap
    first, last = (float(left + gap), float(top + gap)), (float(right), float(bottom))
    across, down = (last[0], first[1]), (first[0], last[1])
    corners = (first, across, last, down) if columns == 6 else (first, down, last, across)
    share = gap / min((width - gap) / columns, (height - gap) / rows)
    facts = {"gap": round(share, 4), "srgb": COLOUR_PATCHES.tolist()}
    return [Chart("colour-checker", corners, facts)]


def _greys(box: Box) -> list[Chart]:
    """The third row of the ramps: steps of grey from dark to light."""
    left, top, width, height = box
    rows = panel_rows(height)
    if len(rows) < 3:
        return []
    steps = grey_steps(width)
    # As it is drawn: in 8 bits.
    encoded = np.rint((0.02 + 0.96 * np.arange(steps) / (steps - 1)) * 255).clip(6, 249) / 255
    above, below = rows[2]
    if below - above < _LEAST_PATCH:
        return []
    luminance = [round(float(value), 6) for value in decode(encoded)]
    return [_around(left, top + above, left + width, top + below, "grey-scale", luminance=luminance)]

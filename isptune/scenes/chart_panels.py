"""The panels of the generated chart: star, slanted edges, colour patches, ramps and lettering."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isptune.scenes.dead_leaves import decode
from isptune.scenes.lettering import page

Panel = NDArray[np.float64]

# The 24 patches of the ColorChecker Classic in 8-bit sRGB, as its maker published them.
COLOUR_PATCHES = np.array(
    [
        (115, 82, 68), (194, 150, 130), (98, 122, 157), (87, 108, 67), (133, 128, 177), (103, 189, 170),
        (214, 126, 44), (80, 91, 166), (193, 90, 99), (94, 60, 108), (157, 188, 64), (224, 163, 46),
        (56, 61, 150), (70, 148, 73), (175, 54, 60), (231, 199, 31), (187, 86, 149), (8, 133, 161),
        (243, 243, 242), (200, 200, 200), (160, 160, 160), (122, 122, 121), (85, 85, 85), (52, 52, 52),
    ]
)  # fmt: skip
EDGE_DEGREES = 5.0
"""The tilt of the large square; the small one in it is tilted the other way."""

EDGE_SHARE = 0.36
"""Half a side of the large square as a share of the panel's shorter side."""

_ABOVE = ["SPHINX", "OF", "BLACK", "QUARTZ", "JUDGE", "MY", "VOW", "0123456789"]
_BELOW = ["PACK", "MY", "BOX", "WITH", "FIVE", "DOZEN", "LIQUOR", "JUGS", "9876543210"]


def _mixed(coverage: Panel, below: float, above: float) -> Panel:
    """Grey (H, W, 3) in linear light: the encoded grey ``above`` where the coverage is 1."""
    low, high = decode(np.array(below)), decode(np.array(above))
    return np.repeat((low + coverage * (high - low))[:, :, None], 3, axis=2)


def siemens_star(width: int, height: int) -> Panel:
    """Dark and light spokes on mid grey; where they are finer than a pixel they fade to their mean."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    y, x = rows - (height - 1) / 2, columns - (width - 1) / 2
    radius = np.sqrt(x * x + y * y)
    outer = 0.48 * min(width, height)
    spokes = int(np.clip(round(0.75 * outer), 8, 72))
    # Along the circle through a pixel the spokes are a square wave of this period in pixels. Its mean over
    # one pixel is a difference of its integral, the triangle wave, at the pixel's two ends.
    period = np.maximum(2 * np.pi * radius / spokes, 1e-6)
    phase = np.arctan2(y, x) * spokes / (2 * np.pi)
    wave = period * (_triangle(phase + 0.5 / period) - _triangle(phase - 0.5 / period))
    wave *= np.clip(period - 0.5, 0, 1)
    disk = np.clip(outer - radius + 0.5, 0, 1)[:, :, None]
    spoke_light = _mixed((wave + 1) / 2, 0.05, 0.95)
    return spoke_light * disk + decode(np.array(0.5)) * (1 - disk)


def _triangle(phase: Panel) -> Panel:
    """The integral of the square wave of period 1 that is +1 in its first half and -1 in its second."""
    fraction = phase - np.floor(phase)
    return np.minimum(fraction, 1 - fraction)


def slanted_edges(width: int, height: int) -> Panel:
    """A dark square on light grey, tilted by 5 degrees, and a fainter one in it, tilted the other way."""
    side = EDGE_SHARE * min(width, height)
    panel = _mixed(np.zeros((height, width)), 0.82, 0.82)
    for half, degrees, grey in ((side, EDGE_DEGREES, 0.12), (0.5 * side, -EDGE_DEGREES, 0.30)):
        if half >= 3:
            coverage = _tilted_square(width, height, half, np.deg2rad(degrees))[:, :, None]
            panel = panel * (1 - coverage) + decode(np.array(grey)) * coverage
    return panel


def _tilted_square(width: int, height: int, half: float, angle: float) -> Panel:
    """The share of each pixel inside a centred square: its distance to an edge, within half a pixel."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    y, x = rows - (height - 1) / 2, columns - (width - 1) / 2
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return np.clip(half - np.abs(along) + 0.5, 0, 1) * np.clip(half - np.abs(across) + 0.5, 0, 1)


def colour_patches(width: int, height: int) -> Panel:
    """The 24 patches on black, six by four or, in a tall panel, four by six."""
    columns, rows = (6, 4) if width >= height else (4, 6)
    panel = np.full((height, width, 3), decode(np.array(0.07)))
    gap = patch_gap(width, height)
    colours = decode(COLOUR_PATCHES / 255)
    for number in range(24):
        row, column = divmod(number, columns) if columns == 6 else reversed(divmod(number, 6))
        if columns == 4:
            # Turned by a quarter: the greys, last in the usual order, run down the right side.
            row, column = number % 6, number // 6
        top, bottom = _span(row, rows, height - gap)
        left, right = _span(column, columns, width - gap)
        panel[top + gap : bottom, left + gap : right] = colours[number]
    return panel


def patch_gap(width: int, height: int) -> int:
    """Pixels between two patches of a panel, and around all of them."""
    columns, rows = (6, 4) if width >= height else (4, 6)
    return max(1, round(min(width / columns, height / rows) / 10)) if min(width, height) >= 24 else 0


def _span(number: int, count: int, length: int) -> tuple[int, int]:
    return round(number * length / count), round((number + 1) * length / count)


def grey_steps(width: int) -> int:
    """How many steps of grey a panel of that width has."""
    return 16 if width >= 160 else 8


def panel_rows(height: int) -> list[tuple[int, int]]:
    """Top and bottom of each of the rows of a panel of ramps."""
    count = int(np.clip(height // 4, 1, 4))
    return [_span(number, count, height) for number in range(count)]


def ramps(width: int, height: int) -> Panel:
    """Rows of a smooth grey ramp, grey steps, all hues, and the three primaries from dark to full."""
    position = np.linspace(0, 1, width)
    steps = grey_steps(width)
    stepped = np.floor(position * steps).clip(0, steps - 1) / (steps - 1)
    hues = np.stack(
        [np.clip(np.abs((position * 6 + shift) % 6 - 3) - 1, 0, 1) for shift in (0, 4, 2)], axis=1
    )
    third = np.minimum((position * 3).astype(np.int64), 2)
    within = np.clip(position * 3 - third, 0, 1)[:, None]
    primaries = within * (0.12 + 0.88 * np.eye(3)[third])
    rows = [
        np.repeat(position[:, None], 3, axis=1),
        0.15 + 0.75 * hues,
        np.repeat(stepped[:, None], 3, axis=1),
        primaries,
    ]
    panel = np.empty((height, width, 3))
    for (top, bottom), row in zip(panel_rows(height), rows, strict=False):
        panel[top:bottom] = decode(0.02 + 0.96 * row)
    return panel


def lettering(width: int, height: int) -> Panel:
    """Lines of text that get smaller downwards, dark on light above and light on dark below."""
    upper = round(0.6 * height)
    smallest = int(np.clip(round(min(width, height) / 30), 5, 10))
    largest = max(smallest, round(0.15 * min(width, height)))
    above = page(width, upper, _ABOVE, largest, smallest)
    below = page(width, height - upper, _BELOW, round(largest * 0.7), smallest)
    return np.concatenate([_mixed(above, 0.93, 0.08), _mixed(below, 0.10, 0.88)], axis=0)

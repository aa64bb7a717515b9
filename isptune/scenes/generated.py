"""The generated test chart: a scene that needs no photograph."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from isptune.contracts.chart import Chart
from isptune.errors import ConfigurationError
from isptune.scenes import chart_panels
from isptune.scenes.chart_places import Box, places
from isptune.scenes.dead_leaves import dead_leaves, encode
from isptune.scenes.sources import CHART_SIDES, check_chart_size
from isptune.wording.integers import as_integer

MINIMUM_SIDE, MAXIMUM_SIDE = CHART_SIDES


def chart(width: int = 384, height: int = 256, seed: int = 0) -> Tensor:
    """Draw the test chart.

    It holds a dead-leaves texture, slanted edges, a Siemens star, the 24 colour patches, ramps of grey, hue
    and primaries, and lettering, in a layout that follows the aspect ratio. Edges are averaged in linear
    light and the result is encoded as sRGB. Values are multiples of 1/255 in [0.02, 0.98], so an 8-bit PNG
    of the chart is the same scene. A size and a seed give the same chart to the last bit, on any
    number of threads; other sizes are other drawings, not resized ones.

    Args:
        width, height: 48 to 4096 pixels each.
        seed: of the dead leaves, the only random part.

    Returns:
        (3, height, width) float32.

    Raises:
        ImageError: a side out of its range.
        ConfigurationError: a negative seed.

    Example:
        >>> from isptune.scenes import chart
        >>> chart(96, 64).shape
        torch.Size([3, 64, 96])
    """
    check_chart_size(width, height)
    check_seed(seed)
    generator = np.random.Generator(np.random.PCG64(seed))

    def leaves(wide: int, high: int) -> np.ndarray:
        # The finest disks grow with the chart, but more slowly: a 4K one would be fine gravel without it.
        scale = max(1.0, min(width, height) / 256)
        return dead_leaves(wide, high, generator, 1.3 * scale**0.5, min(wide, high) / 4)

    painters: dict[str, Callable[[int, int], np.ndarray]] = {
        "leaves": leaves,
        "patches": chart_panels.colour_patches,
        "star": chart_panels.siemens_star,
        "edges": chart_panels.slanted_edges,
        "text": chart_panels.lettering,
        "ramps": chart_panels.ramps,
    }
    steps = np.full((height, width, 3), round(0.4 * 255), dtype=np.uint8)
    for name, (left, top, wide, high) in layout(width, height).items():
        encoded = np.clip(encode(painters[name](wide, high)), 0.02, 0.98)
        # Inside the range to the last step: 6 / 255 is the first above 0.02, 249 / 255 the last below 0.98.
        steps[top : top + high, left : left + wide] = np.clip(np.rint(encoded * 255), 6, 249).astype(np.uint8)
    planes = np.ascontiguousarray(steps.transpose(2, 0, 1))
    return torch.from_numpy(planes.astype(np.float32) / np.float32(255))


def charts_of(width: int, height: int) -> tuple[Chart, ...]:
    """What can be measured on in the generated chart of that size: edges, leaves, patches, steps of grey."""
    return places(layout(width, height))


def check_seed(seed: int) -> None:
    """Refuse what numpy's generators would refuse, in this project's words."""
    number = as_integer(seed)
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise ConfigurationError(f"seed {seed} is out of range: it is a whole number from 0")


def layout(width: int, height: int) -> dict[str, Box]:
    """Where each panel goes: ramps along the bottom; leaves first; four blocks beside or below them."""
    gap = max(1, round(min(width, height) / 80))
    inner_width, inner_height = width - 2 * gap, height - 2 * gap
    strip = max(8, round(0.17 * min(inner_width, inner_height)))
    boxes: dict[str, Box] = {"ramps": (gap, height - gap - strip, inner_width, strip)}
    upper = inner_height - strip - gap
    aspect = inner_width / upper
    if aspect >= 1:
        columns, rows = (2, 2) if aspect < 2.6 else (4, 1)
        # Square blocks where there is room, and never less than two fifths for the leaves.
        block = min((upper - (rows - 1) * gap) // rows, round(0.58 * inner_width) // columns - gap)
        wide = inner_width - columns * (block + gap)
        boxes["leaves"] = (gap, gap, wide, upper)
        area = (gap + wide + gap, gap, columns * (block + gap) - gap, upper)
    else:
        columns, rows = (2, 2) if aspect > 1 / 2.6 else (1, 4)
        block = min((inner_width - (columns - 1) * gap) // columns, round(0.58 * upper) // rows - gap)
        high = upper - rows * (block + gap)
        boxes["leaves"] = (gap, gap, inner_width, high)
        area = (gap, gap + high + gap, inner_width, rows * (block + gap) - gap)
    for number, name in enumerate(("patches", "star", "edges", "text")):
        row, column = divmod(number, columns)
        left, right = _cell(area[0], area[2], column, columns, gap)
        top, bottom = _cell(area[1], area[3], row, rows, gap)
        boxes[name] = (left, top, right - left, bottom - top)
    return boxes


def _cell(start: int, length: int, number: int, count: int, gap: int) -> tuple[int, int]:
    """The two ends of one of ``count`` cells of a line, with gaps between them."""
    first = start + round(number * (length + gap) / count)
    return first, start + round((number + 1) * (length + gap) / count) - gap

"""Dead leaves: disks of power-law sizes that hide one another, whose statistics are a natural picture's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Encoded sRGB colours of what cameras see: foliage, bark, earth, stone, sky, water, skin, blossoms, snow.
_NATURAL = np.array(
    [
        (0.16, 0.23, 0.11),
        (0.33, 0.43, 0.19),
        (0.55, 0.63, 0.31),
        (0.25, 0.18, 0.13),
        (0.47, 0.36, 0.26),
        (0.66, 0.54, 0.41),
        (0.36, 0.37, 0.38),
        (0.62, 0.61, 0.58),
        (0.88, 0.86, 0.82),
        (0.47, 0.63, 0.81),
        (0.70, 0.82, 0.92),
        (0.17, 0.28, 0.40),
        (0.83, 0.65, 0.54),
        (0.56, 0.37, 0.29),
        (0.73, 0.20, 0.19),
        (0.90, 0.70, 0.21),
        (0.55, 0.30, 0.53),
        (0.08, 0.08, 0.09),
    ]
)
_OVERSAMPLING = 2
# The disks' total area over the panel's: about exp(-7) of it is left uncovered.
_LAYERS = 7.0


def dead_leaves(
    width: int, height: int, generator: np.random.Generator, smallest: float, largest: float
) -> NDArray[np.float64]:
    """A dead-leaves texture.

    The radii follow a density of r^-3 between the two ends, which gives the spectrum of natural pictures
    (Lee, Mumford and Huang, "Occlusion models for natural images", 2001).

    Args:
        width, height: in pixels.
        generator: the only source of randomness.
        smallest, largest: radii in pixels.

    Returns:
        (height, width, 3) linear light, averaged over each pixel's area.
    """
    step = _OVERSAMPLING
    rows, columns = height * step, width * step
    low, high = smallest * step, largest * step
    border = int(np.ceil(high)) + 1
    area = np.pi * 2 * np.log(high / low) / (low**-2 - high**-2)
    count = round(_LAYERS * (rows + 2 * border) * (columns + 2 * border) / area)
    share = generator.random(count)
    radii = (low**-2 + share * (high**-2 - low**-2)) ** -0.5
    down = (generator.random(count) * (rows + 2 * border)).astype(np.int64)
    across = (generator.random(count) * (columns + 2 * border)).astype(np.int64)
    nearest = _visible(radii, down, across, rows, columns, border)
    colours = _colours(count + 1, generator)
    # One channel at a time keeps the memory of a 4K chart small.
    planes = [
        colours[:, channel][nearest].reshape(height, step, width, step).mean(axis=(1, 3))
        for channel in range(3)
    ]
    return np.stack(planes, axis=2)


def _visible(
    radii: NDArray[np.float64],
    down: NDArray[np.int64],
    across: NDArray[np.int64],
    rows: int,
    columns: int,
    border: int,
) -> NDArray[np.int32]:
    """(rows, columns): the number, from 1, of the disk on top of each sample; 0 where there is none.

    A later disk lies on top of an earlier one. All disks of one rounded radius share a stencil and are
    written in one go; between radii the higher number wins.
    """
    stride = columns + 2 * border
    top = np.zeros((rows + 2 * border) * stride, dtype=np.int32)
    # A disk near the border of the border would leave the array; its centre moves inside.
    rounded = np.rint(radii * 2).astype(np.int64)
    order = np.argsort(rounded, kind="stable")
    starts = np.flatnonzero(np.diff(rounded[order], prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        members = order[start:end]
        radius = rounded[members[0]] / 2
        reach = int(radius)
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        inside = y * y + x * x <= radius * radius
        offsets = (y * stride + x)[inside]
        centres = np.clip(down[members], reach, rows + 2 * border - 1 - reach) * stride
        centres += np.clip(across[members], reach, stride - 1 - reach)
        # Members ascend, and numpy keeps the last of several values written to one place.
        for first in range(0, len(members), max(1, 2_000_000 // len(offsets))):
            chunk = slice(first, first + max(1, 2_000_000 // len(offsets)))
            places = (centres[chunk, None] + offsets).ravel()
            numbers = np.repeat((members[chunk] + 1).astype(np.int32), len(offsets))
            # The highest number at each place: the old one or the last one written there.
            before = top[places]
            keep = numbers > before
            top[places[keep]] = numbers[keep]
    return top.reshape(rows + 2 * border, stride)[border : border + rows, border : border + columns]


def _colours(count: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """(count, 3) linear colours, each a mixture of two natural ones with its own brightness."""
    pick = generator.integers(0, len(_NATURAL), size=(count, 2))
    mix = generator.random((count, 1)) ** 2
    bright = 0.75 + 0.5 * generator.random((count, 1))
    encoded = (_NATURAL[pick[:, 0]] * (1 - mix) + _NATURAL[pick[:, 1]] * mix) * bright
    return decode(np.clip(encoded, 0.02, 0.98))


def decode(encoded: NDArray[np.float64]) -> NDArray[np.float64]:
    """sRGB (IEC 61966-2-1) to linear light."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def encode(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear light to sRGB (IEC 61966-2-1)."""
    return np.where(
        linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055
    )

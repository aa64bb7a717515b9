"""Colour profiles: from the numbers of a matrix or grey ICC profile to those of sRGB, in floating point.

An ICC profile of this kind (ICC.1, "three-component matrix-based") says how its numbers become light by a
curve per channel, and how light becomes XYZ under D50 by a matrix. sRGB is such a profile itself, so the
conversion is relative colorimetric; colours outside of sRGB are cut at its edge. LittleCMS rounds:
Pillow's to 8 bits, imagecodecs' by up to 1.3e-3 in floating point.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]

# Columns are red, green and blue in XYZ under D50, as the profiles of their makers have them.
_SRGB = np.array(
    [[0.436066, 0.385147, 0.143066], [0.222488, 0.716873, 0.060608], [0.013916, 0.097076, 0.714096]]
)
_DISPLAY_P3 = np.array(
    [[0.515121, 0.291977, 0.157104], [0.241196, 0.692245, 0.066574], [-0.001053, 0.041885, 0.784073]]
)
# Profiles of sRGB differ in their last digits: what none of their colours shows by a level of 8 bits is sRGB.
_SAME = 1 / 255
# Rows that are converted at once: the work is in float64, and pictures are large.
_STRIP = 1 << 18


@dataclass(frozen=True)
class Profile:
    """How numbers become colours.

    Attributes:
        name: for messages.
        curves: one per channel, from numbers in [0, 1] to light.
        matrix: (3, 3) to XYZ under D50; None for grey.
    """

    name: str
    curves: tuple[Curve, ...]
    matrix: NDArray[np.float64] | None

    @property
    def is_grey(self) -> bool:
        return self.matrix is None

    def to_srgb(self, samples: NDArray[Any]) -> NDArray[np.float32]:
        """(H, W, 3) in [0, 1] as sRGB, float32."""
        flat = samples.reshape(-1, 3)
        result = np.empty(flat.shape, dtype=np.float32)
        for start in range(0, len(flat), _STRIP):
            result[start : start + _STRIP] = self._strip(flat[start : start + _STRIP].astype(np.float64))
        return result.reshape(samples.shape)

    def _strip(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        curves = self.curves if len(self.curves) == 3 else self.curves * 3
        # Formulas of damaged profiles may divide by zero or overflow: ``change`` finds that.
        with np.errstate(all="ignore"):
            light = np.stack([curve(numbers[:, i]) for i, curve in enumerate(curves)], axis=1)
            if self.matrix is not None:
                light = light @ (np.linalg.inv(_SRGB) @ self.matrix).T
        light = np.clip(light, 0, 1)
        return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)

    def change(self) -> NDArray[np.float64]:
        """By how much it moves a grid of colours on their way to sRGB."""
        steps = np.linspace(0, 1, 18)
        grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
        if self.is_grey:
            grid = np.linspace(0, 1, 256)[:, None].repeat(3, axis=1)
        return np.abs(self._strip(grid) - grid)

    @property
    def is_srgb(self) -> bool:
        """Whether it says of no colour anything else than sRGB does, by a level of 8 bits."""
        return bool(self.change().max() < _SAME)


class ForeignProfileError(ValueError):
    """A profile that is not of a kind that is converted; the message says of which kind it is."""


def read_profile(data: bytes) -> Profile:
    """The profile that ICC bytes hold.

    Raises:
        ForeignProfileError: it is damaged, of another colour model than RGB and grey, or one of look-up
            tables.
    """
    try:
        return _parsed(data)
    except (struct.error, IndexError, UnicodeDecodeError, OverflowError) as error:
        raise ForeignProfileError("it is damaged") from error


def display_p3() -> Profile:
    """Display P3, as PNG's cICP names it by number."""
    return Profile(
        "Display P3", (_parametric(3, (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)),), _DISPLAY_P3
    )


def _parsed(data: bytes) -> Profile:
    if data[36:40] != b"acsp":
        raise ForeignProfileError("it is damaged")
    (count,) = struct.unpack_from(">I", data, 128)
    tags: dict[bytes, bytes] = {}
    for index in range(min(count, 200)):
        tag, start, size = struct.unpack_from(">4sII", data, 132 + 12 * index)
        tags[tag] = data[start : start + size]
    model = data[16:20].decode("latin-1").strip()
    if model not in ("RGB", "GRAY"):
        raise ForeignProfileError(f"it is for {model or 'no known colours'}")
    if any(tag in tags for tag in (b"A2B0", b"A2B1", b"A2B2", b"D2B0", b"D2B1", b"D2B2")):
        raise ForeignProfileError("it is one of look-up tables, where matrix and grey profiles are converted")
    keys = (b"rTRC", b"gTRC", b"bTRC") if model == "RGB" else (b"kTRC",)
    columns = (b"rXYZ", b"gXYZ", b"bXYZ") if model == "RGB" else ()
    lacking = next((key for key in (*keys, *columns) if key not in tags), None)
    if lacking is not None or (data[20:24] != b"XYZ " and model == "RGB"):
        raise ForeignProfileError("it is damaged")
    curves = tuple(_curve(tags[key]) for key in keys)
    matrix = None
    if model == "RGB":
        matrix = np.array([struct.unpack_from(">3i", tags[key], 8) for key in columns]).T / 65536
    profile = Profile(_name(tags.get(b"desc", b"")) or "without a name", curves, matrix)
    if not np.isfinite(profile.change()).all():
        raise ForeignProfileError("it is damaged")
    return profile


def _curve(tag: bytes) -> Curve:
    """A curve from numbers to light: a power, a table or one of ICC's five formulas."""
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return _parametric(0, (1.0,))
        if count == 1:
            return _parametric(0, (struct.unpack_from(">H", tag, 12)[0] / 256,))
        table = np.frombuffer(tag[12 : 12 + 2 * count], dtype=">u2").astype(np.float64) / 65535
        if len(table) != count:
            raise ForeignProfileError("it is damaged")
        return lambda numbers: np.interp(numbers, np.linspace(0, 1, count), table)
    if tag[:4] == b"para":
        (kind,) = struct.unpack_from(">H", tag, 8)
        if kind > 4:
            raise ForeignProfileError(f"its curves are of the unknown kind {kind}")
        count = (1, 3, 4, 5, 7)[kind]
        return _parametric(kind, tuple(value / 65536 for value in struct.unpack_from(f">{count}i", tag, 12)))
    raise ForeignProfileError("it is damaged")


def _parametric(kind: int, values: tuple[float, ...]) -> Curve:
    """ICC's formula: (a x + b)^g + c from d on, below it the straight line e x + f."""
    g, a, b, c, d, e, f = values[0], 1.0, 0.0, 0.0, -np.inf, 0.0, 0.0
    if kind >= 1:
        a, b = values[1:3]
    if kind == 1:
        d = -b / a if a else 0.0
    if kind == 2:
        c = f = values[3]
        d = -b / a if a else 0.0
    if kind >= 3:
        e, d = values[3:5]
        c = 0.0
    if kind == 4:
        c, f = values[5:7]

    def light(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        power = np.maximum(a * numbers + b, 0) ** g + c
        return np.where(numbers >= d, power, e * numbers + f)

    return light


def _name(tag: bytes) -> str:
    """The description: Latin letters of version 2, the first language of version 4."""
    if tag[:4] == b"desc" and len(tag) > 12:
        (count,) = struct.unpack_from(">I", tag, 8)
        text = tag[12 : 12 + count].decode("latin-1")
    elif tag[:4] == b"mluc" and len(tag) >= 28:
        size, start = struct.unpack_from(">II", tag, 20)
        text = tag[start : start + size].decode("utf-16-be", errors="replace")
    else:
        return ""
    text = text.partition("\0")[0]
    return "".join(letter for letter in text if letter.isprintable()).strip()[:60]

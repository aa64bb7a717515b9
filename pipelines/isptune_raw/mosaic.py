"""What a sensor gave: the mosaic, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isptune.errors import ImageError
from isptune.wording.naming import did_you_mean, listed

PATTERNS = ("RGGB", "GRBG", "GBRG", "BGGR")
"""The four phases of a Bayer mosaic: the colours of its first two rows and columns, in reading order."""

SRGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
"""Linear sRGB to CIE XYZ (D65), IEC 61966-2-1."""

MINIMUM_SIDE = 32


@dataclass(frozen=True, eq=False)
class RawImage:
    """One raw picture of a Bayer sensor.

    Attributes:
        mosaic: (H, W) uint16, the visible pixels as the sensor gave them; H and W are even.
        pattern: one of ``PATTERNS``.
        black: the black level at the four places of the pattern, in DN.
        white: the level at which the sensor is full, in DN.
        neutral: camera RGB of what is white in the picture, as shot; the largest is 1.
        matrix: (3, 3) CIE XYZ (D65) to camera RGB, as ``ColorMatrix1`` of a DNG; None where nobody knows it,
            and camera RGB is then taken for linear sRGB.
        noise: (3, 2) shot and read noise of red, green and blue: the variance of a value x, where black is
            0 and white is 1, is ``shot * x + read``; None where nobody knows it.
        iso: the sensitivity; None where nobody knows it.
        illuminant: the light, such as ``"D65"`` or ``"tungsten"``; empty where nobody knows it.
        orientation: as EXIF counts it, 1 to 8: how the picture is turned to be upright.
        make, model: of the camera; empty where nobody knows them.

    Raises:
        ImageError: a value that no raw picture has.
    """

    mosaic: NDArray[np.uint16]
    pattern: str = "RGGB"
    black: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    white: float = 65535.0
    neutral: tuple[float, float, float] = (1.0, 1.0, 1.0)
    matrix: NDArray[np.float64] | None = None
    noise: NDArray[np.float64] | None = None
    iso: float | None = None
    orientation: int = 1
    make: str = ""
    model: str = ""
    illuminant: str = ""

    def __post_init__(self) -> None:
        shape = self.mosaic.shape
        if self.mosaic.ndim != 2 or self.mosaic.dtype != np.uint16:
            raise ImageError(f"a mosaic is an (H, W) array of uint16, not {shape} of {self.mosaic.dtype}")
        if min(shape) < MINIMUM_SIDE:
            raise ImageError(
                f"a mosaic of {shape[1]}x{shape[0]} pixels is too small; "
                f"it needs at least {MINIMUM_SIDE}x{MINIMUM_SIDE}"
            )
        if shape[0] % 2 or shape[1] % 2:
            raise ImageError(f"a mosaic of {shape[1]}x{shape[0]} pixels has an odd side; cut a row or column")
        if self.pattern not in PATTERNS:
            raise ImageError(
                f"the pattern of the mosaic is {self.pattern!r}; allowed: {listed(PATTERNS)}"
                + did_you_mean(self.pattern, PATTERNS)
            )
        if len(self.black) != 4 or not all(0 <= level < self.white for level in self.black):
            raise ImageError(
                f"black is {self.black} and white {self.white:g}; "
                "allowed: four black levels of at least 0, each below white"
            )
        if not 0 < self.white <= 65535:
            raise ImageError(f"white is {self.white:g}; allowed: above 0 and at most 65535")
        if len(self.neutral) != 3 or not all(0 < value < np.inf for value in self.neutral):
            raise ImageError(f"neutral is {self.neutral}; allowed: three numbers above 0")
        if self.matrix is not None and (
            self.matrix.shape != (3, 3)
            or not np.isfinite(self.matrix).all()
            or not abs(np.linalg.det(self.matrix)) > 1e-6
        ):
            raise ImageError("the colour matrix must be 3 x 3 and have an inverse")
        if self.noise is not None and (
            self.noise.shape != (3, 2)
            or not bool(np.all(self.noise >= 0))
            or not np.isfinite(self.noise).all()
        ):
            raise ImageError("the noise must be 3 x 2 numbers (shot, read) of at least 0")
        if self.iso is not None and not 0 < self.iso < np.inf:
            raise ImageError(f"iso is {self.iso:g}; allowed: above 0")
        if self.orientation not in range(1, 9):
            raise ImageError(f"the orientation is {self.orientation}; allowed: 1 to 8, as EXIF counts")

    @property
    def height(self) -> int:
        return int(self.mosaic.shape[0])

    @property
    def width(self) -> int:
        return int(self.mosaic.shape[1])

    @property
    def upright_size(self) -> tuple[int, int]:
        """(height, width) of the upright picture."""
        return (self.width, self.height) if self.orientation >= 5 else (self.height, self.width)

    @property
    def conditions(self) -> dict[str, Any]:
        """What it was taken under, as far as it is known: ``iso`` and ``illuminant``."""
        known = {"iso": self.iso, "illuminant": self.illuminant}
        return {name: value for name, value in known.items() if value}

    @property
    def gains(self) -> tuple[float, float, float]:
        """White balance as shot: what red, green and blue are multiplied with; the smallest is 1."""
        gains = 1 / np.array(self.neutral)
        red, green, blue = gains / gains.min()
        return float(red), float(green), float(blue)

    def camera_to_srgb(self) -> NDArray[np.float64]:
        """(3, 3) white-balanced camera RGB to linear sRGB; white stays white, as dcraw has it."""
        if self.matrix is None:
            return np.eye(3)
        return np.asarray(np.linalg.inv(srgb_to_camera(self.matrix)), dtype=np.float64)

    def crop(self, x: int, y: int, width: int, height: int) -> RawImage:
        """A part of it, at any place and of even sides; the pattern's phase follows."""
        if not (0 <= x <= self.width - width and 0 <= y <= self.height - height):
            raise ImageError(
                f"the crop {width}x{height} at ({x}, {y}) does not lie in {self.width}x{self.height} pixels"
            )
        part = np.ascontiguousarray(self.mosaic[y : y + height, x : x + width])
        places = [2 * ((row + y) % 2) + (column + x) % 2 for row in (0, 1) for column in (0, 1)]
        pattern = "".join(self.pattern[place] for place in places)
        first, second, third, fourth = (self.black[place] for place in places)
        return replace(self, mosaic=part, pattern=pattern, black=(first, second, third, fourth))

    def normalised(self) -> NDArray[np.float32]:
        """(H, W) with black at 0 and white at 1; noise may lie below 0."""
        values = self.mosaic.astype(np.float32)
        for place, level in enumerate(self.black):
            part = values[place // 2 :: 2, place % 2 :: 2]
            part -= np.float32(level)
            part /= np.float32(self.white - level)
        return values

    def preview(self) -> NDArray[np.float32]:
        """(3, H / 2, W / 2) encoded RGB in [0, 1], one pixel for four: to choose crops and to look at."""
        values = self.normalised()
        planes: dict[str, list[NDArray[np.float32]]] = {"R": [], "G": [], "B": []}
        for place, letter in enumerate(self.pattern):
            planes[letter].append(values[place // 2 :: 2, place % 2 :: 2])
        camera = np.stack([np.mean(planes[letter], axis=0) for letter in "RGB"])
        camera = np.clip(camera * np.array(self.gains, dtype=np.float32)[:, None, None], 0, 1)
        linear = np.einsum("ij,jhw->ihw", self.camera_to_srgb().astype(np.float32), camera)
        return encode(np.clip(linear, 0, 1)).astype(np.float32)


def srgb_to_camera(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3) linear sRGB to white-balanced camera RGB: (1, 1, 1) stays (1, 1, 1)."""
    found = matrix @ SRGB_TO_XYZ
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def neutral_of(matrix: NDArray[np.float64]) -> tuple[float, float, float]:
    """Camera RGB of the white of sRGB (D65), the largest 1: with it sRGB is the exact answer."""
    white = (matrix @ SRGB_TO_XYZ).sum(axis=1)
    red, green, blue = white / white.max()
    return float(red), float(green), float(blue)


def encode(linear: NDArray[Any]) -> NDArray[Any]:
    """Linear light in [0, 1] to sRGB's curve, IEC 61966-2-1."""
    return np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055
    )


def decode(encoded: NDArray[Any]) -> NDArray[Any]:
    """sRGB's curve in [0, 1] to linear light, IEC 61966-2-1."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)

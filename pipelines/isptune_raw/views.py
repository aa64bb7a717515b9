"""What a pipeline develops of a raw picture: a crop with a margin, and how its result is finished."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from isptune_raw.mosaic import RawImage

# What EXIF's orientations do to a picture (3, H, W) to make it upright: mirror its columns, then turn it by
# so many quarters against the clock.
_UPRIGHT = {
    1: (False, 0),
    2: (True, 0),
    3: (False, 2),
    4: (True, 2),
    5: (True, 1),
    6: (False, 3),
    7: (True, 3),
    8: (False, 1),
}


@dataclass(frozen=True, eq=False)
class RawView:
    """A part of a raw picture, the payload of a raw scene.

    Attributes:
        raw: the part with its margins.
        margins: pixels at the left, top, right and bottom that are cut off after developing, so that the
            edges of a crop come out as they do in the whole picture.
        origin: (x, y) of the part, margins included, in the whole mosaic.
        whole: (width, height) of the whole mosaic.
    """

    raw: RawImage
    margins: tuple[int, int, int, int]
    origin: tuple[int, int]
    whole: tuple[int, int]

    @classmethod
    def of(cls, raw: RawImage, crop: tuple[int, int, int, int] | None = None, margin: int = 32) -> RawView:
        """The whole of a raw picture, or a crop (x, y, width, height) of it with a margin all round."""
        if crop is None:
            return cls(raw, (0, 0, 0, 0), (0, 0), (raw.width, raw.height))
        x, y, width, height = crop
        left, top = min(margin, x), min(margin, y)
        right = min(margin, raw.width - x - width)
        bottom = min(margin, raw.height - y - height)
        part = raw.crop(x - left, y - top, left + width + right, top + height + bottom)
        return cls(part, (left, top, right, bottom), (x - left, y - top), (raw.width, raw.height))

    def part(self, place: tuple[int, int, int, int], margin: int = 8) -> RawView:
        """A part of it, with a margin all round where there is as much.

        Args:
            place: x, y, width and height in the finished picture; all of them even.
            margin: an even number of pixels.
        """
        height, width = self.size
        x, y, wide, high = sensed_place(place, (width, height), self.raw.orientation)
        x, y = x + self.margins[0], y + self.margins[1]
        found = RawView.of(self.raw, (x, y, wide, high), margin)
        origin = self.origin[0] + found.origin[0], self.origin[1] + found.origin[1]
        return replace(found, origin=origin, whole=self.whole)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the finished picture."""
        left, top, right, bottom = self.margins
        height, width = self.raw.height - top - bottom, self.raw.width - left - right
        return (width, height) if self.raw.orientation >= 5 else (height, width)

    def finished(self, pictures: Tensor) -> Tensor:
        """Developed pictures (..., H, W), of the size of ``raw``, without their margins and upright."""
        left, top, right, bottom = self.margins
        height, width = pictures.shape[-2:]
        cut = pictures[..., top : height - bottom, left : width - right]
        return upright(cut, self.raw.orientation)

    def digest(self) -> str:
        """A short digest of all that decides what is developed."""
        raw = self.raw
        sha = hashlib.sha256(np.ascontiguousarray(raw.mosaic).tobytes())
        for part in (raw.matrix, raw.noise):
            sha.update(b"none" if part is None else np.ascontiguousarray(part).tobytes())
        facts = (raw.mosaic.shape, raw.pattern, raw.black, raw.white, raw.neutral, raw.orientation)
        sha.update(repr((facts, self.margins, self.origin, self.whole)).encode())
        return sha.hexdigest()[:16]


def upright(picture: Tensor, orientation: int) -> Tensor:
    """A picture (..., H, W) as the sensor gave it, made upright."""
    mirrored, quarters = _UPRIGHT[orientation]
    picture = picture.flip(-1) if mirrored else picture
    return torch.rot90(picture, quarters, (-2, -1)) if quarters else picture


def as_sensed(picture: Tensor, orientation: int) -> Tensor:
    """An upright picture (..., H, W) as it lies on the sensor: the reverse of ``upright``."""
    mirrored, quarters = _UPRIGHT[orientation]
    picture = torch.rot90(picture, -quarters, (-2, -1)) if quarters else picture
    return picture.flip(-1) if mirrored else picture


def upright_place(
    crop: tuple[int, int, int, int], whole: tuple[int, int], orientation: int
) -> tuple[int, int]:
    """Where the top left corner of a crop lies in the upright picture.

    Args:
        crop: x, y, width and height as they lie on the sensor.
        whole: width and height of the sensor.
        orientation: EXIF's number.
    """
    (x, y, wide, high), (width, height) = crop, whole
    mirrored, quarters = _UPRIGHT[orientation]
    if mirrored:
        x = width - x - wide
    for _ in range(quarters):
        # A quarter against the clock: what was right is on top.
        x, y, wide, high, width, height = y, width - x - wide, high, wide, height, width
    return x, y


def sensed_place(
    place: tuple[int, int, int, int], whole: tuple[int, int], orientation: int
) -> tuple[int, int, int, int]:
    """Where a part of an upright picture lies on the sensor: the reverse of ``upright_place``.

    Args:
        place: x, y, width and height in the upright picture.
        whole: width and height of the upright picture.
        orientation: EXIF's number.
    """
    (x, y, wide, high), (width, height) = place, whole
    mirrored, quarters = _UPRIGHT[orientation]
    for _ in range(quarters):
        # A quarter with the clock: what was on top is right.
        x, y, wide, high, width, height = height - y - high, x, high, wide, height, width
    return (width - x - wide if mirrored else x), y, wide, high

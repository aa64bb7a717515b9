"""Raw pictures as DNG files that other software opens."""

from __future__ import annotations

import struct
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from isptune.errors import ImageError
from isptune.storage.writing import write_whole
from isptune_raw.mosaic import SRGB_TO_XYZ, RawImage

# Types of tags, TIFF 6.0 and DNG 1.4.
_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _SRATIONAL, _DOUBLE = 1, 2, 3, 4, 5, 10, 12

_COLOUR_FILTER_ARRAY = 32803
_D65 = 21
# Where the EXIF tags lie. tifffile does not write this tag, so its neighbour holds its place.
_EXIF, _EXIF_PLACE = 34665, 34666
_ISO, _MOST_ISO = 34855, 65535
_KIND_OF_ISO, _EXPOSURE_INDEX, _INDEX = 34864, 34866, 2


def write_dng(path: Path, raw: RawImage) -> Path:
    """Write a raw picture as an uncompressed DNG 1.4.

    What is written reads back equal, in every phase of the pattern, in LibRaw, RawTherapee and darktable.

    Raises:
        ImageError: the folder cannot be written.
        DiskFullError: there is no room for it.
    """
    return write_whole(path, dng_bytes(raw), ImageError)


def dng_bytes(raw: RawImage) -> bytes:
    """A raw picture as the bytes of an uncompressed DNG 1.4."""
    letters = {"R": 0, "G": 1, "B": 2}
    pattern = bytes(letters[letter] for letter in raw.pattern)
    # A camera whose matrix nobody knows gives sRGB's primaries.
    matrix = np.linalg.inv(SRGB_TO_XYZ) if raw.matrix is None else raw.matrix
    tags: list[tuple[int, int, int, Any]] = [
        (271, _ASCII, 0, _plain(raw.make) or "isptune"),
        (272, _ASCII, 0, _plain(raw.model) or "raw"),
        (274, _SHORT, 1, raw.orientation),
        (33421, _SHORT, 2, (2, 2)),
        (33422, _BYTE, 4, pattern),
        (50706, _BYTE, 4, bytes((1, 4, 0, 0))),
        (50707, _BYTE, 4, bytes((1, 1, 0, 0))),
        (50708, _ASCII, 0, " ".join(filter(None, map(_plain, (raw.make, raw.model)))) or "raw file"),
        (50713, _SHORT, 2, (2, 2)),
        (50714, _RATIONAL, 4, _ratios(raw.black)),
        (50717, _LONG, 1, round(raw.white)),
        (50721, _SRATIONAL, 9, _ratios(matrix.ravel())),
        (50728, _RATIONAL, 3, _ratios(raw.neutral)),
        (50778, _SHORT, 1, _D65),
    ]
    if raw.iso is not None:
        tags.append((_EXIF_PLACE, _LONG, 1, 0))
    if raw.noise is not None:
        tags.append((51041, _DOUBLE, 6, tuple(raw.noise.ravel().tolist())))
    file = BytesIO()
    tifffile.imwrite(
        file,
        raw.mosaic,
        photometric=_COLOUR_FILTER_ARRAY,
        byteorder="<",
        metadata=None,
        software="isptune",
        extratags=[(code, kind, count, value, True) for code, kind, count, value in tags],
    )
    return file.getvalue() if raw.iso is None else _with_iso(file, raw.iso)


def _with_iso(file: BytesIO, iso: float) -> bytes:
    """The file with the sensitivity in a directory of EXIF tags, where all readers look for it."""
    data = bytearray(file.getvalue())
    data += bytes(len(data) % 2)
    file.seek(0)
    with tifffile.TiffFile(file) as opened:
        tag = opened.pages.first.tags[_EXIF_PLACE]
    data[tag.offset : tag.offset + 2] = struct.pack("<H", _EXIF)
    data[tag.valueoffset : tag.valueoffset + 4] = struct.pack("<I", len(data))
    number = max(round(iso), 1)
    entries = [struct.pack("<HHIHH", _ISO, _SHORT, 1, min(number, _MOST_ISO), 0)]
    if number > _MOST_ISO:
        # EXIF 2.3: what is too large for the old tag stands in one of its own.
        entries.append(struct.pack("<HHIHH", _KIND_OF_ISO, _SHORT, 1, _INDEX, 0))
        entries.append(struct.pack("<HHII", _EXPOSURE_INDEX, _LONG, 1, min(number, 2**32 - 1)))
    data += struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", 0)
    return bytes(data)


def _plain(text: str) -> str:
    """A name in ASCII on one line, as tags hold it; other letters become question marks."""
    letters = " ".join(text.split()).encode("ascii", "replace").decode()
    return "".join(letter for letter in letters if letter.isprintable())


def _ratios(values: Any) -> tuple[int, ...]:
    """Numerators and denominators in turns, exact to seven digits or more."""
    found: list[int] = []
    for value in values:
        ratio = Fraction(float(value)).limit_denominator(10_000_000)
        found += [ratio.numerator, ratio.denominator]
    return tuple(found)

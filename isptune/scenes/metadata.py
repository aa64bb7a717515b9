"""What a picture's file says about its pixels, apart from the pixels themselves.

Decoders give a whole picture up for a chunk of metadata that they find too long or odd, so they are only
shown what decides about pixels; orientation, colour profile and colour space are read here, forgivingly.
"""

from __future__ import annotations

import re
import struct
import warnings
import zlib
from dataclasses import dataclass, field

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_EXIF_HEAD = b"Exif\0\0"
_ORIENTATION = 0x0112
# A colour profile is some kilobytes to a few megabytes; no more is unpacked, whatever a file claims.
_LONGEST_PROFILE = 64 * 2**20


@dataclass
class Metadata:
    """What was found beside the pixels.

    Attributes:
        pixels: the file without what decoders need not see.
        profile: an embedded ICC profile, as it is stored; empty bytes for one that cannot be unpacked.
        space: what else says in which colours the numbers are: ``"cicp"``, ``"gamma"`` and
            ``"primaries"`` of a PNG, with their numbers.
        exif, xmp: blocks that may hold an orientation.
        frame: of a JPEG the kind of its frame (the second byte of the marker), bits, width, height and
            channels.
    """

    pixels: bytes
    profile: bytes | None = None
    space: dict[str, tuple[int, ...]] = field(default_factory=dict)
    exif: list[bytes] = field(default_factory=list)
    xmp: list[bytes] = field(default_factory=list)
    frame: tuple[int, int, int, int, int] | None = None

    @property
    def orientation(self) -> int:
        """1 to 8; 1 where nothing says so."""
        for block in self.exif:
            if (found := exif_orientation(block)) is not None:
                return found
        for block in self.xmp:
            if match := re.search(rb"tiff:Orientation(?:\s*=\s*[\"']|>)\s*([1-8])\s*[\"'<]", block):
                return int(match[1])
        return 1


def read_metadata(data: bytes, kind: str) -> Metadata:
    """Take a file apart: ``"png"``, ``"jpeg"`` or ``"webp"``; others stay whole."""
    readers = {"png": _read_png, "jpeg": _read_jpeg, "webp": _read_webp}
    found = Metadata(data)
    if kind in readers:
        try:
            readers[kind](data, found)
        except (struct.error, IndexError):
            # The decoder says best what is wrong with a file that cannot even be taken apart.
            found.pixels = data
    return found


def exif_orientation(block: bytes) -> int | None:
    """The orientation in an EXIF block, or None where it has none of 1 to 8.

    Cameras and editors write it as SHORT, as they should, but also as BYTE, LONG or UNDEFINED; whatever reads
    as one of the eight numbers is meant as such.
    """
    from PIL import Image

    exif = Image.Exif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exif.load(block)
            value = exif.get(_ORIENTATION)
    # Damaged blocks make the reader raise anything.
    except Exception:
        return None
    if isinstance(value, bytes) and len(value) in (1, 2, 4):
        value = int.from_bytes(value, "little" if exif.endian == "<" else "big")
    return value if isinstance(value, int) and 1 <= value <= 8 else None


def _read_png(data: bytes, found: Metadata) -> None:
    """Critical chunks and the transparency stay; chunks that are cut or damaged elsewhere cost nothing."""
    kept = [PNG_SIGNATURE]
    place, complete = len(PNG_SIGNATURE), True
    while place + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        # The fifth bit of the first letter says whether a chunk is ancillary.
        if not name[0] & 0x20 or name == b"tRNS":
            kept.append(data[place:end])
            complete = end <= len(data)
        elif end <= len(data):
            _note_chunk(name, data[place + 8 : end - 4], found)
        place = end
        if name == b"IEND":
            break
    else:
        # Where the file is cut behind its pixels, they are whole; where not, the decoder misses them.
        if complete:
            kept.append(b"\0\0\0\0IEND\xaeB`\x82")
    found.pixels = b"".join(kept)


def _note_chunk(name: bytes, body: bytes, found: Metadata) -> None:
    if name == b"iCCP":
        _, _, packed = body.partition(b"\0")
        found.profile = _unpacked(packed[1:])
    elif name == b"cICP" and len(body) == 4:
        found.space["cicp"] = tuple(body)
    elif name == b"sRGB":
        found.space["srgb"] = (1,)
    elif name == b"gAMA" and len(body) == 4:
        found.space["gamma"] = struct.unpack(">I", body)
    elif name == b"cHRM" and len(body) == 32:
        found.space["primaries"] = struct.unpack(">8I", body)
    elif name == b"eXIf":
        found.exif.append(body)
    elif name in (b"tEXt", b"zTXt", b"iTXt"):
        _note_text(name, body, found)


def _note_text(name: bytes, body: bytes, found: Metadata) -> None:
    key, _, rest = body.partition(b"\0")
    if key == b"XML:com.adobe.xmp" and name == b"iTXt" and len(rest) > 2:
        found.xmp.append(_unpacked(rest[2:].split(b"\0", 2)[-1]) if rest[0] else rest)
    elif key in (b"Raw profile type exif", b"Raw profile type APP1") and name != b"iTXt":
        # ImageMagick's way: a name, a length and hexadecimal digits on lines of their own.
        lines = (_unpacked(rest[1:]) if name == b"zTXt" else rest).split(b"\n")
        try:
            found.exif.append(bytes.fromhex(b"".join(lines[3:]).decode("ascii")))
        except ValueError:
            return


def _unpacked(packed: bytes) -> bytes:
    """Deflated bytes unpacked; nothing where they are damaged or too many."""
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(packed, _LONGEST_PROFILE)
    except zlib.error:
        return b""
    return data if unpacker.eof else b""


def _read_jpeg(data: bytes, found: Metadata) -> None:
    """All segments stay but comments and application data; those of JFIF and Adobe tell colours."""
    kept, place, parts = [data[:2]], 2, []
    while True:
        if data[place] != 0xFF:
            raise IndexError("no marker")
        while data[place + 1] == 0xFF:
            place += 1
        marker = data[place + 1]
        if marker in (0xD9, 0xDA):
            break
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:
            place += 2
            continue
        (length,) = struct.unpack_from(">H", data, place + 2)
        if length < 2 or place + 2 + length > len(data):
            raise IndexError("a segment is cut")
        body = data[place + 4 : place + 2 + length]
        if (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)) or marker == 0xF7:
            bits, height, width, channels = struct.unpack_from(">BHHB", body)
            found.frame = marker, bits, width, height, channels
        if marker == 0xE1 and body.startswith(_EXIF_HEAD):
            found.exif.append(body)
        elif marker == 0xE1 and body.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
            found.xmp.append(body)
        elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\0"):
            parts.append((body[12], body[13], body[14:]))
        elif marker in (0xE0, 0xEE) or not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            kept.append(data[place : place + 2 + length])
        place += 2 + length
    kept.append(data[place:])
    found.pixels = b"".join(kept)
    if parts:
        parts.sort()
        complete = [number for number, _, _ in parts] == list(range(1, parts[0][1] + 1))
        found.profile = b"".join(part for _, _, part in parts) if complete else b""


def _read_webp(data: bytes, found: Metadata) -> None:
    place = 12
    while place + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, place)
        body = data[place + 8 : place + 8 + length]
        if name == b"ICCP":
            found.profile = body
        elif name == b"EXIF":
            found.exif.append(body)
        elif name == b"XMP ":
            found.xmp.append(body)
        place += 8 + length + length % 2

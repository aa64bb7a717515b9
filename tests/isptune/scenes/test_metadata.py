"""Metadata never stops whole pixels, and turns a picture only where it says so."""

from __future__ import annotations

import io
import logging
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, PngImagePlugin

from isptune.errors import ImageError
from isptune.scenes import read_image
from isptune.scenes.colours import _told
from isptune.scenes.metadata import exif_orientation

VALUES = np.random.default_rng(0).integers(0, 256, size=(40, 56, 3)).astype(np.uint8)
EXPECTED = torch.from_numpy((VALUES / np.float32(255)).transpose(2, 0, 1).copy())
TURNED = torch.rot90(EXPECTED, -1, (1, 2))


@pytest.fixture(autouse=True)
def nothing_told() -> None:
    _told.clear()


def chunk(name: bytes, data: bytes, crc: int | None = None) -> bytes:
    crc = zlib.crc32(name + data) if crc is None else crc
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc)


def png(before: bytes = b"", after: bytes = b"", end: bool = True, deep: bool = False) -> bytes:
    """The picture as a PNG with chunks before and behind its pixels."""
    values = VALUES.astype(">u2") * 257 if deep else VALUES
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    header = struct.pack(">IIBBBBB", 56, 40, 16 if deep else 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(rows))
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return head + before + pixels + after + (chunk(b"IEND", b"") if end else b"")


def jpeg(*segments: tuple[int, bytes]) -> bytes:
    """The picture as a JPEG with segments of a marker and data behind its start."""
    buffer = io.BytesIO()
    Image.fromarray(VALUES).save(buffer, format="JPEG", quality=95, subsampling=0)
    data = buffer.getvalue()
    added = b"".join(struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body for marker, body in segments)
    return data[:2] + added + data[2:]


def exif(value: bytes, form: int = 3, count: int = 1, order: str = "<", head: bytes | None = None) -> bytes:
    """An EXIF block of an orientation alone."""
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] if head is None else head
    tag = struct.pack(f"{order}HHI", 0x0112, form, count) + value.ljust(4, b"\0")
    return start + struct.pack(f"{order}IH", 8, 1) + tag + bytes(4)


def read(tmp_path: Path, data: bytes) -> torch.Tensor:
    path = tmp_path / "picture"
    path.write_bytes(data)
    return read_image(path)


NOISE = np.random.default_rng(1).bytes(3_000_000)
LONG = {
    "text": chunk(b"tEXt", b"Comment\0" + b"x" * 3_000_000),
    "packed text": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 80_000_000, 1)),
    "international text": chunk(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(b"x" * 3_000_000)),
    "profile": chunk(b"iCCP", b"wide\0\0" + zlib.compress(NOISE, 0)),
    "many": chunk(b"tEXt", b"k\0v") * 20_000,
}
DAMAGED = {
    "checksum": chunk(b"tEXt", b"Comment\0hello", crc=1),
    "packed text": chunk(b"zTXt", b"Comment\0\0no deflate"),
    "profile": chunk(b"iCCP", b"icc\0\0no deflate"),
    "resolution": chunk(b"pHYs", b"\0\1"),
    "gamma": chunk(b"gAMA", b"\0"),
    "primaries": chunk(b"cHRM", b"\0" * 31),
    "code points": chunk(b"cICP", b"\1"),
    "EXIF": chunk(b"eXIf", b"II*\0\xff\xff\xff\xff"),
    "time": chunk(b"tIME", b"\0"),
    "animation": chunk(b"acTL", struct.pack(">II", 0, 0)) + chunk(b"fcTL", b"\0"),
}


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("extra", [*LONG.items(), *DAMAGED.items()], ids=lambda item: item[0])
def test_png_with_long_or_damaged_chunks(tmp_path: Path, extra: tuple[str, bytes], deep: bool) -> None:
    assert torch.equal(read(tmp_path, png(before=extra[1], deep=deep)), EXPECTED)
    assert torch.equal(read(tmp_path, png(after=extra[1], deep=deep)), EXPECTED)


@pytest.mark.parametrize("deep", [False, True])
def test_png_that_is_cut_behind_its_pixels(tmp_path: Path, deep: bool) -> None:
    assert torch.equal(read(tmp_path, png(end=False, deep=deep)), EXPECTED)
    text = chunk(b"tEXt", b"Comment\0" + b"x" * 100)
    for cut in (5, 40, len(text) - 1):
        assert torch.equal(read(tmp_path, png(after=text[:cut], end=False, deep=deep)), EXPECTED)
    whole = png(end=False, deep=deep)
    for cut in (60, len(whole) // 2, len(whole) - 40):
        with pytest.raises(ImageError, match="is damaged or cut short: "):
            read(tmp_path, whole[:cut])


def test_jpeg_with_odd_segments(tmp_path: Path) -> None:
    plain = read(tmp_path, jpeg())
    odd = [
        (0xE1, b"Exif\0\0" + b"\xff" * 40),
        (0xE1, b"Exif\0\0"),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0<broken tiff:Orientation='9'"),
        (0xE2, b"ICC_PROFILE\0\2\2rest of a profile"),
        (0xE2, b"MPF\0II*\0" + b"\xff" * 60),
        (0xED, b"Photoshop 3.0\x008BIM\xff\xff\xff"),
        (0xFE, b"x" * 60_000),
    ]
    assert torch.equal(read(tmp_path, jpeg(*odd)), plain)
    assert torch.equal(read(tmp_path, jpeg(*[(0xE1, b"y" * 65_000)] * 80)), plain)


def test_webp_with_odd_blocks(tmp_path: Path) -> None:
    path = tmp_path / "picture.webp"
    Image.fromarray(VALUES).save(path, lossless=True, exif=b"Exif\0\0\xff\xff", icc_profile=b"no profile")
    assert torch.equal(read_image(path), EXPECTED)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("form", "count", "width"), [(3, 1, 2), (1, 1, 1), (4, 1, 4), (8, 1, 2), (9, 1, 4), (7, 1, 1), (7, 2, 2)]
)
def test_an_orientation_of_any_type_turns_the_picture(
    tmp_path: Path, order: str, form: int, count: int, width: int
) -> None:
    block = exif((6).to_bytes(width, "little" if order == "<" else "big"), form, count, order)
    assert torch.equal(read(tmp_path, png(before=chunk(b"eXIf", block))), TURNED)
    assert torch.equal(read(tmp_path, png(before=chunk(b"eXIf", b"Exif\0\0" + block), deep=True)), TURNED)
    assert read(tmp_path, jpeg((0xE1, b"Exif\0\0" + block))).shape == (3, 56, 40)
    path = tmp_path / "picture.tif"
    tag = {3: "H", 1: "B", 4: "I", 8: "h", 9: "i", 7: "s"}[form]
    if form != 7:
        tifffile.imwrite(path, VALUES, photometric="rgb", extratags=[(274, tag, 1, 6, True)])
        assert torch.equal(read_image(path), TURNED)


@pytest.mark.parametrize(
    "block",
    [
        exif(b"\6\0", head=b""),
        exif(b"\6\0", head=b"\0\0\0\0"),
        exif(b"\0\0"),
        exif(b"\x09\0"),
        exif(b"\6\0\0\0", form=2),
        exif(b"\6\0\0\0", form=99),
        exif(b"\6\0\0\0", form=7, count=4_000_000_000),
        exif(b"\6\0", count=0),
        exif(b"\6\0")[:12],
        b"",
    ],
)
def test_what_is_no_orientation_turns_nothing(tmp_path: Path, block: bytes) -> None:
    assert exif_orientation(block) is None
    assert torch.equal(read(tmp_path, png(before=chunk(b"eXIf", block))), EXPECTED)
    assert read(tmp_path, jpeg((0xE1, b"Exif\0\0" + block))).shape == (3, 40, 56)


@pytest.mark.parametrize("value", [b"\x06", b"\x06\0", "6", (6, 1), 9, 0])
def test_tiff_with_an_odd_orientation(tmp_path: Path, value: object) -> None:
    path = tmp_path / "picture.tif"
    form = "s" if isinstance(value, str) else "B" if isinstance(value, (bytes, tuple)) else "H"
    length = 1 if isinstance(value, int) else len(value)  # type: ignore[arg-type]
    tifffile.imwrite(path, VALUES, photometric="rgb", extratags=[(274, form, length, value, True)])
    assert torch.equal(read_image(path), TURNED if isinstance(value, (bytes, tuple)) else EXPECTED)


def test_an_orientation_in_text_and_in_xmp(tmp_path: Path) -> None:
    block = (b"Exif\0\0" + exif(b"\6\0")).hex().encode()
    raw = (
        b"\nexif\n" + str(len(block) // 2).encode().rjust(8) + b"\n" + block[:72] + b"\n" + block[72:] + b"\n"
    )
    assert torch.equal(read(tmp_path, png(chunk(b"tEXt", b"Raw profile type exif\0" + raw))), TURNED)
    packed = chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw))
    assert torch.equal(read(tmp_path, png(packed)), TURNED)
    assert torch.equal(read(tmp_path, png(chunk(b"tEXt", b"Raw profile type exif\0\nexif\n2\nzz"))), EXPECTED)
    xmp = b'<rdf:Description tiff:Orientation="6"/>'
    assert torch.equal(read(tmp_path, png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp))), TURNED)
    assert read(tmp_path, jpeg((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp))).shape == (3, 56, 40)


def test_png_made_by_pillow_with_metadata_is_equal(tmp_path: Path) -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "long " * 100_000, zip=True)
    notes.add_itxt("Title", "Straße", "de", "Titel")
    path = tmp_path / "picture.png"
    Image.fromarray(VALUES).save(path, pnginfo=notes, dpi=(300, 300))
    assert torch.equal(read_image(path), EXPECTED)


@pytest.mark.parametrize(("bits", "lossless"), [(12, False), (12, True), (16, True)])
def test_jpeg_of_more_bits(tmp_path: Path, bits: int, lossless: bool) -> None:
    highest = 2**bits - 1
    ramp = np.add.outer(np.linspace(0, highest / 2, 48), np.linspace(0, highest / 2, 64)).round()
    values = np.dstack([ramp, highest - ramp, ramp // 2]).astype(np.uint16)
    data = imagecodecs.jpeg8_encode(values, level=98, bitspersample=bits, lossless=lossless)
    found = read(tmp_path, data)
    expected = torch.from_numpy(values / np.float32(highest)).permute(2, 0, 1)
    assert float((found - expected).abs().mean()) <= (0 if lossless else 0.004)
    # Eight bits would leave steps of 1/255.
    assert len(found.unique()) > 1000
    with pytest.raises(ImageError, match="cut short: the end of the picture is missing"):
        read(tmp_path, data[: int(0.8 * len(data))])


def test_jpegs_that_are_not_read_are_named(tmp_path: Path) -> None:
    path = tmp_path / "picture"
    with pytest.raises(ImageError) as caught:
        read(tmp_path, imagecodecs.jpegls_encode(VALUES))
    what = "a JPEG-LS of 8 bits a sample and 3 channels"
    assert str(caught.value) == f"'{path}' is {what}, which is not read; convert it to PNG or TIFF"
    ink = np.full((40, 56, 4), 1000, dtype=np.uint16)
    with pytest.raises(ImageError, match="a JPEG of 12 bits a sample and 4 channels, which is not read"):
        read(
            tmp_path, imagecodecs.jpeg8_encode(ink, bitspersample=12, colorspace="CMYK", outcolorspace="CMYK")
        )


def test_what_is_whole_but_not_supported_is_not_called_damaged(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(VALUES).save(buffer, format="BMP")
    data = bytearray(buffer.getvalue())
    # A BMP with a JPEG inside.
    data[30:34] = struct.pack("<I", 4)
    with pytest.raises(ImageError, match="is of a kind that cannot be read: Unsupported BMP compression"):
        read(tmp_path, bytes(data))


def test_transparency_is_said_once_and_only_where_there_is_some(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="isptune")
    values = np.dstack([VALUES, np.full((40, 56), 255, dtype=np.uint8)])
    Image.fromarray(values).save(tmp_path / "opaque.png")
    assert torch.equal(read_image(tmp_path / "opaque.png"), EXPECTED)
    assert caplog.messages == []
    values[3, 4, 3] = 100
    for index in range(5):
        Image.fromarray(values).save(tmp_path / f"{index}.png")
        read_image(tmp_path / f"{index}.png")
        read_image(tmp_path / f"{index}.png")
    said = "is partly transparent: it is laid over white"
    assert caplog.messages == [
        f"'{tmp_path}/0.png' {said}",
        f"'{tmp_path}/1.png' {said}",
        f"'{tmp_path}/2.png' {said}; further such pictures are not named",
    ]

"""Reading TIFF in its many layouts."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from isptune.errors import ImageError
from isptune.scenes import read_image

HEIGHT, WIDTH = 40, 56


def samples(channels: int, bits: int = 8, seed: int = 0) -> np.ndarray:
    """Random unsigned integers (H, W, C) that use the whole range."""
    generator = np.random.default_rng(seed)
    highest = 2**bits - 1
    values = generator.integers(0, highest + 1, size=(HEIGHT, WIDTH, channels))
    values[0, 0], values[0, 1] = 0, highest
    return values.astype(np.uint8 if bits <= 8 else np.uint16)


def planes(values: np.ndarray, highest: int) -> torch.Tensor:
    """Integers (H, W, 3) as the tensor that a reader should give: correctly rounded float32."""
    return torch.from_numpy((values.astype(np.float64) / highest).astype(np.float32).transpose(2, 0, 1))


def refusal(path: Path) -> str:
    with pytest.raises(ImageError) as caught:
        read_image(path)
    return str(caught.value)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("compression", [None, "lzw", "zlib"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_tiff_layouts_are_exact(tmp_path: Path, bits: int, compression: str | None, planar: str) -> None:
    values = samples(3, bits=bits)
    stored = values if planar == "contig" else values.transpose(2, 0, 1)
    path = tmp_path / "scan.tif"
    tifffile.imwrite(
        path,
        stored,
        photometric="rgb",
        planarconfig=planar,
        compression=compression,
        predictor=bool(compression),
    )
    assert torch.equal(read_image(path), planes(values, 2**bits - 1))


@pytest.mark.parametrize("options", [{"byteorder": ">"}, {"bigtiff": True}, {"tile": (16, 16)}])
def test_tiff_byte_orders_and_tiles(tmp_path: Path, options: dict) -> None:
    values = samples(3, bits=16)
    tifffile.imwrite(tmp_path / "scan.tiff", values, photometric="rgb", **options)
    assert torch.equal(read_image(tmp_path / "scan.tiff"), planes(values, 65535))


def test_tiff_grey_inverted_grey_bitmap_and_palette(tmp_path: Path) -> None:
    grey = samples(1, bits=16)[:, :, 0]
    tifffile.imwrite(tmp_path / "black.tif", grey, photometric="minisblack")
    tifffile.imwrite(tmp_path / "white.tif", grey, photometric="miniswhite")
    assert torch.equal(read_image(tmp_path / "black.tif"), planes(np.dstack([grey] * 3), 65535))
    inverted = planes(np.dstack([65535 - grey] * 3), 65535)
    assert torch.allclose(read_image(tmp_path / "white.tif"), inverted, atol=1e-7)

    bitmap = grey > 32000
    tifffile.imwrite(tmp_path / "bitmap.tif", bitmap, photometric="minisblack")
    assert torch.equal(read_image(tmp_path / "bitmap.tif"), planes(np.dstack([bitmap] * 3), 1))
    Image.fromarray(bitmap).save(tmp_path / "fax.tif", compression="group4")
    assert torch.equal(read_image(tmp_path / "fax.tif"), planes(np.dstack([bitmap] * 3), 1))

    colours = np.random.default_rng(1).integers(0, 65536, size=(3, 256)).astype(np.uint16)
    index = samples(1)[:, :, 0]
    tifffile.imwrite(tmp_path / "palette.tif", index, photometric="palette", colormap=colours)
    assert torch.equal(read_image(tmp_path / "palette.tif"), planes(colours.T[index], 65535))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_palette_is_the_same_in_tiff_and_png(tmp_path: Path, bits: int) -> None:
    generator = np.random.default_rng(2)
    colours = generator.integers(0, 256, size=(2**bits, 3)).astype(np.uint8)
    # All but the brightest values, so that no maximum tells what the whole range is.
    colours = np.minimum(colours, 240)
    index = generator.integers(0, 2**bits, size=(HEIGHT, WIDTH)).astype(np.uint8)
    picture = Image.fromarray(index, mode="P")
    picture.putpalette(colours.tobytes())
    picture.save(tmp_path / "palette.png", bits=bits)
    expected = read_image(tmp_path / "palette.png")
    assert torch.equal(expected, planes(colours[index], 255))
    # Pillow multiplies by 256, as libtiff does; others by 257, and old writers by nothing.
    picture.save(tmp_path / "palette.tif")
    assert torch.equal(read_image(tmp_path / "palette.tif"), expected)
    for factor in (256, 257, 1):
        map16 = np.zeros((3, 256), dtype=np.uint16)
        map16[:, : len(colours)] = colours.T.astype(np.uint16) * factor
        tifffile.imwrite(tmp_path / "made.tif", index, photometric="palette", colormap=map16)
        assert torch.equal(read_image(tmp_path / "made.tif"), expected), factor


def packed_palette(index: np.ndarray, bits: int, colours: np.ndarray) -> bytes:
    """A TIFF with several indices in a byte, which tifffile does not write."""
    shifts = [8 - bits * (place + 1) for place in range(8 // bits)]
    parts = index.reshape(index.shape[0], -1, len(shifts))
    rows = sum(parts[:, :, place].astype(np.uint8) << shift for place, shift in enumerate(shifts))
    data, table = rows.astype(np.uint8).tobytes(), colours.T.astype("<u2").tobytes()
    entries = {256: (3, 1, index.shape[1]), 257: (3, 1, index.shape[0]), 258: (3, 1, bits), 259: (3, 1, 1)}
    start = 8 + 2 + 12 * 9 + 4
    entries |= {262: (3, 1, 3), 273: (4, 1, start + len(table)), 278: (3, 1, index.shape[0])}
    entries |= {279: (4, 1, len(data)), 320: (3, 3 * len(colours), start)}
    tags = b"".join(struct.pack("<HHII", tag, *entry) for tag, entry in sorted(entries.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + tags + bytes(4) + table + data


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_palette_of_packed_indices(tmp_path: Path, bits: int) -> None:
    generator = np.random.default_rng(3)
    colours = generator.integers(0, 65536, size=(2**bits, 3))
    index = generator.integers(0, 2**bits, size=(HEIGHT, WIDTH))
    (tmp_path / "packed.tif").write_bytes(packed_palette(index, bits, colours))
    assert torch.equal(read_image(tmp_path / "packed.tif"), planes(colours[index], 65535))


def test_a_palette_with_alpha(tmp_path: Path) -> None:
    generator = np.random.default_rng(4)
    colours = generator.integers(0, 256, size=(256, 3)).astype(np.uint8)
    values = generator.integers(0, 256, size=(HEIGHT, WIDTH, 2)).astype(np.uint8)
    values[3, 4, 1], values[5, 6, 1] = 255, 0
    picture = Image.fromarray(values, mode="PA")
    picture.putpalette(colours.tobytes())
    picture.save(tmp_path / "glass.tif")
    image = read_image(tmp_path / "glass.tif").permute(1, 2, 0).numpy()
    alpha = values[:, :, 1:] / 255
    assert np.allclose(image, colours[values[:, :, 0]] / 255 * alpha + (1 - alpha), atol=1e-6)
    assert np.array_equal(image[3, 4], colours[values[3, 4, 0]] / np.float32(255))


@pytest.mark.parametrize(
    ("bits", "channels"),
    [(1, 1), *((bits, count) for bits in (2, 4, 8, 10, 12, 14, 16, 32) for count in (1, 3))],
)
def test_any_number_of_bits_of_grey_and_inverted_grey(tmp_path: Path, bits: int, channels: int) -> None:
    highest = 2**bits - 1
    values = np.random.default_rng(5).integers(0, highest, size=(HEIGHT, WIDTH, channels), endpoint=True)
    kind = bool if bits == 1 else np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32
    stored = values.astype(kind) if channels == 3 else values.astype(kind)[:, :, 0]
    for name in ("rgb",) if channels == 3 else ("minisblack", "miniswhite"):
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, stored, photometric=name, bitspersample=bits)
        seen = highest - values if name == "miniswhite" else values
        assert torch.equal(read_image(path), planes(np.broadcast_to(seen, (HEIGHT, WIDTH, 3)), highest))
        if channels == 1 and bits in (1, 8):
            with Image.open(path) as picture:
                reference = np.asarray(picture.convert("RGB"))
            assert torch.equal(read_image(path), planes(reference, 255))


def test_samples_of_unlike_sizes(tmp_path: Path) -> None:
    values = np.random.default_rng(6).integers(0, 2**16, size=(HEIGHT, WIDTH)).astype(np.uint16)
    path = tmp_path / "small.tif"
    tifffile.imwrite(path, values, photometric="minisblack")
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        tags = file.pages.first.tags
        # One grey sample of 16 bits becomes three of 5, 6 and 5 in the same 16 bits.
        place = len(data)
        data += struct.pack("<3H", 5, 6, 5)
        struct.pack_into("<HHII", data, tags[258].offset, 258, 3, 3, place)
        struct.pack_into("<H", data, tags[262].offset + 8, 2)
        struct.pack_into("<H", data, tags[277].offset + 8, 3)
    path.write_bytes(data)
    with tifffile.TiffFile(path) as file:
        reference = file.pages.first.asarray()
    image = read_image(path)
    assert float(image.max()) <= 1
    assert float(image.max()) > 0.95
    assert torch.equal(image, planes(reference, 255))


def test_tiff_of_twelve_bits_spans_the_whole_range(tmp_path: Path) -> None:
    values = samples(3, bits=12)
    tifffile.imwrite(tmp_path / "sensor.tif", values, photometric="rgb", bitspersample=12)
    assert torch.equal(read_image(tmp_path / "sensor.tif"), planes(values, 4095))


def test_tiff_of_floating_point(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((HEIGHT, WIDTH, 3), dtype=np.float32)
    tifffile.imwrite(tmp_path / "float.tif", values, photometric="rgb")
    assert torch.equal(read_image(tmp_path / "float.tif"), torch.from_numpy(values.transpose(2, 0, 1).copy()))
    for name, wrong in (("bright", 1.5), ("dark", -0.1), ("nan", np.nan)):
        values[4, 5, 1] = wrong
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, values, photometric="rgb")
        assert refusal(path) == f"'{path}' holds floating point outside [0, 1]"


@pytest.mark.parametrize("bits", [8, 16])
def test_tiff_in_cmyk(tmp_path: Path, bits: int) -> None:
    ink = samples(4, bits=bits)
    tifffile.imwrite(tmp_path / "print.tif", ink, photometric="separated")
    share = ink / (2**bits - 1)
    expected = torch.from_numpy(((1 - share[:, :, :3]) * (1 - share[:, :, 3:])).transpose(2, 0, 1).copy())
    assert torch.allclose(read_image(tmp_path / "print.tif").double(), expected, atol=1e-6)


def test_tiff_alpha_premultiplied_and_not(tmp_path: Path) -> None:
    values = samples(4, bits=16)
    alpha = values[:, :, 3:] / 65535
    tifffile.imwrite(tmp_path / "straight.tif", values, photometric="rgb", extrasamples=["unassalpha"])
    straight = values[:, :, :3] / 65535 * alpha + (1 - alpha)
    image = read_image(tmp_path / "straight.tif").double().permute(1, 2, 0).numpy()
    assert np.allclose(image, straight, atol=1e-6)

    values[:, :, :3] = np.floor(values[:, :, :3] * alpha)
    tifffile.imwrite(tmp_path / "ready.tif", values, photometric="rgb", extrasamples=["assocalpha"])
    image = read_image(tmp_path / "ready.tif").double().permute(1, 2, 0).numpy()
    assert np.allclose(image, values[:, :, :3] / 65535 + (1 - alpha), atol=1e-6)

    # An extra channel without a meaning, such as depth, is not alpha.
    tifffile.imwrite(tmp_path / "depth.tif", values, photometric="rgb", extrasamples=["unspecified"])
    assert torch.equal(read_image(tmp_path / "depth.tif"), planes(values[:, :, :3], 65535))


def test_the_first_page_of_a_tiff_is_read(tmp_path: Path) -> None:
    pages = np.stack([samples(3, seed=seed) for seed in range(3)])
    tifffile.imwrite(tmp_path / "pages.tif", pages, photometric="rgb")
    assert torch.equal(read_image(tmp_path / "pages.tif"), planes(pages[0], 255))


def test_tiff_with_jpeg_inside(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(64), np.arange(96)).astype(np.uint8)
    colour = np.dstack([smooth, 255 - smooth, smooth // 2])
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, colour, photometric="rgb", compression="jpeg")
    with Image.open(path) as picture, tifffile.TiffFile(path) as file:
        assert int(file.pages.first.photometric) == 6
        assert torch.equal(read_image(path), planes(np.asarray(picture), 255))
    assert float((read_image(path) - planes(colour, 255)).abs().mean()) < 0.01

    path = tmp_path / "video.tif"
    tifffile.imwrite(path, colour, photometric="ycbcr", subsampling=(1, 1))
    expected = "a TIFF of photometric interpretation 6; grey, palette, RGB and CMYK are read"
    assert refusal(path) == f"'{path}' is {expected}"


def test_signed_and_lab_tiffs(tmp_path: Path) -> None:
    path = tmp_path / "signed.tif"
    tifffile.imwrite(path, samples(3).astype(np.int16), photometric="rgb")
    assert refusal(path) == f"'{path}' holds samples of type int16; unsigned or floating point is read"
    path = tmp_path / "lab.tif"
    tifffile.imwrite(path, samples(3), photometric="cielab")
    expected = "a TIFF of photometric interpretation 8; grey, palette, RGB and CMYK are read"
    assert refusal(path) == f"'{path}' is {expected}"


def test_channels_that_are_no_colours_are_named(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (64, 96, 5), dtype=np.uint8)
    path = tmp_path / "five.tif"
    allowed = "grey, palette, RGB and CMYK are read"
    for sentence, options in (
        ("is a stack of 64 pages of 5x96 pixels, or a picture of 5 channels", {}),
        ("is a TIFF of 5 channels that does not say what they are", {"photometric": "minisblack"}),
    ):
        contiguous = {"planarconfig": "contig"} if options else {}
        tifffile.imwrite(path, values, **options, **contiguous)
        with pytest.raises(ImageError) as caught:
            read_image(path)
        assert str(caught.value) == f"'{path}' {sentence}; {allowed}"

"""Reading pictures of every kind, against encoders and decoders that the reader does not use itself."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms, ImageOps

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


def png(values: np.ndarray, colour_type: int, chunks: tuple[tuple[bytes, bytes], ...] = ()) -> bytes:
    """A 16-bit PNG, written by hand: Pillow writes no 16-bit colour."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, colour_type, 0, 0, 0)
    body = b"".join(chunk(name, data) for name, data in chunks)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + body
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def refusal(path: Path) -> str:
    with pytest.raises(ImageError) as caught:
        read_image(path)
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp", ".tif"])
def test_eight_bits_are_exact(tmp_path: Path, suffix: str) -> None:
    values = samples(3)
    path = tmp_path / f"photo{suffix}"
    Image.fromarray(values).save(path, **({"lossless": True} if suffix == ".webp" else {}))
    image = read_image(path)
    assert image.dtype == torch.float32
    assert image.is_contiguous()
    assert torch.equal(image, planes(values, 255))


def test_the_content_tells_the_format_not_the_suffix(tmp_path: Path) -> None:
    values = samples(3)
    path = tmp_path / "photo.jpg"
    Image.fromarray(values).save(path, format="PNG")
    assert torch.equal(read_image(str(path)), planes(values, 255))


def test_sixteen_bit_png_keeps_every_level(tmp_path: Path) -> None:
    values = samples(3, bits=16)
    path = tmp_path / "deep.png"
    path.write_bytes(png(values, colour_type=2))
    image = read_image(path)
    assert torch.equal(image, planes(values, 65535))
    back = (image.double() * 65535).round().permute(1, 2, 0).numpy().astype(np.uint16)
    assert np.array_equal(back, values)


def test_sixteen_bit_grey_and_alpha_png(tmp_path: Path) -> None:
    grey = samples(1, bits=16)
    (tmp_path / "grey.png").write_bytes(png(grey, colour_type=0))
    assert torch.equal(read_image(tmp_path / "grey.png"), planes(grey.repeat(3, axis=2), 65535))

    for colour_type, channels in ((4, 2), (6, 4)):
        values = samples(channels, bits=16)
        path = tmp_path / f"alpha{colour_type}.png"
        path.write_bytes(png(values, colour_type))
        alpha = values[:, :, -1:] / 65535
        over_white = values[:, :, :-1] / 65535 * alpha + (1 - alpha)
        expected = torch.from_numpy(np.broadcast_to(over_white, (HEIGHT, WIDTH, 3)).transpose(2, 0, 1).copy())
        assert torch.allclose(read_image(path).double(), expected, atol=1e-6)


def test_the_transparent_colour_of_a_sixteen_bit_png_becomes_white(tmp_path: Path) -> None:
    values = samples(3, bits=16)
    path = tmp_path / "key.png"
    path.write_bytes(png(values, 2, ((b"tRNS", values[5, 7].astype(">u2").tobytes()),)))
    expected = planes(values, 65535)
    expected[:, 5, 7] = 1
    assert torch.equal(read_image(path), expected)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("place", [0.0, 0.4, 1.0])
def test_the_transparent_grey_of_a_png_becomes_white(tmp_path: Path, bits: int, place: float) -> None:
    highest = 2**bits - 1
    grey = np.random.default_rng(3).integers(0, highest, size=(HEIGHT, WIDTH), endpoint=True)
    if bits == 16:
        packed = grey.astype(">u2").view(np.uint8).reshape(HEIGHT, -1)
    else:
        shifts = np.arange(8 - bits, -1, -bits)
        packed = (grey.reshape(HEIGHT, -1, 8 // bits) << shifts).sum(axis=2).astype(np.uint8)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    key = round(place * highest)
    path = tmp_path / "key.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, 0, 0, 0, 0))
        + chunk(b"tRNS", struct.pack(">H", key))
        + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in packed)))
        + chunk(b"IEND", b"")
    )
    seen = np.where(grey == key, highest, grey)
    assert torch.equal(read_image(path), planes(np.dstack([seen] * 3), highest))


def test_transparency_is_laid_over_white(tmp_path: Path) -> None:
    values = samples(4)
    values[3, 4] = (10, 20, 30, 255)
    values[5, 6] = (10, 20, 30, 0)
    values[7, 8] = (0, 0, 0, 102)
    for suffix in (".png", ".webp", ".tif"):
        path = tmp_path / f"layer{suffix}"
        Image.fromarray(values).save(path, **({"lossless": True, "exact": True} if suffix == ".webp" else {}))
        image = read_image(path)
        assert torch.equal(image[:, 3, 4], torch.tensor([10.0, 20.0, 30.0]) / 255)
        assert torch.equal(image[:, 5, 6], torch.ones(3))
        assert torch.allclose(image[:, 7, 8], torch.full((3,), 0.6), atol=1e-6)


def test_palette_grey_and_bitmap_png(tmp_path: Path) -> None:
    colours = np.random.default_rng(1).integers(0, 256, size=(16, 3)).astype(np.uint8)
    index = np.random.default_rng(2).integers(0, 16, size=(HEIGHT, WIDTH)).astype(np.uint8)
    picture = Image.fromarray(index, mode="P")
    picture.putpalette(colours.tobytes())
    picture.save(tmp_path / "palette.png")
    assert torch.equal(read_image(tmp_path / "palette.png"), planes(colours[index], 255))

    picture.save(tmp_path / "glass.png", transparency=3)
    seen = colours.copy()
    seen[3] = 255
    assert torch.equal(read_image(tmp_path / "glass.png"), planes(seen[index], 255))

    grey = samples(1)[:, :, 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert torch.equal(read_image(tmp_path / "grey.png"), planes(np.dstack([grey] * 3), 255))
    Image.fromarray(grey).save(tmp_path / "grey_key.png", transparency=int(grey[9, 9]))
    seen_grey = np.where(grey == grey[9, 9], 255, grey)
    assert torch.equal(read_image(tmp_path / "grey_key.png"), planes(np.dstack([seen_grey] * 3), 255))

    bitmap = grey > 127
    Image.fromarray(bitmap).save(tmp_path / "bitmap.png")
    assert torch.equal(read_image(tmp_path / "bitmap.png"), planes(np.dstack([bitmap * 255] * 3), 255))


def test_jpeg_in_colour_grey_and_cmyk(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)).astype(np.uint8)
    colour = np.dstack([smooth, 255 - smooth, smooth // 2])
    Image.fromarray(colour).save(tmp_path / "colour.jpg", quality=95)
    with Image.open(tmp_path / "colour.jpg") as picture:
        assert torch.equal(read_image(tmp_path / "colour.jpg"), planes(np.asarray(picture), 255))
    assert float((read_image(tmp_path / "colour.jpg") - planes(colour, 255)).abs().mean()) < 0.01

    Image.fromarray(smooth).save(tmp_path / "grey.jpg", quality=95)
    grey = read_image(tmp_path / "grey.jpg")
    assert torch.equal(grey[0], grey[1])
    assert torch.equal(grey[0], grey[2])

    # One flat ink mixture: (1 - c)(1 - k) of each ink.
    ink = np.full((HEIGHT, WIDTH, 4), (51, 102, 0, 51), dtype=np.uint8)
    Image.fromarray(ink, mode="CMYK").save(tmp_path / "print.jpg", quality=100)
    expected = torch.tensor([0.8 * 0.8, 0.6 * 0.8, 0.8])
    assert torch.allclose(read_image(tmp_path / "print.jpg")[:, 20, 20], expected, atol=0.012)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    values = samples(3)
    exif = Image.Exif()
    exif[0x0112] = orientation
    tagged = Image.fromarray(values)
    tagged.getexif()[0x0112] = orientation
    seen = np.asarray(ImageOps.exif_transpose(tagged))
    expected = planes(seen, 255)
    assert expected.shape == ((3, HEIGHT, WIDTH) if orientation < 5 else (3, WIDTH, HEIGHT))

    Image.fromarray(values).save(tmp_path / "turned.png", exif=exif)
    assert torch.equal(read_image(tmp_path / "turned.png"), expected)
    Image.fromarray(values).save(tmp_path / "turned.webp", exif=exif, lossless=True)
    assert torch.equal(read_image(tmp_path / "turned.webp"), expected)
    Image.fromarray(values).save(tmp_path / "turned.jpg", exif=exif, quality=100, subsampling=0)
    assert float((read_image(tmp_path / "turned.jpg") - expected).abs().mean()) < 0.01
    tifffile.imwrite(
        tmp_path / "turned.tif", values, photometric="rgb", extratags=[(274, "H", 1, orientation, True)]
    )
    assert torch.equal(read_image(tmp_path / "turned.tif"), expected)


def test_an_embedded_profile_is_ignored(tmp_path: Path) -> None:
    values = samples(3)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    Image.fromarray(values).save(tmp_path / "profiled.png", icc_profile=profile)
    assert torch.equal(read_image(tmp_path / "profiled.png"), planes(values, 255))


def test_pillows_global_limits_are_left_alone(tmp_path: Path) -> None:
    before = Image.MAX_IMAGE_PIXELS
    Image.fromarray(samples(3)).save(tmp_path / "photo.png")
    read_image(tmp_path / "photo.png")
    assert before == Image.MAX_IMAGE_PIXELS


class TestRefusals:
    """Each mistake in one sentence, word for word."""

    def test_missing(self, tmp_path: Path) -> None:
        Image.fromarray(samples(3)).save(tmp_path / "kitchen.png")
        path = tmp_path / "kichen.png"
        assert refusal(path) == f"'{path}': there is no such file; did you mean 'kitchen.png'?"
        path = tmp_path / "zzz.tif"
        assert refusal(path) == f"'{path}': there is no such file"
        path = tmp_path / "nowhere" / "photo.png"
        assert refusal(path) == f"'{path}': there is no folder '{tmp_path / 'nowhere'}'"

    def test_a_folder(self, tmp_path: Path) -> None:
        assert refusal(tmp_path) == f"'{tmp_path}' is a folder, where an image file is needed"

    def test_empty(self, tmp_path: Path) -> None:
        path = tmp_path / "photo.png"
        path.write_bytes(b"")
        assert refusal(path) == f"'{path}' is an empty file (0 bytes)"

    @pytest.mark.parametrize("content", [b"hello, this is text", b"GIF89a" + bytes(50), b"\x89PNG", b"BM"])
    def test_not_an_image(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "photo.png"
        path.write_bytes(content)
        if content == b"BM":
            assert refusal(path).startswith(f"'{path}' is damaged or cut short: ")
        else:
            assert (
                refusal(path) == f"'{path}' is not an image that can be read (PNG, JPEG, WebP, BMP or TIFF)"
            )

    @pytest.mark.parametrize("suffix", [".dng", ".NEF", ".cr2"])
    def test_a_raw_file(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"night{suffix}"
        tifffile.imwrite(path, samples(3), photometric="rgb")
        assert refusal(path) == f"'{path}' is a camera's raw file; develop it to PNG or TIFF first"

    @pytest.mark.parametrize("size", [(31, 64), (64, 31), (1, 1)])
    @pytest.mark.parametrize("suffix", [".png", ".tif"])
    def test_tiny(self, tmp_path: Path, size: tuple[int, int], suffix: str) -> None:
        path = tmp_path / f"icon{suffix}"
        Image.new("RGB", size).save(path)
        assert refusal(path) == f"'{path}' is {size[0]}x{size[1]} pixels; a scene needs at least 32x32"

    def test_thirty_two_pixels_are_enough(self, tmp_path: Path) -> None:
        Image.new("RGB", (32, 32)).save(tmp_path / "icon.png")
        assert read_image(tmp_path / "icon.png").shape == (3, 32, 32)

    def test_a_decompression_bomb_is_refused_from_its_header(self, tmp_path: Path) -> None:
        buffer = io.BytesIO()
        Image.new("1", (64, 64)).save(buffer, format="PNG")
        data = bytearray(buffer.getvalue())
        data[16:24] = struct.pack(">II", 20_000, 10_001)
        data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
        path = tmp_path / "bomb.png"
        path.write_bytes(data)
        assert refusal(path) == f"'{path}' is 20000x10001 pixels; at most 200 megapixels are read"

    @pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tif", "deep.png", "deflate.tif"])
    @pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
    def test_cut_short(self, tmp_path: Path, suffix: str, share: float) -> None:
        path = tmp_path / f"photo{suffix}"
        if suffix == "deep.png":
            path.write_bytes(png(samples(3, bits=16), colour_type=2))
        elif suffix == "deflate.tif":
            tifffile.imwrite(path, samples(3), photometric="rgb", compression="zlib", rowsperstrip=8)
        else:
            Image.fromarray(samples(3)).save(path)
        data = path.read_bytes()
        path.write_bytes(data[: int(share * len(data))])
        message = refusal(path)
        assert message.startswith(f"'{path}' is damaged or cut short: ")
        assert "\n" not in message

    @pytest.mark.parametrize("suffix", [".png", "deep.png"])
    def test_flipped_bits(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"photo{suffix}"
        if suffix == "deep.png":
            path.write_bytes(png(samples(3, bits=16), colour_type=2))
        else:
            Image.fromarray(samples(3)).save(path)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data)
        assert refusal(path).startswith(f"'{path}' is damaged or cut short: ")

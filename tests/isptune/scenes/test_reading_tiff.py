"""Reading TIFF in its many layouts."""

from __future__ import annotations

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

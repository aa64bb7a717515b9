"""Colour profiles: against LittleCMS where it serves, and by hand where it does not."""

from __future__ import annotations

import logging
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms

from isptune.scenes import read_image
from isptune.scenes.colours import _told

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ADOBE = imagecodecs.cms_profile("adobergb")
VALUES = np.random.default_rng(0).integers(0, 256, size=(40, 56, 3)).astype(np.uint8)
PLAIN = torch.from_numpy((VALUES / np.float32(255)).transpose(2, 0, 1).copy())

P3_COLUMNS = ((0.515121, 0.241196, -0.001053), (0.291977, 0.692245, 0.041885), (0.157104, 0.066574, 0.784073))
SRGB_COLUMNS = (
    (0.436066, 0.222488, 0.013916),
    (0.385147, 0.716873, 0.097076),
    (0.143066, 0.060608, 0.714096),
)


@pytest.fixture(autouse=True)
def nothing_told(caplog: pytest.LogCaptureFixture) -> None:
    _told.clear()
    caplog.set_level(logging.WARNING, logger="isptune")


def profile(tags: dict[bytes, bytes], model: bytes = b"RGB ") -> bytes:
    """An ICC profile with those tags."""
    start, table, body = 132 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = bytearray(128)
    head[8:12], head[12:24], head[36:40] = b"\4\0\0\0", b"mntr" + model + b"XYZ ", b"acsp"
    head[68:80] = struct.pack(">3i", 63190, 65536, 54061)
    head[0:4] = struct.pack(">I", start + len(body))
    return bytes(head) + struct.pack(">I", len(tags)) + table + body


def named(text: str) -> bytes:
    letters = text.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">IIHHII", 1, 12, 0x656E, 0x5553, len(letters), 28) + letters


def formula(kind: int, *values: float) -> bytes:
    numbers = (round(value * 65536) for value in values)
    return b"para\0\0\0\0" + struct.pack(f">HH{len(values)}i", kind, 0, *numbers)


def matrix_profile(columns: tuple[tuple[float, ...], ...], curve: bytes, name: str) -> bytes:
    tags = {b"desc": named(name)}
    for key, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True):
        tags[key] = b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in column))
    return profile(tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


STANDARD = formula(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
P3 = matrix_profile(P3_COLUMNS, STANDARD, "Display P3")


def encode(light: np.ndarray) -> np.ndarray:
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def decode(numbers: np.ndarray) -> np.ndarray:
    return np.where(numbers <= 0.04045, numbers / 12.92, ((numbers + 0.055) / 1.055) ** 2.4)


def from_p3(numbers: np.ndarray) -> torch.Tensor:
    """By hand: curve, matrix, sRGB's matrix backwards, curve."""
    matrix = np.linalg.inv(np.array(SRGB_COLUMNS).T) @ np.array(P3_COLUMNS).T
    return torch.from_numpy(encode(decode(numbers.astype(np.float64)) @ matrix.T).transpose(2, 0, 1).copy())


def by_littlecms(icc: bytes) -> np.ndarray:
    picture = Image.fromarray(VALUES)
    import io

    seen = ImageCms.profileToProfile(
        picture, ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB"), renderingIntent=1
    )
    return np.asarray(seen) / 255


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
@pytest.mark.parametrize("icc", [P3, ADOBE], ids=["Display P3", "Adobe RGB"])
def test_profiles_are_converted_as_littlecms_does(tmp_path: Path, suffix: str, icc: bytes) -> None:
    path = tmp_path / f"photo{suffix}"
    values = VALUES if suffix != ".jpg" else np.full_like(VALUES, (200, 60, 30))
    options = {".jpg": {"quality": 100, "subsampling": 0}, ".webp": {"lossless": True}}
    Image.fromarray(values).save(path, icc_profile=icc, **options.get(suffix, {}))
    found = read_image(path).permute(1, 2, 0).numpy()
    if suffix == ".jpg":
        plain = tmp_path / "plain.jpg"
        Image.fromarray(values).save(plain, **options[suffix])
        # A red of a wide space is a stronger red in sRGB.
        assert found[20, 20, 0] > float(read_image(plain)[0, 20, 20]) + 0.02
    else:
        assert np.abs(found - by_littlecms(icc)).max() < 1.6 / 255


def test_sixteen_bits_stay_sixteen_bits(tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(0, 65536, size=(40, 56, 3)).astype(np.uint16)
    path = tmp_path / "deep.tif"
    tifffile.imwrite(path, values, photometric="rgb", iccprofile=P3)
    expected = from_p3(values / 65535)
    assert float((read_image(path).double() - expected).abs().max()) < 2e-4
    # In the middle of the range nothing but the rounding of the profile's own numbers is left.
    inside = (expected > 0.2) & (expected < 0.8)
    assert float((read_image(path).double() - expected).abs()[inside].max()) < 1e-4


def test_what_is_srgb_is_left_to_the_last_bit(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = np.round(decode(np.linspace(0, 1, 1024)) * 65535).astype(">u2").tobytes()
    curve = b"curv\0\0\0\0" + struct.pack(">I", 1024) + table
    for icc in (
        SRGB,
        matrix_profile(SRGB_COLUMNS, STANDARD, "sRGB"),
        matrix_profile(SRGB_COLUMNS, curve, ""),
    ):
        Image.fromarray(VALUES).save(tmp_path / "photo.png", icc_profile=icc)
        assert torch.equal(read_image(tmp_path / "photo.png"), PLAIN)
    assert caplog.messages == []


def test_every_formula_of_a_curve(tmp_path: Path) -> None:
    grey = np.arange(40 * 56).reshape(40, 56) % 256
    numbers = np.dstack([grey] * 3) / 255
    curves = {
        formula(0, 1.8): numbers**1.8,
        formula(1, 2.0, 1.25, -0.25): np.where(numbers >= 0.2, (1.25 * numbers - 0.25).clip(0) ** 2, 0),
        formula(2, 2.0, 1.0, -0.25, 0.25): np.where(
            numbers >= 0.25, (numbers - 0.25).clip(0) ** 2 + 0.25, 0.25
        ),
        formula(3, 2.0, 0.5, 0.5, 0.5, 0.5): np.where(
            numbers >= 0.5, (0.5 * numbers + 0.5) ** 2, 0.5 * numbers
        ),
        formula(4, 2.0, 0.5, 0.25, 0.5, 0.5, 0.125, 0.0625): np.where(
            numbers >= 0.5, (0.5 * numbers + 0.25) ** 2 + 0.125, 0.5 * numbers + 0.0625
        ),
        b"curv\0\0\0\0" + struct.pack(">I", 0): numbers,
        b"curv\0\0\0\0" + struct.pack(">IH", 1, 512): numbers**2,
        b"curv\0\0\0\0" + struct.pack(">I3H", 3, 0, 6554, 65535): np.interp(
            numbers, [0, 0.5, 1], [0, 0.1, 1]
        ),
    }
    for curve, light in curves.items():
        icc = matrix_profile(SRGB_COLUMNS, curve, "made")
        Image.fromarray((numbers * 255).round().astype(np.uint8)).save(
            tmp_path / "photo.png", icc_profile=icc
        )
        found = read_image(tmp_path / "photo.png").permute(1, 2, 0).numpy()
        assert np.abs(found - encode(light)).max() < 2e-3


def test_grey_profiles(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    icc = profile({b"desc": named("Gray Gamma 1.8"), b"kTRC": formula(0, 1.8)}, model=b"GRAY")
    path = tmp_path / "grey.png"
    Image.fromarray(VALUES[:, :, 0]).save(path, icc_profile=icc)
    expected = encode((VALUES[:, :, 0] / 255) ** 1.8)
    for plane in read_image(path).numpy():
        assert np.abs(plane - expected).max() < 1e-4
    assert caplog.messages == [f"'{path}' is converted from the colour profile 'Gray Gamma 1.8' to sRGB"]
    Image.fromarray(VALUES).save(path, icc_profile=icc)
    assert torch.equal(read_image(path), PLAIN)


def test_transparency_is_laid_over_white_after_the_conversion(tmp_path: Path) -> None:
    values = np.dstack([VALUES, np.full((40, 56), 51, dtype=np.uint8)])
    Image.fromarray(values).save(tmp_path / "layer.png", icc_profile=P3)
    expected = from_p3(VALUES / 255) * 0.2 + 0.8
    assert torch.allclose(read_image(tmp_path / "layer.png").double(), expected, atol=1e-4)
    path = tmp_path / "ready.tif"
    ready = np.dstack([VALUES // 5, values[:, :, 3]])
    tifffile.imwrite(path, ready, photometric="rgb", extrasamples=["assocalpha"], iccprofile=P3)
    expected = from_p3((VALUES // 5) / 51.0) * 0.2 + 0.8
    assert torch.allclose(read_image(path).double(), expected, atol=1e-4)


LUT = profile({b"desc": named("Table"), b"A2B0": b"mft2" + bytes(60)})


@pytest.mark.parametrize(
    ("icc", "reason"),
    [
        (ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(), "it is for Lab"),
        (LUT, "it is one of look-up tables, where matrix and grey profiles are converted"),
        (b"no profile", "it is damaged"),
        (P3[:200], "it is damaged"),
        (P3[:-60], "it is damaged"),
        (profile({b"rXYZ": b""}), "it is damaged"),
        (matrix_profile(P3_COLUMNS, formula(0, -1.0), "infinite"), "it is damaged"),
        (matrix_profile(P3_COLUMNS, formula(9), "odd"), "its curves are of the unknown kind 9"),
        (profile({b"desc": b"mluc"}, model=b"CMYK"), "it is for CMYK"),
    ],
)
def test_other_profiles_are_ignored_and_said_so_once(
    tmp_path: Path, icc: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(VALUES).save(path, icc_profile=icc)
    assert torch.equal(read_image(path), PLAIN)
    assert torch.equal(read_image(path), PLAIN)
    said = f"'{path}' has a colour profile that is ignored: {reason}; its numbers count as sRGB"
    assert caplog.messages == [said]


def with_chunks(path: Path, *chunks: tuple[bytes, bytes]) -> Path:
    Image.fromarray(VALUES).save(path)
    data = path.read_bytes()
    made = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    path.write_bytes(data[:33] + made + data[33:])
    return path


def test_colours_that_a_png_names_by_number(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = with_chunks(tmp_path / "p3.png", (b"cICP", bytes((12, 13, 0, 1))))
    assert torch.allclose(read_image(path).double(), from_p3(VALUES / 255), atol=1e-6)
    assert caplog.messages == [f"'{path}' is converted from the colour profile 'Display P3' to sRGB"]
    caplog.clear()
    usual = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    for index, chunks in enumerate(
        (
            [(b"cICP", bytes((1, 13, 0, 1)))],
            [(b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 100_000))],
            [(b"gAMA", struct.pack(">I", 45455)), (b"cHRM", usual)],
        )
    ):
        path = with_chunks(tmp_path / f"srgb{index}.png", *chunks)
        assert torch.equal(read_image(path), PLAIN)
    assert caplog.messages == []
    path = with_chunks(tmp_path / "linear.png", (b"gAMA", struct.pack(">I", 100_000)))
    assert torch.equal(read_image(path), PLAIN)
    path = with_chunks(tmp_path / "hdr.png", (b"cICP", bytes((9, 16, 0, 1))))
    assert torch.equal(read_image(path), PLAIN)
    assert [message.partition("ignored: ")[2].partition(";")[0] for message in caplog.messages] == [
        "a gamma of 1",
        "the code points 9-16-0-1",
    ]

"""Raw pictures as files: DNG written and read, and what is refused."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from isptune.errors import ImageError
from isptune_raw import RawImage, dng_bytes, read_raw, simulate, write_dng
from isptune_raw.cameras import CAMERAS
from isptune_raw.mosaic import PATTERNS, neutral_of

rawpy = pytest.importorskip("rawpy")

MATRIX = CAMERAS[1].matrix


def mosaic(height: int = 48, width: int = 64, most: int = 4095) -> np.ndarray:
    return np.random.default_rng(0).integers(0, most, (height, width)).astype(np.uint16)


def some(pattern: str = "RGGB", **facts: object) -> RawImage:
    settings = {
        "black": (256.0, 257.0, 258.0, 255.5),
        "white": 4095.0,
        "neutral": neutral_of(MATRIX),
        "matrix": MATRIX,
        "noise": np.array([[1e-4, 1e-6], [2e-4, 2e-6], [3e-4, 3e-6]]),
        "iso": 1600.0,
        **facts,
    }
    return RawImage(mosaic(), pattern, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_libraw_opens_a_dng_bit_equal_in_every_phase(pattern: str) -> None:
    raw = some(pattern)
    with rawpy.imread(BytesIO(dng_bytes(raw))) as opened:
        assert np.array_equal(opened.raw_image_visible, raw.mosaic)
        places = opened.raw_colors_visible[:2, :2].ravel()
        assert "".join("RGBG"[place] for place in places) == pattern
        assert opened.white_level == 4095
        assert opened.other.iso_speed == 1600


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8])
def test_a_dng_reads_back_as_it_was(tmp_path: Path, pattern: str, orientation: int) -> None:
    raw = some(pattern, orientation=orientation, make="Maker", model="One")
    found = read_raw(write_dng(tmp_path / "x.dng", raw))
    assert np.array_equal(found.mosaic, raw.mosaic)
    # LibRaw rounds black levels.
    assert found.black == (256, 257, 258, 255)
    assert (found.pattern, found.white, found.iso) == (pattern, 4095, 1600)
    assert (found.make, found.model, found.orientation) == ("Maker", "One", orientation)
    assert np.allclose(found.neutral, raw.neutral, atol=1e-6)
    assert np.allclose(np.array(found.matrix), MATRIX, atol=1e-6)
    assert np.allclose(np.array(found.noise), np.array(raw.noise), rtol=1e-6)


def test_files_that_are_no_raw_files_are_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty.dng").write_bytes(b"")
    (tmp_path / "text.nef").write_text("no picture")
    for name, reason in (("empty.dng", "it is empty"), ("text.nef", "it is damaged, or ends too early")):
        with pytest.raises(ImageError, match=rf"the raw file '.*{name}' cannot be read: {reason}"):
            read_raw(tmp_path / name)
    with pytest.raises(ImageError, match="does not exist or is no file"):
        read_raw(tmp_path / "missing.dng")
    (tmp_path / "photo.jpg").write_bytes(b"")
    with pytest.raises(ImageError, match="is no raw file by its name"):
        read_raw(tmp_path / "photo.jpg")


def test_a_sensitivity_above_16_bits_has_a_tag_of_its_own(tmp_path: Path) -> None:
    assert read_raw(write_dng(tmp_path / "x.dng", some(iso=102_400.0))).iso == 102_400


def test_names_that_no_tag_holds_are_written_in_ascii(tmp_path: Path) -> None:
    found = read_raw(write_dng(tmp_path / "x.dng", some(make="Größe", model="two\nlines \N{CAMERA}")))
    assert (found.make, found.model) == ("Gr??e", "two lines ?")


def test_a_name_that_is_no_text_is_opened(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/x\xff.dng"))
    path.write_bytes(dng_bytes(some()))
    assert np.array_equal(read_raw(path).mosaic, mosaic())


def test_floating_point_and_levels_that_cannot_be_are_refused_with_their_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tags = [(33421, 3, 2, (2, 2), True), (33422, 1, 4, bytes((0, 1, 1, 2)), True)]
    tags += [(50706, 1, 4, bytes((1, 4, 0, 0)), True), (274, 3, 1, 9, True)]
    path = tmp_path / "x.dng"
    values = (mosaic() / 4096).astype(np.float32)
    tifffile.imwrite(path, values, photometric=32803, metadata=None, extratags=tags)
    with pytest.raises(ImageError, match=r"x.dng' cannot be read: it holds floating point; isptune needs"):
        read_raw(path)
    tags += [(50714, 4, 1, 5000, True), (50717, 4, 1, 4095, True)]
    tifffile.imwrite(path, mosaic(), photometric=32803, metadata=None, extratags=tags)
    with pytest.raises(ImageError, match=r"x.dng' cannot be read: black is \(5000.*and white 4095; allowed"):
        read_raw(path)
    # What tifffile has to say of an orientation of 9 is no message for users.
    assert not [record for record in caplog.records if record.name == "tifffile"]


def test_mutated_and_truncated_dngs_raise_nothing_but_sentences(tmp_path: Path) -> None:
    whole = dng_bytes(some())
    generator = np.random.default_rng(1)
    path = tmp_path / "x.dng"
    read = 0
    for case in range(500):
        data = bytearray(whole)
        if case % 3 == 0:
            data = data[: int(generator.integers(1, len(data)))]
        else:
            header = 600 if case % 3 == 1 else len(data)
            for place in generator.integers(0, header, int(generator.integers(1, 9))):
                data[place] = int(generator.integers(0, 256))
        path.write_bytes(data)
        message = ""
        try:
            raw = read_raw(path)
            assert raw.normalised().shape == raw.mosaic.shape
            read += 1
        except ImageError as error:
            message = str(error)
        assert "\n" not in message
        assert not message or "x.dng" in message
    assert 100 < read < 450


def test_a_mosaic_that_is_none_is_refused() -> None:
    with pytest.raises(ImageError, match=r"an \(H, W\) array of uint16, not \(48, 64\) of int64"):
        RawImage(mosaic().astype(np.int64))  # type: ignore[arg-type]
    with pytest.raises(ImageError, match="a mosaic of 64x16 pixels is too small"):
        RawImage(mosaic(16))
    with pytest.raises(ImageError, match="a mosaic of 65x48 pixels has an odd side"):
        RawImage(mosaic(48, 65))


def test_crops_keep_colours_at_their_places() -> None:
    raw = simulate(torch.rand(3, 64, 96, generator=torch.Generator().manual_seed(0)), noise=False)
    for x, y in ((0, 0), (1, 0), (0, 1), (3, 5)):
        part = raw.crop(x, y, 32, 40)
        assert np.array_equal(part.normalised(), raw.normalised()[y : y + 40, x : x + 32])
        letters = [raw.pattern[2 * ((y + row) % 2) + (x + column) % 2] for row in (0, 1) for column in (0, 1)]
        assert part.pattern == "".join(letters)
    with pytest.raises(ImageError, match=r"the crop 32x32 at \(80, 0\) does not lie in 96x64 pixels"):
        raw.crop(80, 0, 32, 32)

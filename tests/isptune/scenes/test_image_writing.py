"""Writing pictures and reading them back."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from isptune.errors import DiskFullError, ImageError
from isptune.scenes import chart, read_image, write_image


def levels(bits: int, seed: int = 0) -> torch.Tensor:
    """A picture whose values lie on the levels of that many bits."""
    values = np.random.default_rng(seed).integers(0, 2**bits, size=(3, 33, 47))
    return torch.from_numpy((values / (2**bits - 1)).astype(np.float32))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".webp", ".PNG"])
def test_eight_bits_round_trip_exactly(tmp_path: Path, suffix: str) -> None:
    image = levels(8)
    path = write_image(tmp_path / f"photo{suffix}", image)
    assert path == tmp_path / f"photo{suffix}"
    assert torch.equal(read_image(path), image)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), suffix=st.sampled_from([".png", ".tif"]))
def test_sixteen_bits_round_trip_exactly(tmp_path: Path, seed: int, suffix: str) -> None:
    image = levels(16, seed)
    assert torch.equal(read_image(write_image(tmp_path / f"photo{suffix}", image, bits=16)), image)


def test_other_software_sees_the_same_numbers(tmp_path: Path) -> None:
    image = levels(8)
    expected = (image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    with Image.open(write_image(tmp_path / "photo.png", image)) as picture:
        assert picture.mode == "RGB"
        assert np.array_equal(np.asarray(picture), expected)
    deep = levels(16)
    stored = tifffile.imread(write_image(tmp_path / "deep.tif", deep, bits=16))
    assert stored.dtype == np.uint16
    assert np.array_equal(stored, (deep.double() * 65535).round().permute(1, 2, 0).numpy().astype(np.uint16))


def test_values_are_rounded_to_the_nearest_level(tmp_path: Path) -> None:
    image = torch.full((3, 32, 32), 100.4 / 255, dtype=torch.float64)
    image[:, 0, 0] = 100.6 / 255
    back = read_image(write_image(tmp_path / "photo.png", image)) * 255
    assert torch.allclose(back[:, 1:, :], torch.tensor(100.0))
    assert torch.allclose(back[:, 0, 0], torch.tensor(101.0))


def test_jpeg_is_close(tmp_path: Path) -> None:
    image = chart(192, 128)
    error = (read_image(write_image(tmp_path / "photo.jpg", image)) - image).square().mean()
    assert float(-10 * error.log10()) > 30


def test_a_batch_of_one_and_gradients_are_taken(tmp_path: Path) -> None:
    image = levels(8).requires_grad_()
    assert torch.equal(read_image(write_image(tmp_path / "photo.png", image.unsqueeze(0))), image.detach())


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    write_image(tmp_path / "photo.png", levels(8, 0))
    write_image(tmp_path / "photo.png", levels(8, 1))
    assert torch.equal(read_image(tmp_path / "photo.png"), levels(8, 1))
    assert [entry.name for entry in tmp_path.iterdir()] == ["photo.png"]


def refusal(path: Path, image: torch.Tensor, bits: int = 8) -> str:
    with pytest.raises(ImageError) as caught:
        write_image(path, image, bits)
    return str(caught.value)


def test_refusals_word_for_word(tmp_path: Path) -> None:
    image = levels(8)
    known = ".png, .jpg, .jpeg, .webp, .tif, .tiff"
    path = tmp_path / "photo.jpgg"
    assert refusal(path, image) == f"'{path}': pictures are written as {known}; did you mean '.jpg'?"
    path = tmp_path / "photo"
    assert refusal(path, image) == f"'{path}': pictures are written as {known}"
    path = tmp_path / "photo.png"
    assert refusal(path, image, 12) == f"'{path}': pictures are written with 8 or 16 bits, not 12"
    path = tmp_path / "photo.jpg"
    assert refusal(path, image, 16) == f"'{path}': 16 bits are written to PNG and TIFF only"
    path = tmp_path / "nowhere" / "photo.png"
    assert refusal(path, image) == f"'{path}': there is no folder '{path.parent}'"
    path = tmp_path / "album.png"
    path.mkdir()
    assert refusal(path, image) == f"'{path}' is a folder, where an image file is needed"
    path = tmp_path / "photo.png"
    wanted = f"'{path}': a picture to write has the shape (3, H, W), got"
    assert refusal(path, image[0]) == f"{wanted} (33, 47)"
    assert refusal(path, torch.stack([image, image])) == f"{wanted} (2, 3, 33, 47)"
    assert refusal(path, image[:, :0]) == f"{wanted} (3, 0, 47)"
    expected = f"'{path}': a picture to write is floating point in [0, 1], got torch.uint8"
    assert refusal(path, torch.zeros(3, 40, 40, dtype=torch.uint8)) == expected
    wanted = f"'{path}': a picture to write lies in [0, 1], got values in"
    assert refusal(path, image * 0 + 1.5) == f"{wanted} [1.5, 1.5]"
    assert refusal(path, image * 0 - 0.25) == f"{wanted} [-0.25, -0.25]"
    assert refusal(path, image * float("nan")) == f"{wanted} [nan, nan]"


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_an_unwritable_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    path = tmp_path / "photo.png"
    try:
        assert refusal(path, levels(8)) == f"'{path}' cannot be written: Permission denied"
    finally:
        tmp_path.chmod(0o700)


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_image(tmp_path / "photo.png", levels(8))

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DiskFullError) as caught:
        write_image(path, levels(8, 1))
    assert str(caught.value) == f"'{path}' cannot be written: No space left on device"
    monkeypatch.undo()
    assert torch.equal(read_image(path), levels(8))

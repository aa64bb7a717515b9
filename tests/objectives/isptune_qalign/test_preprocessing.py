"""The pre-processing against the original's, and the two paths against each other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from skimage import data
from syrupy.assertion import SnapshotAssertion
from torch import Tensor

from isptune.errors import ConfigurationError
from isptune_qalign.preprocessing import (
    Preprocessing,
    preprocess,
    preprocess_exactly,
    read_preprocessing,
    resized,
    resized_exactly,
)

SETTINGS = Preprocessing()


@pytest.fixture(scope="module")
def landscape(reference: Path) -> dict[str, Tensor]:
    tensors = load_file(reference / "landscape.safetensors")
    return {name.removeprefix("landscape."): tensor for name, tensor in tensors.items()}


def as_images(levels: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    return levels.permute(2, 0, 1)[None].to(dtype) / 255


def test_exact_path_is_bit_equal(landscape: dict[str, Tensor]) -> None:
    found = resized_exactly(landscape["input_uint8_hwc"].numpy(), SETTINGS)
    assert np.array_equal(found, landscape["resized_uint8_hwc"].numpy())
    pixels = preprocess_exactly(as_images(landscape["input_uint8_hwc"]), SETTINGS)
    assert torch.equal(pixels[0, :, ::4, ::4], landscape["pixel_values_stride4"])


def test_device_path_is_within_one_grey_level(landscape: dict[str, Tensor]) -> None:
    found = resized(as_images(landscape["input_uint8_hwc"]), SETTINGS)[0].permute(1, 2, 0) * 255
    difference = (found.round() - landscape["resized_uint8_hwc"].float()).abs()
    assert (difference <= 1).float().mean() >= 0.999
    assert (difference == 0).float().mean() > 0.8
    pixels = preprocess(as_images(landscape["input_uint8_hwc"]), SETTINGS)
    torch.testing.assert_close(
        pixels[0, :, ::4, ::4], landscape["pixel_values_stride4"], rtol=0, atol=2 / 255 / 0.26
    )


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
@pytest.mark.parametrize("crop", [(None, None), (100, 90), (300, 17), (33, 250)])
@pytest.mark.parametrize("size", [448, 56])
def test_device_path_on_photographs(name: str, crop: tuple[int | None, int | None], size: int) -> None:
    """Up and down, wide and high, and with 8-bit noise, where clipping inside PIL counts."""
    picture = np.ascontiguousarray(getattr(data, name)()[: crop[0], : crop[1]])
    noise = np.random.default_rng(0).integers(0, 256, picture.shape, dtype=np.uint8)
    settings = Preprocessing(size)
    for levels in (picture, noise):
        expected = resized_exactly(levels, settings).astype(np.float32)
        found = resized(as_images(torch.from_numpy(levels)), settings)[0].permute(1, 2, 0).numpy() * 255
        assert (np.abs(found.round() - expected) <= 1).mean() >= 0.999


def test_padding_stands_where_the_original_puts_it() -> None:
    for shape, inside in (((5, 8), (slice(1, 6), slice(0, 8))), ((8, 5), (slice(0, 8), slice(1, 6)))):
        found = resized(torch.zeros(1, 3, *shape), Preprocessing(8))[0] * 255
        expected = torch.tensor([122.0, 116, 104]).reshape(3, 1, 1).repeat(1, 8, 8)
        expected[:, inside[0], inside[1]] = 0
        torch.testing.assert_close(found, expected)


def test_gradient() -> None:
    images = torch.rand(1, 3, 7, 11, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    images = (images * 0.6 + 0.2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: preprocess(x, Preprocessing(6)), (images,))


def test_batches_and_layouts_do_not_matter() -> None:
    images = torch.rand(3, 3, 40, 56, generator=torch.Generator().manual_seed(0))
    for path in (preprocess, preprocess_exactly):
        together = path(images, Preprocessing(28))
        alone = torch.cat([path(one[None], Preprocessing(28)) for one in images])
        torch.testing.assert_close(together, alone)
        turned = path(images.contiguous(memory_format=torch.channels_last), Preprocessing(28))
        torch.testing.assert_close(together, turned)


def test_settings_are_read(tmp_path: Path) -> None:
    assert read_preprocessing(tmp_path, 448) == Preprocessing()
    assert Preprocessing().background == (122, 116, 104)
    path = tmp_path / "preprocessor_config.json"
    path.write_text(
        json.dumps(
            {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25] * 3, "size": {"height": 56, "width": 56}}
        )
    )
    assert read_preprocessing(tmp_path, 56) == Preprocessing(56, (0.5,) * 3, (0.25,) * 3)


@pytest.mark.parametrize(
    "content",
    [
        '{"size": 336}',
        '{"resample": 2}',
        '{"image_std": [0, 1, 1]}',
        "{",
    ],
)
def test_settings_that_cannot_be(tmp_path: Path, content: str, snapshot: SnapshotAssertion) -> None:
    path = tmp_path / "preprocessor_config.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        read_preprocessing(tmp_path, 448)
    assert str(caught.value) == snapshot

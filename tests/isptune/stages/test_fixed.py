"""Stages with fixed values, as modules among PyTorch's and Kornia's."""

from __future__ import annotations

import copy
import io

import kornia.augmentation as augmentation
import pytest
import torch
from syrupy.assertion import SnapshotAssertion
from torch import nn

import isptune
from isptune.errors import ConfigurationError, ParameterError
from isptune.testing.pictures import picture

IMAGES = torch.cat([picture(24, 32), picture(24, 32, seed=1)])


def test_among_the_modules_of_a_sequence() -> None:
    blur, sharpen = isptune.create_stage("gaussian_blur"), isptune.create_stage("kornia:unsharp_mask")
    sequence = nn.Sequential(
        blur.with_values(level=1.5), nn.Identity(), sharpen.with_values(kernel_size=7, sigma=2.0)
    )
    expected = blur(IMAGES, torch.full((2,), 1.5, dtype=torch.float64))
    expected = sharpen(expected, kernel_size=torch.full((2,), 2), sigma=torch.full((2,), 2.0))
    assert torch.equal(sequence(IMAGES), expected)
    assert "level=1.5" in repr(sequence)
    assert "kernel_size=7, sigma=2.0" in repr(sequence)


def test_what_is_left_out_has_its_default() -> None:
    stage = isptune.create_stage("kornia:adjust_log")
    expected = stage(IMAGES, gain=torch.ones(2), inv=torch.zeros(2, dtype=torch.bool))
    assert torch.equal(stage.with_values()(IMAGES), expected)
    assert not torch.equal(stage.with_values(inv=True)(IMAGES), expected)


def test_each_sample_may_have_its_own() -> None:
    levels = torch.tensor([0.0, 3.0])
    stage = isptune.create_stage("gaussian_blur")
    blurred = stage.with_values(level=levels)(IMAGES)
    assert torch.equal(blurred, stage(IMAGES, levels))
    assert torch.equal(blurred[0], IMAGES[0])


def test_noise_is_that_of_its_seed() -> None:
    stage = isptune.create_stage("white_noise")
    first, again, other = (stage.with_values(level=0.05, seed=seed)(IMAGES) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    noise = stage.draw(24, 32, torch.Generator().manual_seed(3))
    assert torch.equal(first, stage(IMAGES, torch.full((2,), 0.05), noise))


def test_inside_kornias_augmentations() -> None:
    blur = isptune.create_stage("gaussian_blur").with_values(level=2.0)
    sequence = augmentation.AugmentationSequential(
        augmentation.RandomHorizontalFlip(p=1.0), blur, data_keys=["input", "mask"]
    )
    mask = torch.zeros(2, 1, 24, 32)
    mask[..., :8] = 1.0
    images, masks = sequence(IMAGES, mask)
    assert torch.equal(images, blur(IMAGES.flip(-1)))
    # A stage changes pictures, and nothing moves in them.
    assert torch.equal(masks, mask.flip(-1))


def test_a_parameter_is_trained() -> None:
    stage = isptune.create_stage("gaussian_blur")
    target = stage(IMAGES, torch.full((2,), 1.4))
    level = nn.Parameter(torch.tensor(0.5))
    model = nn.Sequential(stage.with_values(level=level))
    assert [name for name, _ in model.named_parameters()] == ["0.values.level"]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        (model(IMAGES) - target).square().mean().backward()
        optimizer.step()
    assert level.item() == pytest.approx(1.4, abs=0.05)


def test_values_are_saved_with_the_module() -> None:
    module = isptune.create_stage("desaturate").with_values(level=0.7)
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    other = isptune.create_stage("desaturate").with_values()
    other.load_state_dict(torch.load(file))
    assert torch.equal(other(IMAGES), module(IMAGES))
    assert torch.equal(copy.deepcopy(module)(IMAGES), module(IMAGES))


def test_mistakes_are_named(snapshot: SnapshotAssertion) -> None:
    stage = isptune.create_stage("kornia:unsharp_mask")
    with pytest.raises(ConfigurationError) as unknown:
        stage.with_values(sigm=1.0)
    assert str(unknown.value) == snapshot
    with pytest.raises(ParameterError, match=r"is 9, outside \[0\.3, 5\] px"):
        stage.with_values(sigma=9.0)
    with pytest.raises(ConfigurationError) as shaped:
        stage.with_values(sigma=torch.ones(2, 1))
    assert str(shaped.value) == snapshot
    with pytest.raises(ConfigurationError, match="has no parameter 'level'; it has none"):
        isptune.create_stage("kornia:rgb_to_raw").with_values(level=1.0)

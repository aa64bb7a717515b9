"""Dead leaves against the kernel that blurred them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from isptune.scenes.dead_leaves import dead_leaves
from isptune_charts import leaves
from isptune_charts.light import luminance


@pytest.fixture(scope="module")
def target() -> Tensor:
    generator = np.random.Generator(np.random.PCG64(1))
    return luminance(torch.from_numpy(dead_leaves(256, 256, generator, 1.3, 64)).permute(2, 0, 1))[None]


def blurred(target: Tensor, sigma: float) -> tuple[Tensor, float]:
    """The texture through a Gaussian, and the acutance of the sampled kernel."""
    places = torch.arange(-8, 9, dtype=torch.float64)
    kernel = torch.exp(-(places**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    padded = functional.pad(target[None], (8, 8, 8, 8), mode="reflect")
    image = functional.conv2d(
        functional.conv2d(padded, kernel.reshape(1, 1, 1, -1)), kernel.reshape(1, 1, -1, 1)
    )[0]
    frequencies = torch.linspace(0, 0.5, 257, dtype=torch.float64)
    contrast = (kernel * torch.cos(2 * math.pi * frequencies[:, None] * places)).sum(dim=1)
    return image, float(leaves.acutance(frequencies, contrast[None]))


@pytest.mark.parametrize("sigma", [0.8, 1.5])
def test_acutance_under_noise_is_that_of_the_kernel(target: Tensor, sigma: float) -> None:
    """Within 2%, where noise of 0.05 makes a deviation of 0.9%; another exposure changes nothing."""
    image, truth = blurred(target, sigma)
    generator = torch.Generator().manual_seed(0)
    noises = 0.05 * torch.randn((6, 256, 256), generator=generator, dtype=torch.float64)
    found = leaves.acutance(*leaves.texture_mtf(torch.cat([image, 0.7 * image, image + noises]), target))
    assert found[:2].tolist() == pytest.approx([truth] * 2, rel=0.005)
    assert float(found[2:].mean()) == pytest.approx(truth, rel=0.01)
    assert bool(((found / truth - 1).abs() < 0.02).all())


def test_a_shift_is_taken_out(target: Tensor) -> None:
    image, truth = blurred(target, 1.0)
    shift = torch.tensor([[0.5, -2.3]], dtype=torch.float64)
    moved = leaves.moved(image, shift)
    assert leaves.shift_between(moved, target)[0].tolist() == pytest.approx([0.5, -2.3], abs=0.02)
    assert float(leaves.acutance(*leaves.texture_mtf(moved, target))) == pytest.approx(truth, rel=0.01)


def test_sharpening_is_above_1(target: Tensor) -> None:
    image, _ = blurred(target, 1.5)
    sharpened = target + 0.8 * (target - image)
    assert float(leaves.acutance(*leaves.texture_mtf(sharpened, target))) > 1.02

"""Photographs for the tests of the statistics, and what can be done to them."""

from __future__ import annotations

import io
import math
from functools import cache

import numpy as np
import torch
from PIL import Image
from skimage import data
from torch import Tensor
from torch.nn import functional

NAMES = ("astronaut", "chelsea", "coffee")


@cache
def _photograph(name: str) -> np.ndarray:
    return getattr(data, name)()[..., :3]


def whole(name: str) -> Tensor:
    """(1, 3, H, W) float32 in [0, 1]: one of scikit-image's photographs."""
    return as_tensor(_photograph(name))


def photograph(name: str) -> Tensor:
    """(1, 3, 300, 390) float32 in [0, 1]: a crop of the same."""
    return whole(name)[..., :300, 20:410]


def as_tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(pixels)).permute(2, 0, 1).unsqueeze(0).float() / 255


def jpeg(image: Tensor, quality: int) -> Tensor:
    pixels = (image[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return as_tensor(np.asarray(Image.open(file)))


def blur(images: Tensor, sigma: float) -> Tensor:
    half = math.ceil(3 * sigma)
    offsets = torch.arange(-half, half + 1)
    taps = torch.exp(-0.5 * (offsets / sigma) ** 2)
    taps = (taps / taps.sum()).to(images)
    for taps_shape, padding in (((1, 1, 1, -1), (half, half, 0, 0)), ((1, 1, -1, 1), (0, 0, half, half))):
        kernel = taps.reshape(taps_shape).repeat(3, 1, 1, 1)
        images = functional.conv2d(functional.pad(images, padding, mode="replicate"), kernel, groups=3)
    return images


def noise(images: Tensor, sigma: float) -> Tensor:
    drawn = torch.randn(images.shape[1:], generator=torch.Generator().manual_seed(3)).to(images)
    return (images + sigma * drawn).clamp(0, 1)


def sharpen(images: Tensor, amount: float) -> Tensor:
    return (images + amount * (images - blur(images, 1.5))).clamp(0, 1)

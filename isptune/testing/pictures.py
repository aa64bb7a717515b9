"""Small deterministic pictures for the conformance suites, made without touching global generators."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def picture(height: int, width: int, seed: int = 0) -> Tensor:
    """A colourful picture with smooth areas, texture and hard edges, well exposed and nowhere clipped.

    Args:
        height, width: its size in pixels.
        seed: another seed, another picture.

    Returns:
        (1, 3, height, width) float32 in [0.04, 0.96], to the last bit the same on every call.
    """
    generator = torch.Generator().manual_seed(seed)
    image = torch.full((1, 3, height, width), 0.5)
    # Octaves whose amplitude falls with their frequency, as in natural pictures.
    for cells, amplitude in ((2, 0.25), (5, 0.15), (11, 0.1), (23, 0.05)):
        coarse = torch.rand((1, 3, cells, cells), generator=generator) - 0.5
        image += amplitude * functional.interpolate(
            coarse, (height, width), mode="bilinear", align_corners=True
        )
    rows = torch.linspace(0, 1, height).reshape(-1, 1)
    columns = torch.linspace(0, 1, width).reshape(1, -1)
    for _ in range(12):
        y, x, radius, *colour = torch.rand(6, generator=generator).tolist()
        inside = (rows - y) ** 2 + (columns - x) ** 2 < (0.05 + 0.2 * radius) ** 2
        image = torch.where(inside, 0.5 * image + 0.5 * torch.tensor(colour).reshape(1, 3, 1, 1), image)
    texture = torch.rand((1, 1, height, width), generator=generator) - 0.5
    return (image + 0.04 * texture * (columns > 0.5)).clamp(0.04, 0.96)


def spoilt(images: Tensor) -> Tensor:
    """The same pictures blurred, a third darker and with noise of standard deviation 0.05.

    Args:
        images: (N, 3, H, W) in [0, 1].

    Returns:
        (N, 3, H, W) in [0, 1], to the last bit the same on every call.
    """
    noise = torch.randn(images.shape[1:], generator=torch.Generator().manual_seed(1)).to(images)
    return (blurred(images) * (2 / 3) + 0.05 * noise).clamp(0, 1)


def blurred(images: Tensor) -> Tensor:
    """The same pictures after two passes of a 5 x 5 mean."""
    for _ in range(2):
        images = functional.avg_pool2d(images, 5, stride=1, padding=2, count_include_pad=False)
    return images

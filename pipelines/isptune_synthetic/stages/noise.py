"""Stages that add noise."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from isptune_synthetic.stages.base import SyntheticStage
from isptune_synthetic.strips import pointwise


def white_noise(images: Tensor, deviation: Tensor, noise: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Add white Gaussian noise, clipped to [0, 1] ("whitenoise" of ARNIQA after KADID-10k).

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        deviation: (N,) standard deviation, 0 to 0.1 (the reference states the variance, up to 0.01).
        noise: (3, H, W) standard normal numbers, the same for every sample.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Example:
        >>> import torch
        >>> noise = torch.randn(3, 32, 48, generator=torch.Generator().manual_seed(0))
        >>> white_noise(torch.full((1, 3, 32, 48), 0.5), torch.tensor([0.02]), noise).shape
        torch.Size([1, 3, 32, 48])
    """
    return pointwise(_white_noise, images, noise.unsqueeze(0), level=deviation, out=out)


def _white_noise(images: Tensor, noise: Tensor, deviation: Tensor) -> Tensor:
    return images.addcmul(noise, deviation).clamp(0, 1)


class WhiteNoise(SyntheticStage):
    """White Gaussian noise; the level is its standard deviation, 0 to 0.1."""

    aliases = ("whitenoise",)
    level_range = (0.0, 0.1)
    reference_range = (0.0, 0.01)
    parameter_name = "noise"
    is_stochastic = True
    working_images = 1.2
    recorded_images = 4.0

    def _level_of(self, value: float) -> float:
        return math.sqrt(value)

    def draw(self, height: int, width: int, generator: torch.Generator) -> Tensor:
        """(3, height, width) standard normal numbers in float32."""
        return torch.randn(3, height, width, generator=generator)

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return white_noise(images, level, self.noise_for(images, noise), out=out)

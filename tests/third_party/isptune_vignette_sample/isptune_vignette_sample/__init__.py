"""A sample plugin of isptune: a distortion, a stage with parameters of its own, and a toy objective."""

from __future__ import annotations

import torch
from torch import Tensor

from isptune import Distortion, Float, Memory, Objective, Stage
from isptune.contracts.objective import check_images
from isptune.stages import per_sample, pointwise

__all__ = ["MeanBrightness", "ToneCurve", "Vignette", "tone_curve", "vignette"]

# A quarter of an 8-bit step: below it the curve is flat, and its slope stays finite.
_TOE = 1 / 1024


def vignette(images: Tensor, amount: Tensor, falloff: float = 2.0) -> Tensor:
    """Darken the corners: ``x (1 - a r ** falloff)``, with r from 0 in the centre to 1 in the corners.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        amount: (N,), 0 to 1; at 1 the corners are black.
        falloff: at least 1; the higher, the further out the darkening begins.

    Returns:
        (N, 3, H, W) RGB in [0, 1].
    """
    height, width = images.shape[-2:]
    y = torch.linspace(-1, 1, height, dtype=images.dtype, device=images.device)[:, None]
    x = torch.linspace(-1, 1, width, dtype=images.dtype, device=images.device)
    radius = ((x.square() + y.square()) / 2).sqrt()
    return images * (1 - per_sample(amount, images) * radius.pow(falloff))


class Vignette(Distortion):
    """Vignetting; the level is the share of the light that the corners lose, 0 to 1."""

    level_range = (0.0, 1.0)
    parameter_name = "vignetting"

    def __init__(self, falloff: float = 2.0) -> None:
        super().__init__()
        self.falloff = falloff

    def forward(self, images: Tensor, level: Tensor, noise: Tensor | None = None) -> Tensor:
        return vignette(images, level, self.falloff)


def tone_curve(
    images: Tensor, gamma: Tensor, shadows: Tensor, highlights: Tensor, out: Tensor | None = None
) -> Tensor:
    """A tone curve: ``c + (1 - c) (s + h c)`` with ``c = x ** gamma``.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        gamma: (N,), 0.4 to 2.5; below 1 the curve brightens.
        shadows: (N,), ``s``, 0 to 0.2, what black becomes.
        highlights: (N,), ``h``, -0.5 to 0.5; above 0 bright tones get brighter still.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].
    """
    return pointwise(_tone_curve, images, values=[gamma, shadows, highlights], out=out)


def _tone_curve(images: Tensor, gamma: Tensor, shadows: Tensor, highlights: Tensor) -> Tensor:
    curve = images.clamp_min(_TOE).log2().mul(gamma).exp2_()
    lift = torch.addcmul(shadows, curve, highlights)
    return curve.addcmul(1 - curve, lift).clamp(0, 1)


class ToneCurve(Stage):
    """A tone curve with a gamma, lifted shadows and bent highlights."""

    gamma = Float(0.4, 2.5, log=True, default=1.0, description="exponent; below 1 brightens")
    shadows = Float(0.0, 0.2, default=0.0, description="what black becomes")
    highlights = Float(-0.5, 0.5, default=0.0, description="above 0 brightens bright tones")
    takes_out = True
    memory = Memory(images=1.2, images_with_gradients=9.0)

    def forward(
        self,
        images: Tensor,
        gamma: Tensor,
        shadows: Tensor,
        highlights: Tensor,
        out: Tensor | None = None,
    ) -> Tensor:
        return tone_curve(images, gamma, shadows, highlights, out)


class MeanBrightness(Objective):
    """The mean of all pixels, 0 to 1: a toy, for which overexposed pictures are the best."""

    is_differentiable = True
    score_range = (0.0, 1.0)
    memory = Memory(images=1.0)

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        return check_images(images, self.name).mean(dim=(1, 2, 3))

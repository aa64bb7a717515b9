"""Stages of colour and brightness in linear light, and the curve that ends it."""

from __future__ import annotations

import torch
from torch import Tensor

from isptune import Float, Memory, Stage
from isptune.stages import per_sample
from isptune_raw.sensor import SensorStage

# Luminance of linear sRGB, IEC 61966-2-1.
_LUMA = (0.2126, 0.7152, 0.0722)


class ColourCorrection(SensorStage):
    """From camera RGB to linear sRGB, with saturation and hue; what is below 0 is clipped."""

    domain_in = domain_out = "linear"
    saturation = Float(0.5, 1.5, default=1.0)
    hue = Float(-0.2, 0.2, default=0.0, unit="rad", description="how far colours turn about grey")
    memory = Memory(images=3.0, images_with_gradients=5.0)

    def forward(self, images: Tensor, saturation: Tensor, hue: Tensor) -> Tensor:
        matrix = _about_grey(saturation.double(), hue.double()) @ self.sensor.to_srgb.to(hue.device)
        flat = images.flatten(2)
        return torch.bmm(matrix.to(images.dtype), flat).reshape(images.shape).clamp_min(0.0)


class Exposure(Stage):
    """Brighten or darken in linear light."""

    domain_in = domain_out = "linear"
    ev = Float(-2.0, 2.0, default=0.0, unit="EV")
    memory = Memory(images=1.0, images_with_gradients=2.0)

    def forward(self, images: Tensor, ev: Tensor) -> Tensor:
        return images * per_sample(torch.exp2(ev), images)


class Encoding(Stage):
    """From linear light to encoded RGB: a power with a straight line near black; sRGB's by default.

    The line has the given slope and meets the power without a kink, as dcraw's option ``-g`` has it.
    """

    domain_in = "linear"
    domain_out = "encoded"
    gamma = Float(1.8, 3.0, default=2.4)
    slope = Float(2.0, 20.0, log=True, default=12.92, description="of the line near black")
    memory = Memory(images=3.0, images_with_gradients=7.0)

    def forward(self, images: Tensor, gamma: Tensor, slope: Tensor) -> Tensor:
        knee, offset = _knee(gamma.double(), slope.double())
        images = images.clamp(0.0, 1.0)
        knee, offset = per_sample(knee, images), per_sample(offset, images)
        curve = (1 + offset) * torch.maximum(images, knee) ** per_sample(1 / gamma, images) - offset
        return torch.where(images > knee, curve, per_sample(slope, images) * images)


def _about_grey(saturation: Tensor, hue: Tensor) -> Tensor:
    """(N, 3, 3) that keep greys and luminance, scale what differs from grey and turn it."""
    luma = torch.tensor(_LUMA, dtype=hue.dtype, device=hue.device)
    grey = luma.expand(3, 3)
    # An orthonormal basis of the plane of no grey, (1, -1, 0) and (1, 1, -2).
    first = torch.tensor([1.0, -1.0, 0.0], dtype=hue.dtype, device=hue.device) / 2**0.5
    second = torch.tensor([1.0, 1.0, -2.0], dtype=hue.dtype, device=hue.device) / 6**0.5
    plane = torch.outer(first, first) + torch.outer(second, second)
    turn = torch.outer(second, first) - torch.outer(first, second)
    turned = hue.cos().reshape(-1, 1, 1) * plane + hue.sin().reshape(-1, 1, 1) * turn
    less_grey = torch.eye(3, dtype=hue.dtype, device=hue.device) - grey
    return grey + saturation.reshape(-1, 1, 1) * (less_grey @ turned @ less_grey)


def _knee(gamma: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """Where line and power meet, and the power's offset, so that values and slopes agree there.

    With x the knee and a the offset: ``slope * x = (1 + a) x^(1/gamma) - a`` and
    ``slope = (1 + a) / gamma * x^(1/gamma - 1)``, hence ``a = (gamma - 1) * slope * x``.
    """

    def wrong(knee: Tensor) -> Tensor:
        offset = (gamma - 1) * slope * knee
        return (1 + offset) / gamma * knee ** (1 / gamma - 1) - slope

    with torch.no_grad():
        low, high = torch.full_like(gamma, 1e-9), torch.full_like(gamma, 1.0)
        for _ in range(60):
            middle = (low * high).sqrt()
            too_low = wrong(middle) > 0
            low, high = torch.where(too_low, middle, low), torch.where(too_low, high, middle)
        knee = (low * high).sqrt()
        nearby = knee * (1 + 1e-6)
        derivative = (wrong(nearby) - wrong(knee)) / (nearby - knee)
    # A step of Newton's at the solution leaves the value and carries its gradient.
    knee = knee - wrong(knee) / derivative
    return knee, (gamma - 1) * slope * knee

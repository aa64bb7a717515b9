"""Kornia's operators on colour: hue, saturation, offsets of channels, the sRGB curve."""

from __future__ import annotations

from kornia import color, enhance
from torch import Tensor

from isptune.contracts.requirements import Memory
from isptune.contracts.stage import Stage, per_sample
from isptune.parameters import Float


class AdjustSaturation(Stage):
    """Scales the saturation of HSV, value and hue kept."""

    memory = Memory(images=5.0, images_with_gradients=12.0)
    factor = Float(0.0, 2.0, default=1.0, description="the factor; 1 changes nothing, 0 leaves grey")

    def forward(self, images: Tensor, factor: Tensor) -> Tensor:
        return enhance.adjust_saturation(images, per_sample(factor, images)).clamp(0, 1)


class AdjustSaturationWithGraySubtraction(Stage):
    """Blends a picture with its grey, or away from it: ``clip(y + factor (x - y))``."""

    memory = Memory(images=3.0, images_with_gradients=7.0)
    factor = Float(0.0, 2.0, default=1.0, description="the factor; 1 changes nothing, 0 leaves grey")

    def forward(self, images: Tensor, factor: Tensor) -> Tensor:
        return enhance.adjust_saturation_with_gray_subtraction(images, per_sample(factor, images))


class AdjustHue(Stage):
    """Turns the hue of HSV, saturation and value kept."""

    memory = Memory(images=9.0, images_with_gradients=24.0)
    factor = Float(-0.5, 0.5, default=0.0, unit="rad", description="the angle; 0 changes nothing")

    def forward(self, images: Tensor, factor: Tensor) -> Tensor:
        return enhance.adjust_hue(images, per_sample(factor, images)).clamp(0, 1)


class ShiftRgb(Stage):
    """Adds a number of its own to each channel, clipped."""

    memory = Memory(images=2.0, images_with_gradients=3.0)
    r_shift = Float(-0.25, 0.25, default=0.0, description="what is added to red")
    g_shift = Float(-0.25, 0.25, default=0.0, description="what is added to green")
    b_shift = Float(-0.25, 0.25, default=0.0, description="what is added to blue")

    def forward(self, images: Tensor, r_shift: Tensor, g_shift: Tensor, b_shift: Tensor) -> Tensor:
        shifts = (value.to(images) for value in (r_shift, g_shift, b_shift))
        return enhance.shift_rgb(images, *shifts)


class RgbToLinearRgb(Stage):
    """The sRGB curve undone: encoded pictures to linear light; it has no parameter."""

    domain_out = "linear"
    memory = Memory(images=4.0, images_with_gradients=7.0)

    def forward(self, images: Tensor) -> Tensor:
        return color.rgb_to_linear_rgb(images)


class LinearRgbToRgb(Stage):
    """The sRGB curve: linear light to encoded pictures, clipped; it has no parameter."""

    domain_in = "linear"
    memory = Memory(images=4.0, images_with_gradients=7.0)

    def forward(self, images: Tensor) -> Tensor:
        return color.linear_rgb_to_rgb(images).clamp(0, 1)

"""Kornia's filters, borders replicated.

Where Kornia takes one size of a kernel for the batch, samples of one size go together.
"""

from __future__ import annotations

import torch
from kornia import enhance, filters
from torch import Tensor

from isptune.contracts.requirements import Memory
from isptune.contracts.stage import Stage
from isptune.parameters import Choice, Float
from isptune_kornia.samples import in_groups, settings_of

_SIZE = "the side of the kernel"
_BORDER = "replicate"


class GaussianBlur2d(Stage):
    """A Gaussian blur with a width along either axis."""

    memory = Memory(images=5.0, images_with_gradients=6.0)
    kernel_size = Choice((3, 5, 7, 9, 13, 21), default=5, unit="px", description=_SIZE)
    sigma_y = Float(0.3, 5.0, log=True, default=1.0, unit="px", description="the width along columns")
    sigma_x = Float(0.3, 5.0, log=True, default=1.0, unit="px", description="the width along rows")

    def forward(self, images: Tensor, kernel_size: Tensor, sigma_y: Tensor, sigma_x: Tensor) -> Tensor:
        sigma = torch.stack((sigma_y, sigma_x), dim=1).to(images)
        settings = settings_of(self, kernel_size=kernel_size)
        return in_groups(_gaussian, settings, images, sigma).clamp(0, 1)


def _gaussian(images: Tensor, sigma: Tensor, size: int) -> Tensor:
    return filters.gaussian_blur2d(images, (size, size), sigma, border_type=_BORDER)


class UnsharpMask(Stage):
    """Sharpening by what a Gaussian blur takes away: ``clip(x + (x - blur(x)))``."""

    memory = Memory(images=5.0, images_with_gradients=7.0)
    kernel_size = Choice((3, 5, 7, 9, 13, 21), default=5, unit="px", description=_SIZE)
    sigma = Float(0.3, 5.0, log=True, default=1.5, unit="px", description="the width of the blur")

    def forward(self, images: Tensor, kernel_size: Tensor, sigma: Tensor) -> Tensor:
        widths = sigma.to(images).reshape(-1, 1).expand(-1, 2)
        settings = settings_of(self, kernel_size=kernel_size)
        return in_groups(_unsharp, settings, images, widths).clamp(0, 1)


def _unsharp(images: Tensor, sigma: Tensor, size: int) -> Tensor:
    return filters.unsharp_mask(images, (size, size), sigma, border_type=_BORDER)


class BoxBlur(Stage):
    """The mean of a square."""

    memory = Memory(images=5.0, images_with_gradients=6.0)
    kernel_size = Choice((1, 3, 5, 7, 9, 13), default=3, unit="px", description=f"{_SIZE}; 1 is no blur")

    def forward(self, images: Tensor, kernel_size: Tensor) -> Tensor:
        settings = settings_of(self, kernel_size=kernel_size)
        return in_groups(_box, settings, images).clamp(0, 1)


def _box(images: Tensor, size: int) -> Tensor:
    return filters.box_blur(images, (size, size), border_type=_BORDER)


class MedianBlur(Stage):
    """The median of a square, which takes single bright and dark pixels away."""

    memory = Memory(images=52.0, images_with_gradients=150.0)
    kernel_size = Choice((1, 3, 5, 7), default=3, unit="px", description=f"{_SIZE}; 1 is no blur")

    def forward(self, images: Tensor, kernel_size: Tensor) -> Tensor:
        settings = settings_of(self, kernel_size=kernel_size)
        return in_groups(_median, settings, images).clamp(0, 1)


def _median(images: Tensor, size: int) -> Tensor:
    return images if size == 1 else filters.median_blur(images, (size, size), border_type=_BORDER)


class BilateralBlur(Stage):
    """A blur that stops at edges: weights fall with the distance and with the difference of colour."""

    memory = Memory(images=170.0, images_with_gradients=500.0)
    kernel_size = Choice((3, 5, 7, 9), default=5, unit="px", description=_SIZE)
    sigma_color = Float(0.01, 1.0, log=True, default=0.1, description="how different colours may be")
    sigma_space = Float(0.5, 5.0, log=True, default=1.5, unit="px", description="the width in space")
    color_distance_type = Choice(("l1", "l2"), default="l1", description="how colours are compared")

    def forward(
        self,
        images: Tensor,
        kernel_size: Tensor,
        sigma_color: Tensor,
        sigma_space: Tensor,
        color_distance_type: Tensor,
    ) -> Tensor:
        widths = sigma_space.to(images).reshape(-1, 1).expand(-1, 2)
        settings = settings_of(self, kernel_size=kernel_size, color_distance_type=color_distance_type)
        return in_groups(_bilateral, settings, images, sigma_color.to(images), widths).clamp(0, 1)


def _bilateral(images: Tensor, colour: Tensor, space: Tensor, size: int, distance: str) -> Tensor:
    return filters.bilateral_blur(
        images, (size, size), colour, space, border_type=_BORDER, color_distance_type=distance
    )


class GuidedBlur(Stage):
    """A blur that keeps edges: each square is a line of the picture itself (He et al. 2013)."""

    memory = Memory(images=40.0, images_with_gradients=120.0)
    kernel_size = Choice((3, 5, 7, 9, 13), default=5, unit="px", description=_SIZE)
    eps = Float(1e-5, 1e-1, log=True, default=1e-2, description="the variance below which a square is smooth")

    def forward(self, images: Tensor, kernel_size: Tensor, eps: Tensor) -> Tensor:
        settings = settings_of(self, kernel_size=kernel_size)
        return in_groups(_guided, settings, images, eps.to(images)).clamp(0, 1)


def _guided(images: Tensor, eps: Tensor, size: int) -> Tensor:
    return filters.guided_blur(images, images, (size, size), eps, border_type=_BORDER)


class MotionBlur(Stage):
    """A blur along a line; the line is turned by bilinear interpolation, which has a gradient."""

    memory = Memory(images=4.0, images_with_gradients=6.0)
    kernel_size = Choice((3, 5, 7, 9, 13), default=5, unit="px", description=_SIZE)
    angle = Float(0.0, 180.0, default=0.0, unit="deg", description="counter-clockwise from the horizontal")
    direction = Float(-1.0, 1.0, default=0.0, description="which end is heavier; 0 is even")

    def forward(self, images: Tensor, kernel_size: Tensor, angle: Tensor, direction: Tensor) -> Tensor:
        settings = settings_of(self, kernel_size=kernel_size)
        return in_groups(_motion, settings, images, angle.to(images), direction.to(images)).clamp(0, 1)


def _motion(images: Tensor, angle: Tensor, direction: Tensor, size: int) -> Tensor:
    return filters.motion_blur(images, size, angle, direction, border_type=_BORDER, mode="bilinear")


class EdgeAwareBlurPool2d(Stage):
    """A blur of what is no edge; sample by sample, as Kornia takes one threshold."""

    # A threshold decides what an edge is.
    is_differentiable = False
    memory = Memory(images=9.0)
    kernel_size = Choice((3, 5, 7), default=3, unit="px", description=_SIZE)
    edge_threshold = Float(
        1.05,
        4.0,
        log=True,
        default=1.25,
        description="the ratio of tones, 4 px apart, from which it is an edge",
    )
    edge_dilation_kernel_size = Choice(
        (1, 3, 5, 7), default=3, unit="px", description="how far around an edge nothing is blurred"
    )

    def forward(
        self,
        images: Tensor,
        kernel_size: Tensor,
        edge_threshold: Tensor,
        edge_dilation_kernel_size: Tensor,
    ) -> Tensor:
        sizes = settings_of(
            self, kernel_size=kernel_size, edge_dilation_kernel_size=edge_dilation_kernel_size
        )
        settings = [(*pair, ratio) for pair, ratio in zip(sizes, edge_threshold.tolist(), strict=True)]
        return in_groups(_edge_aware, settings, images.detach()).clamp(0, 1)


def _edge_aware(images: Tensor, size: int, dilation: int, threshold: float) -> Tensor:
    return filters.edge_aware_blur_pool2d(images, (size, size), threshold, dilation)


class Sharpness(Stage):
    """Blends a picture with a blur of 3 x 3 px, or away from it: ``clip(b + factor (x - b))``."""

    memory = Memory(images=6.0, images_with_gradients=8.0)
    factor = Float(0.0, 4.0, default=1.0, description="the factor; 1 changes nothing, 0 is the blur")

    def forward(self, images: Tensor, factor: Tensor) -> Tensor:
        return enhance.sharpness(images, factor.to(images))

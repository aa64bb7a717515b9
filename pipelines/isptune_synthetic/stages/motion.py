"""Blurs whose kernel is a disk or a line."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from isptune.contracts.distortion import keep_identity
from isptune.contracts.requirements import Memory
from isptune.errors import ConfigurationError
from isptune.stages.strips import given_back, is_plain
from isptune_synthetic.convolution import convolve
from isptune_synthetic.definition import by_kornia
from isptune_synthetic.kernels import disk_kernels, line_kernels
from isptune_synthetic.stages.base import SyntheticStage

_LARGEST_RADIUS = 8.0
_LONGEST_MOVEMENT = 9.0


def lens_blur(images: Tensor, radius: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Blur each sample with a disk of its own radius, as a lens out of focus does, borders replicated.

    The weight of a pixel is the share of its square that the disk covers: exact, and differentiable in the
    radius. Up to 0.5 px the disk stays within one pixel and nothing changes.

    The reference code ("lensblur" of ARNIQA after KADID-10k) means this kernel too and has it at radius 1.
    From 2 px on it is at fault: it leaves out a square root for the whole kernel if one pixel has none, so
    that its "disk" is a ring with negative weights (-0.05 each at 8 px, where a disk has 0.005).

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        radius: (N,) in pixels, 0 to 8.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Example:
        >>> import torch
        >>> lens_blur(torch.rand(2, 3, 32, 48), torch.tensor([0.0, 2.5])).shape
        torch.Size([2, 3, 32, 48])
    """
    kernels = disk_kernels(radius.to(images.device), math.ceil(_LARGEST_RADIUS - 0.5))
    return _blurred(images, kernels, radius, out)


def motion_blur(images: Tensor, movement: Tensor, degrees: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Blur each sample along a straight line, as a camera that moves does, borders replicated.

    A movement by ``m`` pixels smears a point, one pixel long already, over ``m + 1`` pixels: the length of
    the reference code ("motionblur" of ARNIQA after KADID-10k), which is 1 where nothing moves. The kernel is
    that of ``kernels.line_kernels``.

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        movement: (N,) in pixels, 0 to 9.
        degrees: (N,) or (1,) direction, counter-clockwise from the horizontal.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Example:
        >>> import torch
        >>> motion_blur(torch.rand(1, 3, 32, 48), torch.tensor([5.0]), torch.tensor([30.0])).shape
        torch.Size([1, 3, 32, 48])
    """
    kernels = line_kernels(
        movement.to(images.device) + 1, degrees.to(images.device), math.ceil(_LONGEST_MOVEMENT / 2)
    )
    return _blurred(images, kernels, movement, out)


def _blurred(images: Tensor, kernels: Tensor, level: Tensor, out: Tensor | None) -> Tensor:
    # A weighted mean of numbers in [0, 1] can leave it by a rounding error, hence the clamp.
    if by_kornia(images) or not is_plain(images, level):
        blurred = convolve(images, kernels.to(images.dtype)).clamp(0, 1)
        return given_back(keep_identity(images, blurred, level), out)
    # What is left of rounding in the kernels is no tap, and at level 0 there is one tap alone.
    kernels = torch.where(kernels.abs() > 1e-12, kernels, 0.0)
    kernels[level == 0] = 0.0
    kernels[level == 0, kernels.shape[1] // 2, kernels.shape[2] // 2] = 1.0
    return convolve(images, kernels.to(images.dtype), out).clamp_(0, 1)


class LensBlur(SyntheticStage):
    """Blur by a disk; the level is its radius in pixels, 0 to 8."""

    family = "blur"
    level_range = (0.0, _LARGEST_RADIUS)
    level_unit = "px"
    parameter_name = "defocus"
    aliases = ("lensblur",)
    reference_range = (0.0, _LARGEST_RADIUS)
    memory = Memory(images=2.7, images_with_gradients=8.0)

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return lens_blur(images, level, out=out)


class MotionBlur(SyntheticStage):
    """Blur along a line; the level is the movement in pixels, 0 to 9.

    Args:
        angle: the line's direction in degrees, counter-clockwise from the horizontal; None draws one at
            random for each scene.

    Raises:
        ConfigurationError: the angle is not a finite number.
    """

    family = "blur"
    level_range = (0.0, _LONGEST_MOVEMENT)
    level_unit = "px"
    parameter_name = "movement"
    aliases = ("motionblur",)
    reference_range = (1.0, _LONGEST_MOVEMENT + 1)
    is_stochastic = True
    memory = Memory(images=1.4, images_with_gradients=8.0)

    def __init__(self, angle: float | None = None) -> None:
        super().__init__()
        if angle is not None and (
            isinstance(angle, bool) or not isinstance(angle, (int, float)) or not math.isfinite(angle)
        ):
            raise ConfigurationError(
                f"the angle of the stage 'motion_blur' is {angle!r}; "
                "allowed: a number of degrees, or None for a random one"
            )
        self.angle = None if angle is None else float(angle)
        self.is_stochastic = angle is None

    def draw(self, height: int, width: int, generator: torch.Generator) -> Tensor | None:
        """(1,) the direction as a share of half a turn, in [0, 1); None where the angle is given."""
        if self.angle is not None:
            return None
        return torch.rand(1, generator=generator)

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        if self.angle is not None:
            degrees = torch.tensor([self.angle], dtype=torch.float64)
        else:
            degrees = self.noise_for(images, noise).double() * 180
        return motion_blur(images, level, degrees, out=out)

    def _level_of(self, value: float) -> float:
        return value - 1

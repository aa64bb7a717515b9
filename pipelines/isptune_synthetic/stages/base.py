"""What the synthetic stages have in common: checked levels and an optional output buffer."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from isptune.contracts.distortion import Distortion
from isptune.errors import ConfigurationError


class SyntheticStage(Distortion):
    """A distortion that refuses levels outside its range and can write its result over a given buffer.

    Class facts beside those of ``Distortion``:
        is_signed: levels from minus the highest one are taken as well and go the other way; tuning and the
            conformance suite use the positive half alone.
        reference_range: the values of the reference code's parameter that ``level_from_reference`` takes.
    """

    is_signed: ClassVar[bool] = False
    reference_range: ClassVar[tuple[float, float] | None] = None
    takes_out = True

    def forward(
        self, images: Tensor, level: Tensor, noise: Tensor | None = None, *, out: Tensor | None = None
    ) -> Tensor:
        """Apply the stage.

        Args:
            images: (N, 3, H, W) RGB in [0, 1].
            level: (N,) in ``level_range``.
            noise: what ``draw`` gave, for a stochastic stage.
            out: (N, 3, H, W) that receives the result; it may be ``images`` itself. Only for calls in
                which no gradient is recorded: it spares a pipeline the memory of a second batch.

        Returns:
            (N, 3, H, W) RGB in [0, 1].

        Raises:
            ConfigurationError: images or levels of another shape, or a level outside the range.
        """
        self._check(images, level)
        return self.apply_level(images, level, noise, out)

    def level_from_reference(self, value: float) -> float:
        """The level at which this stage does what the reference code does at a value of its parameter.

        The reference is ARNIQA's implementation of the KADID-10k distortions (Agnolucci et al., WACV 2024).

        Raises:
            ConfigurationError: the value is outside ``reference_range``, or the reference has no such
                distortion.
        """
        name = self.name or type(self).__name__
        if self.reference_range is None:
            raise ConfigurationError(f"the stage '{name}' has no counterpart in the reference code")
        low, high = self.reference_range
        if not (math.isfinite(value) and low <= value <= high):
            raise ConfigurationError(
                f"the reference parameter of the stage '{name}' is {value:g}, outside [{low:g}, {high:g}]"
            )
        return self._level_of(float(value))

    def _level_of(self, value: float) -> float:
        """The level for a checked value of the reference's parameter; the value itself by default."""
        return value

    @abstractmethod
    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        """The work of ``forward`` on checked arguments."""

    def _check(self, images: Tensor, level: Tensor) -> None:
        name = self.name or type(self).__name__
        if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
            raise ConfigurationError(
                f"the stage '{name}' needs images of the shape (N, 3, H, W) in floating point, "
                f"got {tuple(images.shape)} of {str(images.dtype).removeprefix('torch.')}"
            )
        if level.shape != images.shape[:1]:
            raise ConfigurationError(
                f"the stage '{name}' needs one level per image, of the shape ({images.shape[0]},), "
                f"got {tuple(level.shape)}"
            )
        if torch.compiler.is_compiling():
            # A look at values would cut the graph in two; who compiles a chain has checked them.
            return
        low, high = self.level_range
        low = -high if self.is_signed else low
        # Levels may have gone through float32; half a unit of its last place is no mistake of the user.
        wrong = ~((level.detach() >= low * (1 + 1e-6)) & (level.detach() <= high * (1 + 1e-6)))
        if bool(wrong.any()):
            index = int(wrong.nonzero()[0, 0])
            unit = f" {self.level_unit}" if self.level_unit else ""
            raise ConfigurationError(
                f"the level of image {index} for the stage '{name}' is {float(level[index]):g}, "
                f"outside [{low:g}, {high:g}]{unit}"
            )

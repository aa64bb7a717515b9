"""The contract of a distortion: a stage with one level, whose lowest one changes nothing."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar

from torch import Tensor

from isptune.contracts.stage import Stage, keep_unchanged
from isptune.errors import ConfigurationError
from isptune.parameters import Float


class Distortion(Stage):
    """A stage that makes images worse; subclass it, set the class facts and write ``forward``.

    Level 0 is the identity to the last bit, and the image gets worse as the level grows to the end of
    ``level_range``. A distortion follows Kornia: a pure function that does the work and this thin class. Its
    one declared parameter is ``level``.

    Class facts beside those of ``Stage``:
        level_range: (0, highest level), in the distortion's own unit.
        level_unit: that unit, such as ``"px"``; empty for a pure number.
        family: what kind of distortion it is: blur, exposure, saturation, colour, noise, sharpening,
            compression, contrast, local, or a word of your own; training on known levels predicts one
            severity per family. Empty where none fits.
        parameter_name: the name of a pipeline's parameter that drives it; the registered name if None.

    The conformance suite ``isptune.testing.DistortionConformance`` checks all of it.
    """

    level_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    level_unit: ClassVar[str] = ""
    family: ClassVar[str] = ""
    parameter_name: ClassVar[str | None] = None
    level: ClassVar[Float]

    def __init_subclass__(cls, **keywords: Any) -> None:
        low, high = cls.level_range
        if not (low == 0 < high < math.inf):
            raise ConfigurationError(
                f"level_range of the distortion class '{cls.__name__}' is {cls.level_range}; "
                "allowed: (0, highest level)"
            )
        cls.level = Float(0.0, float(high), default=0.0, unit=cls.level_unit)
        super().__init_subclass__(**keywords)
        more = [name for name in cls.declared if name != "level"]
        if more:
            raise ConfigurationError(
                f"the distortion class '{cls.__name__}' declares the parameter '{more[0]}', but a distortion "
                "has its level alone; make it a Stage"
            )

    @abstractmethod
    def forward(self, images: Tensor, level: Tensor, noise: Tensor | None = None) -> Tensor:
        """Apply the distortion.

        Args:
            images: (N, 3, H, W) RGB in [0, 1].
            level: (N,), one level per sample, in ``level_range``.
            noise: what ``draw`` gave for H x W, on the images' device; a distortion that is not stochastic
                need not take it, and one that is draws with a generator seeded with 0 where it is None.

        Returns:
            (N, 3, H, W) in [0, 1]; sample i is bit-equal to ``images[i]`` where ``level[i]`` is 0.
        """


def keep_identity(images: Tensor, output: Tensor, level: Tensor) -> Tensor:
    """``output``, with every sample of level 0 replaced by its input to the last bit.

    For stages whose arithmetic at level 0 equals the input only up to rounding (a colour-space round
    trip, say). The gradient is the output's everywhere, at level 0 too.
    """
    return keep_unchanged(images, output, level == 0)

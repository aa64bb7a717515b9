"""The contract of a stage: one step of an image signal processor with one level per sample."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from isptune.errors import ConfigurationError


class Stage(nn.Module):
    """One step of a pipeline; subclass it, set the class facts and write ``forward``.

    Level 0 is the identity to the last bit, and the image gets worse as the level grows to the end of
    ``level_range``. A stage follows Kornia: a pure function that does the work and this thin class.

    Class facts:
        level_range: (0, highest level), in the stage's own unit.
        level_unit: that unit, such as ``"px"``; empty for a pure number.
        family: what kind of distortion it is: blur, exposure, saturation, colour, noise, sharpening,
            compression, contrast, local, or a word of your own; training on known levels predicts one
            severity per family. Empty where none fits.
        parameter_name: the name of a pipeline's parameter that drives it; the registered name if None.
        is_differentiable: true gradients with respect to the images and to the level.
        is_stochastic: ``draw`` gives random numbers, which ``forward`` takes as ``noise``.
        working_images: how many image-sized temporaries ``forward`` holds at its peak, for the memory
            budget.

    The conformance suite ``isptune.testing.StageConformance`` checks all of it.
    """

    level_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    level_unit: ClassVar[str] = ""
    family: ClassVar[str] = ""
    parameter_name: ClassVar[str | None] = None
    aliases: ClassVar[tuple[str, ...]] = ()
    is_differentiable: bool = True
    is_stochastic: bool = False
    working_images: ClassVar[float] = 4.0

    name: str = ""
    options: dict[str, object]

    def __init__(self) -> None:
        # nn.Module takes any arguments, so without this an unknown option of a stage would not be named.
        super().__init__()

    def draw(self, height: int, width: int, generator: torch.Generator) -> Tensor | None:
        """The random numbers that this stage needs on a scene of that size, or None.

        A pipeline calls it once per scene, with a CPU generator seeded for that scene, and hands the
        result to ``forward`` for every candidate: a score then depends on the candidate alone.
        """
        return None

    @abstractmethod
    def forward(self, images: Tensor, level: Tensor, noise: Tensor | None = None) -> Tensor:
        """Apply the stage.

        Args:
            images: (N, 3, H, W) RGB in [0, 1].
            level: (N,), one level per sample, in ``level_range``.
            noise: what ``draw`` gave for H x W, on the images' device; a stage that is not stochastic
                need not take it, and one that is draws with a generator seeded with 0 where it is None.

        Returns:
            (N, 3, H, W) in [0, 1]; sample i is bit-equal to ``images[i]`` where ``level[i]`` is 0.
        """

    def noise_for(self, images: Tensor, noise: Tensor | None) -> Tensor:
        """The noise to use for a batch: the one given, else a draw from a generator seeded with 0."""
        if noise is None:
            noise = self.draw(images.shape[-2], images.shape[-1], torch.Generator().manual_seed(0))
        if noise is None:
            raise ConfigurationError(f"the stage '{self.name or type(self).__name__}' draws no noise")
        return noise.to(device=images.device, dtype=images.dtype)


def per_sample(level: Tensor, images: Tensor) -> Tensor:
    """Levels (N,) as (N, 1, 1, 1) of the images' dtype and device, to multiply images with."""
    return level.to(device=images.device, dtype=images.dtype).reshape(-1, 1, 1, 1)


def keep_identity(images: Tensor, output: Tensor, level: Tensor) -> Tensor:
    """``output``, with every sample of level 0 replaced by its input to the last bit.

    For stages whose arithmetic at level 0 equals the input only up to rounding (a colour-space round
    trip, say). The gradient is the output's everywhere, at level 0 too.
    """
    if level.device.type == "cpu" and not torch.compiler.is_compiling() and not bool((level == 0).any()):
        return output
    identity = level.to(images.device).reshape(-1, 1, 1, 1) == 0
    if not torch.is_grad_enabled() or not output.requires_grad:
        return torch.where(identity, images, output)
    # Adding (output - output.detach()) leaves the value alone and carries the output's gradient.
    return torch.where(identity, images.detach() + (output - output.detach()), output)

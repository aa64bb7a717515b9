"""A chain of stages on one batch: plain, stored in half precision, or through ``torch.compile``."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from isptune.errors import ConfigurationError, StageError
from isptune.failures import is_out_of_memory
from isptune.stage import Stage
from isptune_synthetic.stages.base import SyntheticStage

STORAGE = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}


def run_chain(
    stages: Sequence[Stage],
    images: Tensor,
    levels: Sequence[Tensor],
    noises: Sequence[Tensor | None],
    storage: torch.dtype | None = None,
) -> Tensor:
    """Apply the stages one after the other.

    Args:
        stages: K stages.
        images: (N, 3, H, W) RGB in [0, 1].
        levels: K tensors (N,).
        noises: K noises, None for stages that are not stochastic.
        storage: the number type of the picture between the stages and of the result; the images' if None.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Raises:
        StageError: a stage raised or gave images of the wrong shape; its name is in the message.
    """
    own = False
    for stage, level, noise in zip(stages, levels, noises, strict=True):
        try:
            images, own = _apply(stage, images, level, noise, own, storage)
        except Exception as error:
            # The evaluator answers a lack of memory with smaller batches.
            if is_out_of_memory(error):
                raise
            raise StageError(stage.name, error) from error
    return images


class Chain:
    """``run_chain`` through ``torch.compile``, and without it from the first failure on.

    Args:
        stages: K stages.
        backend: of ``torch.compile``.
    """

    def __init__(self, stages: Sequence[Stage], backend: str = "inductor") -> None:
        self._stages = stages
        self._compiled: Callable[..., Tensor] | None = torch.compile(
            self._traced, dynamic=False, backend=backend
        )

    def __call__(
        self,
        images: Tensor,
        levels: Sequence[Tensor],
        noises: Sequence[Tensor | None],
        storage: torch.dtype | None = None,
    ) -> Tensor:
        """As ``run_chain``."""
        if self._compiled is None:
            return run_chain(self._stages, images, levels, noises, storage)
        try:
            return self._compiled(images, levels, noises, storage)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            # Where a stage is at fault, this raises again, with the stage's name.
            result = run_chain(self._stages, images, levels, noises, storage)
            self._compiled = None
            reason = str(error).strip().partition("\n")[0]
            warnings.warn(
                f"torch.compile failed, the chain runs without it: {type(error).__name__}: {reason}",
                RuntimeWarning,
                stacklevel=3,
            )
            return result

    def _traced(
        self,
        images: Tensor,
        levels: Sequence[Tensor],
        noises: Sequence[Tensor | None],
        storage: torch.dtype | None,
    ) -> Tensor:
        """The chain without checks of values, each of which would cut the graph in two."""
        for stage, level, noise in zip(self._stages, levels, noises, strict=True):
            images = images if storage is None else images.to(torch.float32)
            if isinstance(stage, SyntheticStage):
                images = stage.apply_level(images, level, noise, None)
            else:
                images = stage(images, level, noise) if stage.is_stochastic else stage(images, level)
            images = images if storage is None else images.to(storage)
        return images


def _apply(
    stage: Stage,
    images: Tensor,
    level: Tensor,
    noise: Tensor | None,
    own: bool,
    storage: torch.dtype | None = None,
) -> tuple[Tensor, bool]:
    """The stage's output, and whether its memory is the chain's own, to be written over."""
    if storage is not None:
        # Powers in half precision would cost far more than its rounding does; a copy is the chain's own.
        own = own or images.dtype != torch.float32
        images = images.to(torch.float32)
    plain = not (torch.is_grad_enabled() and (images.requires_grad or level.requires_grad))
    arguments = (images, level, noise) if stage.is_stochastic else (images, level)
    if plain and isinstance(stage, SyntheticStage):
        output = stage(*arguments, out=images) if own else stage(*arguments)
    else:
        output = stage(*arguments)
    if not isinstance(output, Tensor) or output.shape != images.shape:
        got = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise ConfigurationError(f"it must give images of the shape {tuple(images.shape)}, got {got}")
    if output.dtype != images.dtype:
        raise ConfigurationError(f"it must give images of {images.dtype}, got {output.dtype}")
    # What another package's stage returns may be its input or a tensor that it keeps.
    return output if storage is None else output.to(storage), plain and isinstance(stage, SyntheticStage)

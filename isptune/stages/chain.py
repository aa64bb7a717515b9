"""A chain of stages on one batch: plain, stored in half precision, or through ``torch.compile``."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor

from isptune.contracts.requirements import Memory
from isptune.contracts.stage import DOMAINS, Stage, called
from isptune.errors import ConfigurationError, StageError
from isptune.stages.noise import NoiseFields
from isptune.tuning.blame import is_out_of_memory
from isptune.wording.naming import did_you_mean, listed

STORAGE = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}

# Elsewhere than on a CPU stages work on whole batches, not on strips of a picture.
_WHOLE_BATCH_IMAGES = 9.0

Values = Mapping[str, Tensor]


class Chain:
    """Stages one after another, on whole batches.

    Every stage is treated alike, whichever package it comes from: where no gradient is recorded, one that
    ``takes_out`` writes over the picture that the one before it made.

    Args:
        stages: K of them, each for what the one before it gives; ``name`` is what messages call it.
        seed: of the noise.
        storage: the number type in which a picture is kept between the stages and given in the end:
            ``"float32"``, which leaves the images' own, or ``"bfloat16"`` or ``"float16"`` for half the
            memory. Stages compute in float32 all the same.
        compile: run on an accelerator through ``torch.compile``; where that fails, the plain chain runs and a
            warning says why. No effect on a CPU.
        backend: of ``torch.compile``.

    Raises:
        ConfigurationError: no stage, a storage or ``compile`` that is not known, stages that do not fit, or a
            stage whose ``forward`` takes other arguments than it declares.

    Attributes:
        is_differentiable: every stage is.
        memory: what one sample needs at the peak.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        *,
        seed: int = 0,
        storage: str = "float32",
        compile: bool = False,
        backend: str = "inductor",
    ) -> None:
        if storage not in STORAGE:
            raise ConfigurationError(
                f"the storage is {storage!r}; allowed: {listed(STORAGE)}{did_you_mean(str(storage), STORAGE)}"
            )
        if not isinstance(compile, bool):
            raise ConfigurationError(f"compile is {compile!r}; allowed: true or false")
        if not stages:
            raise ConfigurationError("a chain needs at least one stage")
        for stage in stages:
            check_arguments(stage)
        check_domains(stages)
        self.stages = tuple(stages)
        self.domain_in, self.domain_out = stages[0].domain_in, stages[-1].domain_out
        self.is_differentiable = all(stage.is_differentiable for stage in stages)
        self.memory = _memory(stages)
        self.noise = NoiseFields(seed)
        self._storage = STORAGE[storage]
        self._compile = compile
        self._backend = backend
        self._compiled: Callable[..., Tensor] | None = None
        self._cannot_compile = False

    def __call__(self, images: Tensor, values: Sequence[Values], scene: int = 0) -> Tensor:
        """Apply the stages.

        Args:
            images: (N, C, H, W) of the first stage's ``domain_in``; they are never written over.
            values: for each of the K stages its declared parameters by name, tensors (N,).
            scene: the index of the scene, for which the noise is drawn.

        Returns:
            (N, C, H, W) of the last stage's ``domain_out``.

        Raises:
            StageError: a stage raised or gave images of another shape or type; its name is in the message.
        """
        noises = [self.noise.of(stage, position, scene, images) for position, stage in enumerate(self.stages)]
        if self._compile and images.device.type != "cpu":
            return self.run_compiled(images, values, noises)
        return self.run(images, values, noises)

    def to(self, device: torch.device | str) -> Chain:
        """Move the stages to a device and return the chain itself."""
        for stage in self.stages:
            stage.to(device)
        if torch.device(device).type != "cpu":
            self.memory = replace(self.memory, images=max(self.memory.images, _WHOLE_BATCH_IMAGES))
        self.noise.clear()
        return self

    def run(self, images: Tensor, values: Sequence[Values], noises: Sequence[Tensor | None]) -> Tensor:
        """The plain chain, with the K noises given, None for stages that are not stochastic."""
        own = False
        for stage, arguments, noise in zip(self.stages, values, noises, strict=True):
            try:
                images, own = _apply(stage, images, arguments, noise, own, self._storage)
            except Exception as error:
                # The evaluator answers a lack of memory with smaller batches.
                if is_out_of_memory(error):
                    raise
                raise StageError(called(stage), error) from error
        return images

    def run_compiled(
        self, images: Tensor, values: Sequence[Values], noises: Sequence[Tensor | None]
    ) -> Tensor:
        """``run`` through ``torch.compile``, and without it from the first failure on."""
        if self._cannot_compile:
            return self.run(images, values, noises)
        if self._compiled is None:
            self._compiled = torch.compile(self._traced, dynamic=False, backend=self._backend)
        try:
            return self._compiled(images, values, noises)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            # Where a stage is at fault, this raises again, with the stage's name.
            result = self.run(images, values, noises)
            self._cannot_compile = True
            reason = str(error).strip().partition("\n")[0]
            warnings.warn(
                f"torch.compile failed, the chain runs without it: {type(error).__name__}: {reason}",
                RuntimeWarning,
                stacklevel=4,
            )
            return result

    def _traced(self, images: Tensor, values: Sequence[Values], noises: Sequence[Tensor | None]) -> Tensor:
        """The chain without checks of results, each of which would cut the graph in two."""
        storage = self._storage
        for stage, arguments, noise in zip(self.stages, values, noises, strict=True):
            images = images if storage is None else images.to(torch.float32)
            images = stage(images, **arguments, **({"noise": noise} if stage.is_stochastic else {}))
            images = images if storage is None else images.to(storage)
        return images


def check_domains(stages: Sequence[Stage], before: str | None = None, after: str | None = None) -> None:
    """Refuse stages of which one takes other images than the one before it gives.

    Args:
        stages: in their order.
        before: what the first one is given; not checked if None.
        after: what the last one has to give; not checked if None.

    Raises:
        ConfigurationError: one sentence that names both stages.
    """
    first, last = stages[0], stages[-1]
    if before is not None and first.domain_in != before:
        raise ConfigurationError(
            f"the first stage, '{called(first)}', takes {first.domain_in} images, but the scenes are "
            f"{before} ones; put a stage before it that turns {before} images into {first.domain_in} ones"
        )
    for one, next_one in pairwise(stages):
        if one.domain_out != next_one.domain_in:
            raise ConfigurationError(
                f"the stage '{called(next_one)}' takes {next_one.domain_in} images, but '{called(one)}' "
                f"before it gives {one.domain_out} ones; change the order, or put a stage between them that "
                f"turns {one.domain_out} images into {next_one.domain_in} ones"
            )
    if after is not None and last.domain_out != after:
        raise ConfigurationError(
            f"the last stage, '{called(last)}', gives {last.domain_out} images, but {after} ones are "
            f"rendered; put a stage behind it that turns {last.domain_out} images into {after} ones"
        )


def check_arguments(stage: Stage) -> None:
    """Refuse a stage whose ``forward`` does not take what it declares.

    Raises:
        ConfigurationError: one sentence with the stage, the argument, and what forward takes.
    """
    taken = inspect.signature(stage.forward).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values()):
        return
    needed = [*stage.declared]
    needed += ["noise"] * stage.is_stochastic + ["out"] * stage.takes_out
    for name in needed:
        if name not in taken:
            why = {"noise": "is_stochastic", "out": "takes_out"}.get(name)
            raise ConfigurationError(
                f"the stage '{called(stage)}' "
                + (f"declares the parameter '{name}'" if why is None else f"says {why} = True")
                + f", but its forward takes no '{name}'"
                + did_you_mean(name, taken)
                + f"; it takes {listed(taken)}"
            )


def _memory(stages: Sequence[Stage]) -> Memory:
    """Of all stages one after the other; what gradients record of each stays."""
    needs = [stage.memory for stage in stages]
    # A stage that takes no buffer holds its input beside its output.
    kept = 0.0 if all(stage.takes_out for stage in stages) else 1.0
    return Memory(
        images=max(memory.images for memory in needs) + kept,
        images_with_gradients=1.0 + sum(memory.images_at_peak(True, usual=4) for memory in needs),
        bytes=max(memory.bytes for memory in needs),
        bytes_with_gradients=sum(memory.bytes_with_gradients for memory in needs),
    )


def _apply(
    stage: Stage,
    images: Tensor,
    values: Values,
    noise: Tensor | None,
    own: bool,
    storage: torch.dtype | None,
) -> tuple[Tensor, bool]:
    """The stage's output, and whether its memory is the chain's own, to be written over."""
    if storage is not None:
        # Powers in half precision would cost far more than its rounding does; a copy is the chain's own.
        own = own or images.dtype != torch.float32
        images = images.to(torch.float32)
    arguments = dict(values)
    if stage.is_stochastic and noise is not None:
        arguments["noise"] = noise
    channels = DOMAINS[stage.domain_out]
    in_place = stage.takes_out and not _records(stage, images, values)
    if in_place and own and images.shape[1] == channels:
        arguments["out"] = images
    output = stage(images, **arguments)
    shape = torch.Size((images.shape[0], channels, *images.shape[2:]))
    if not isinstance(output, Tensor) or output.shape != shape:
        got = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise ConfigurationError(f"it must give images of the shape {tuple(shape)}, got {got}")
    if output.dtype != images.dtype:
        raise ConfigurationError(
            f"it must give images of {images.dtype}, got {output.dtype}; values come as float64, so take "
            "value.to(images.dtype)"
        )
    # What a stage without `out` returns may be its input or a tensor that it keeps.
    return output if storage is None else output.to(storage), in_place


def _records(stage: Stage, images: Tensor, values: Values) -> bool:
    """Whether a gradient is recorded that a buffer written over would lose."""
    if not torch.is_grad_enabled():
        return False
    recorded = images.requires_grad or any(value.requires_grad for value in values.values())
    return recorded or any(weight.requires_grad for weight in stage.parameters())

"""The contract of a stage: one step of an image signal processor with parameters of its own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from isptune.contracts.requirements import Memory, Packaged
from isptune.errors import ConfigurationError
from isptune.parameters import Parameter
from isptune.wording.naming import did_you_mean, listed

if TYPE_CHECKING:
    from isptune.stages.fixed import Fixed

DOMAINS = {"mosaic": 1, "linear": 3, "encoded": 3}
"""What images can be, and how many channels they have."""

_RESERVED = frozenset(("self", "images", "noise", "out", "options"))


class Stage(Packaged, nn.Module):
    """One step of a pipeline; subclass it, declare its parameters and write ``forward``.

    Parameters are class attributes of the kinds ``Float``, ``Int``, ``Choice`` and ``Bool``::

        class Sharpen(isptune.Stage):
            radius = Float(0.5, 3.0, default=1.0, unit="px")
            amount = Float(0.0, 2.0, default=0.4)

            def forward(self, images, radius, amount): ...

    They are gathered in ``declared``, those of base classes first, and reach ``forward`` by name.

    Class facts (an instance may have its own, where they depend on its options):
        declared: the parameters by name, in order.
        domain_in, domain_out: what the images are that it takes and gives: ``"mosaic"``, (N, 1, H, W) of a
            sensor; ``"linear"``, (N, 3, H, W) in linear light, both with white at 1, which they may pass; or
            ``"encoded"``, (N, 3, H, W) RGB in [0, 1] as pictures are shown. A chain refuses a wrong order.
        is_differentiable: true gradients with respect to the images and to every float parameter.
        is_stochastic: ``draw`` gives random numbers, which ``forward`` takes as ``noise``.
        takes_out: ``forward`` takes ``out``, a buffer that receives the result and may be ``images`` itself;
            what it returns is its caller's to write over. A chain passes it where no gradient is recorded.
        memory: what ``forward`` holds at its peak, for the memory budget.
        packaging: what has to be installed.

    The conformance suite ``isptune.testing.StageConformance`` checks all of it.
    """

    declared: Mapping[str, Parameter] = MappingProxyType({})
    domain_in: str = "encoded"
    domain_out: str = "encoded"
    aliases: ClassVar[tuple[str, ...]] = ()
    is_differentiable: bool = True
    is_stochastic: bool = False
    takes_out: bool = False
    memory: Memory = Memory()

    name: str = ""
    options: dict[str, object]

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls.declared = MappingProxyType(_gathered(cls))
        for fact in ("domain_in", "domain_out"):
            domain = getattr(cls, fact)
            if domain not in DOMAINS:
                raise ConfigurationError(
                    f"{fact} of the stage class '{cls.__name__}' is {domain!r}; "
                    f"allowed: {listed(DOMAINS)}{did_you_mean(str(domain), DOMAINS)}"
                )

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
    def forward(self, images: Tensor, *values: Any, **named: Any) -> Tensor:
        """Apply the stage.

        Args:
            images: (N, C, H, W) of ``domain_in``.
            values: each declared parameter by its name, a tensor (N,) with one value a sample: a float in
                float64 whatever the images' type is, an int as int64, a choice as the int64 place of its
                option (``chosen`` gives the options), a bool as bool. ``per_sample`` makes one ready to
                multiply images with.
            noise: only where ``is_stochastic``: what ``draw`` gave for H x W, on the images' device, or
                None, for which it draws with a generator seeded with 0 (see ``noise_for``).
            out: only where ``takes_out``: a tensor of the result's shape that receives it, or None.

        Returns:
            (N, C, H, W) of ``domain_out``, of the images' type; sample i depends on ``images[i]`` and on
            its own values alone.
        """

    def with_values(self, *, seed: int = 0, **values: Any) -> Fixed:
        """This stage with its values fixed: a module that takes pictures alone.

        It goes into ``torch.nn.Sequential`` and ``kornia.augmentation.AugmentationSequential`` as any other.

        Args:
            seed: of a stochastic stage's noise.
            values: parameters by name; what is left out has its default. See ``isptune.stages.Fixed``.

        Example:
            >>> import isptune
            >>> sharpen = isptune.create_stage("kornia:unsharp_mask").with_values(sigma=2.0)
            >>> sharpen(torch.rand(1, 3, 16, 16)).shape
            torch.Size([1, 3, 16, 16])
        """
        from isptune.stages.fixed import Fixed

        return Fixed(self, seed, **values)

    def chosen(self, parameter: str, places: Tensor) -> list[Any]:
        """The options of a choice that ``forward`` got as places (N,), one a sample."""
        kind = self.declared[parameter]
        return [kind.decode(place) for place in places.tolist()]

    def noise_for(self, images: Tensor, noise: Tensor | None) -> Tensor:
        """The noise to use for a batch: the one given, else a draw from a generator seeded with 0."""
        if noise is None:
            noise = self.draw(images.shape[-2], images.shape[-1], torch.Generator().manual_seed(0))
        if noise is None:
            raise ConfigurationError(f"the stage '{called(self)}' draws no noise")
        return noise.to(device=images.device, dtype=images.dtype)


def called(stage: Stage) -> str:
    """A stage's registered name, or its class's."""
    return stage.name or type(stage).__name__


def per_sample(value: Tensor, images: Tensor) -> Tensor:
    """Values (N,) as (N, 1, 1, 1) of the images' dtype and device, to multiply images with."""
    return value.to(device=images.device, dtype=images.dtype).reshape(-1, 1, 1, 1)


def keep_unchanged(images: Tensor, output: Tensor, unchanged: Tensor) -> Tensor:
    """``output``, with every sample for which ``unchanged`` (N,) is True replaced by its input.

    The gradient is the output's everywhere.
    """
    if unchanged.device.type == "cpu" and not torch.compiler.is_compiling() and not bool(unchanged.any()):
        return output
    unchanged = unchanged.to(images.device).reshape(-1, 1, 1, 1)
    if not torch.is_grad_enabled() or not output.requires_grad:
        return torch.where(unchanged, images, output)
    # Adding (output - output.detach()) leaves the value alone and carries the output's gradient.
    return torch.where(unchanged, images.detach() + (output - output.detach()), output)


def _gathered(cls: type[Stage]) -> dict[str, Parameter]:
    """The class attributes that are parameters, those of base classes first.

    A subclass that sets the name of one to something else does without it.
    """
    names = dict.fromkeys(
        name
        for base in reversed(cls.__mro__)
        for name, value in vars(base).items()
        if isinstance(value, Parameter)
    )
    declared = {name: getattr(cls, name) for name in names if isinstance(getattr(cls, name), Parameter)}
    for name in declared:
        if name in _RESERVED or hasattr(Stage, name) or hasattr(nn.Module, name):
            raise ConfigurationError(
                f"the stage class '{cls.__name__}' declares a parameter '{name}', a name that every stage "
                "has for something else; choose another"
            )
    return declared

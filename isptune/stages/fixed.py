"""A stage with its values fixed, which takes pictures alone: a module as PyTorch and Kornia have them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from isptune.contracts.stage import Stage, called
from isptune.errors import ConfigurationError
from isptune.stages.values import column_of
from isptune.wording.naming import did_you_mean, listed


class Fixed(nn.Module):
    """A stage and its values, for ``torch.nn.Sequential`` or ``kornia.augmentation.AugmentationSequential``.

    ``stage.with_values(...)`` makes one. The values are buffers of the submodule ``values``: they move with
    ``to`` and are saved with the module. One that is given as an ``nn.Parameter`` is trained with it.

    Args:
        stage: any; its domains are not checked here, as they are in a chain.
        seed: of the noise of a stochastic stage, which is the same in every call.
        values: each as people write it, or a tensor: () for all samples, or (N,) for batches of N. What is
            left out has its default.

    Raises:
        ConfigurationError: the stage has no parameter of that name, or a tensor is of another shape.
        ParameterError: a value outside its bounds. A trained one is not kept inside them.

    Example:
        >>> import isptune
        >>> from torch import nn
        >>> blur = isptune.create_stage("gaussian_blur").with_values(level=1.5)
        >>> camera = nn.Sequential(blur, nn.AvgPool2d(2))
        >>> camera(torch.rand(4, 3, 32, 32)).shape
        torch.Size([4, 3, 16, 16])
    """

    def __init__(self, stage: Stage, seed: int = 0, **values: Any) -> None:
        super().__init__()
        for name in values:
            if name not in stage.declared:
                raise ConfigurationError(
                    f"the stage '{called(stage)}' has no parameter '{name}'"
                    + did_you_mean(name, stage.declared)
                    + f"; it has {listed(stage.declared) or 'none'}"
                )
        self.stage = stage
        self.seed = seed
        self.values = nn.Module()
        for name, kind in stage.declared.items():
            value = values.get(name)
            if isinstance(value, nn.Parameter):
                self.values.register_parameter(name, value)
            elif isinstance(value, Tensor):
                self.values.register_buffer(name, value)
            else:
                number = kind.initial if value is None else kind.encode(value)
                self.values.register_buffer(name, torch.tensor(number, dtype=torch.float64))
            shape = tuple(getattr(self.values, name).shape)
            if len(shape) > 1:
                raise ConfigurationError(
                    f"the value of '{name}' for the stage '{called(stage)}' has the shape {shape}; "
                    "allowed: () and (N,)"
                )

    def forward(self, images: Tensor) -> Tensor:
        """Apply the stage.

        Args:
            images: (N, C, H, W) of the stage's ``domain_in``.

        Returns:
            (N, C, H, W) of its ``domain_out``.
        """
        more: dict[str, Tensor] = {}
        for name, kind in self.stage.declared.items():
            more[name] = column_of(kind, getattr(self.values, name).expand(len(images)))
        if self.stage.is_stochastic:
            height, width = images.shape[-2:]
            noise = self.stage.draw(height, width, torch.Generator().manual_seed(self.seed))
            more["noise"] = self.stage.noise_for(images, noise)
        result: Tensor = self.stage(images, **more)
        return result

    def extra_repr(self) -> str:
        """The values as people write them."""
        shown = []
        for name, kind in self.stage.declared.items():
            value = getattr(self.values, name)
            shown.append(
                f"{name}={kind.decode(float(value.detach()))!r}" if value.ndim == 0 else f"{name}=..."
            )
        return ", ".join(shown)

"""The contract of a learner: what ``isptune train`` trains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from isptune.contracts.requirements import Packaged
from isptune.errors import ConfigurationError

Features = Mapping[str, Tensor]
"""What a learner keeps of a batch of images: named tensors whose first dimension is the image."""


class Learner(Packaged, nn.Module):
    """A model with weights to learn; subclass it, write ``encode``, ``forward`` and ``configuration``.

    A learner has a frozen part (its host, such as CLIP), which sees each image once: ``encode``. What that
    gives is kept on disk, and ``forward`` makes scores of it, as often as training asks. A learner without
    a frozen part gives the images themselves (``caches_features`` is False then).

    Only parameters that require gradients are trained and written to a checkpoint; frozen ones are named in
    the configuration instead. Buffers of the learner's own that the training fits (``fit``) go into the
    checkpoint too: register them with ``register_buffer(..., persistent=True)`` outside of the host.

    Class facts:
        name: as registered.
        labels: the names of the K columns of ``forward``; empty for one score a picture, (N,).
        encodes_in_threads: whether several threads may call ``encode`` at once, after one has called it.
        caches_features: whether ``encode`` is worth keeping.
        higher_is_better: the orientation of what ``forward`` gives.
        data: ``module:class`` of the source of its synthetic data. Its constructor takes ``images``, ``seed``
            and whatever ``--data-option`` is to set.
        synthetic: the options of that source that suit it.
        losses: what it is trained with unless told otherwise, as ``--loss`` takes it.
        packaging: what has to be installed.
    """

    name: str = ""
    labels: tuple[str, ...] = ()
    encodes_in_threads: bool = False
    caches_features: bool = True
    higher_is_better: bool = True
    data: ClassVar[str] = "isptune.iqa.training.synthetic:SyntheticSource"
    synthetic: ClassVar[Mapping[str, Any]] = {}
    losses: ClassVar[str] = "mse,plcc"

    def encode(self, images: Tensor) -> Features:
        """The frozen part's view of images (N, 3, H, W) in [0, 1]; called without gradients."""
        return {"images": images}

    def fit(self, features: Features) -> None:
        """Adapt to the features of the training images before the first step (standardisation, say)."""

    def forward(self, features: Features) -> Tensor:
        """(N,) scores, or (N, K) with ``labels``, of a batch of features."""
        raise NotImplementedError

    def outputs(self, features: Features) -> tuple[Tensor, Tensor | None]:
        """What the losses see: the scores of ``forward``, and of learners that rate in levels, (N, L)
        logarithms of the levels' probabilities, the best level first.
        """
        return self(features), None

    def own_loss(self, predictions: Tensor, targets: Tensor, contents: Tensor) -> Tensor | None:
        """A loss of the learner's own, added to those that were asked for; called after `outputs`."""
        return None

    def calibrate(self, batches: Iterator[tuple[Features, Tensor]]) -> None:
        """Adapt to features and targets that were held out, after the last step."""

    def export(self, folder: Path) -> None:
        """Write further files after the training, such as the host's own published form."""

    def configuration(self) -> dict[str, Any]:
        """The options with which the registry makes this learner again: plain data."""
        raise NotImplementedError

    def encoding(self) -> dict[str, Any]:
        """Plain data that changes with what `encode` gives for the same images; kept features go by it."""
        return {"learner": self.name, **self.configuration()}

    def learned_state(self) -> dict[str, Tensor]:
        """What a checkpoint holds: parameters that are trained and buffers that are fitted, on the CPU.

        The host's are left out: those below a module that ``frozen_modules`` names.
        """
        frozen = tuple(f"{name}." for name in self.frozen_modules())
        return {
            key: value.detach().cpu().contiguous()
            for key, value in self.state_dict().items()
            if not key.startswith(frozen)
        }

    def load_learned_state(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `learned_state` gave.

        Raises:
            ConfigurationError: a tensor is missing, unknown, or of another shape.
        """
        own = {key: value.shape for key, value in self.learned_state().items()}
        for key in sorted({*own, *state}):
            if key not in state:
                raise ConfigurationError(f"the checkpoint of '{self.name}' lacks the tensor '{key}'")
            if key not in own:
                raise ConfigurationError(
                    f"the checkpoint of '{self.name}' holds the tensor '{key}', unknown to this learner"
                )
            if state[key].shape != own[key]:
                raise ConfigurationError(
                    f"the tensor '{key}' of '{self.name}' has the shape {tuple(state[key].shape)} in the "
                    f"checkpoint, but the configuration asks for {tuple(own[key])}"
                )
        with torch.no_grad():
            self.load_state_dict(dict(state), strict=False)

    def frozen_modules(self) -> tuple[str, ...]:
        """The names of submodules that are not trained: the host."""
        return ()

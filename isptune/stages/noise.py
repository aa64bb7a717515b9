"""Random numbers of stages: drawn once for a scene, from seeds alone, and kept for the next candidates."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor

from isptune.contracts.stage import Stage
from isptune.errors import ConfigurationError, StageError

# Fields of at most this many bytes are kept between calls; a 4K field in float32 takes 100 MB.
KEPT_BYTES = 512 * 2**20


def seeded_generator(*key: object) -> torch.Generator:
    """A CPU generator of its own for a key of seeds and names, the same on every machine."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:4], "little"))


class NoiseFields:
    """What stages draw for scenes, from (seed, scene, place in the chain) alone.

    Args:
        seed: a whole number of at least 0.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._kept: OrderedDict[tuple[Any, ...], Tensor] = OrderedDict()

    def of(self, stage: Stage, position: int, scene: int, images: Tensor) -> Tensor | None:
        """The random numbers of a stage, or None where it is not stochastic.

        Args:
            stage: which is at ``position`` of its chain.
            scene: the scene's index.
            images: (..., H, W), whose size, device and type they are for.

        Raises:
            StageError: the stage is stochastic and draws nothing.
        """
        if not stage.is_stochastic:
            return None
        height, width = images.shape[-2:]
        key = (scene, height, width, position, images.device, images.dtype)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        drawn = stage.draw(height, width, seeded_generator(self.seed, "noise", scene, position))
        if drawn is None:
            raise StageError(stage.name, ConfigurationError("it is stochastic, but draw() gave None"))
        # Whole numbers, such as places, stay whole.
        kind = images.dtype if drawn.is_floating_point() else drawn.dtype
        self._kept[key] = drawn.to(device=images.device, dtype=kind)
        while len(self._kept) > 1 and sum(map(_bytes, self._kept.values())) > KEPT_BYTES:
            self._kept.popitem(last=False)
        return self._kept[key]

    def clear(self) -> None:
        """Forget what was drawn; it comes out the same again."""
        self._kept.clear()


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()

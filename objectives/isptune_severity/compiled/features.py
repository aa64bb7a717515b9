"""The inputs of the head for a batch of pictures, a picture a thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isptune.compiled.threads import alone, can_be_alone
from isptune.stages.strips import each
from isptune_severity.compiled.fixed import Passes, statistics_of
from isptune_severity.compiled.traces import fingerprints_of
from isptune_severity.compiled.trunk import Trunk

# Larger pictures are split between the threads.
_LARGE = 2**20


class Features:
    """``features`` of a severity network, for scores without gradients of float32 pictures on a CPU.

    A picture's features do not depend on the others in the batch.

    Args:
        network: with ``stem``, ``levels``; its weights are copied. Where it has ``further``, as the second
            version, the columns of ``fingerprints`` follow those of the first.
        dtype: float32 or bfloat16 of the convolutions.
    """

    def __init__(self, network: Any, dtype: torch.dtype) -> None:
        self._trunk = Trunk(network.stem, network.levels, dtype)
        self._further = hasattr(network, "further")

    def of(self, images: Tensor) -> Tensor:
        """(N, F) float32 of pictures (N, 3, H, W) float32 in [0, 1]."""
        arrays = [image.contiguous().numpy() for image in images.detach()]
        found: list[Any] = [None] * len(arrays)

        def whole(index: int) -> None:
            with alone():
                found[index] = self._of(arrays[index], _in_turn)

        pixels = images.shape[-2] * images.shape[-1]
        with torch.inference_mode():
            if len(arrays) > 1 and pixels <= _LARGE and can_be_alone():
                each(whole, [(index,) for index in range(len(arrays))], pixels * len(arrays))
            else:
                for index, image in enumerate(arrays):
                    found[index] = self._of(image, each)
        return torch.from_numpy(np.stack(found))

    def _of(self, image: np.ndarray, run: Callable[..., None]) -> np.ndarray:
        passes = Passes(image, run)
        columns = [self._trunk.pooled(image, run), statistics_of(image, run, passes)]
        if self._further:
            columns.append(fingerprints_of(image, passes, run))
        return np.concatenate(columns)


def _in_turn(work: Callable[..., None], tasks: Sequence[tuple[Any, ...]], pixels: int) -> None:
    for task in tasks:
        work(*task)


def row_by_row(head: Callable[[Tensor], Tensor], features: Tensor, together: int = 16) -> Tensor:
    """A head's results of always so many rows at a time: a row's do not depend on how many there are."""
    parts = []
    for part in features.split(together):
        padded = torch.nn.functional.pad(part, (0, 0, 0, together - len(part)))
        parts.append(head(padded)[: len(part)])
    return torch.cat(parts)

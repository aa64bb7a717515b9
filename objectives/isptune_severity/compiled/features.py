"""The inputs of the head for a batch of pictures, a picture a thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isptune.compiled.threads import Chain, alone, can_be_alone, together
from isptune.stages.strips import each
from isptune_severity.compiled.fixed import Passes, statistics_of
from isptune_severity.compiled.traces import fingerprints_of
from isptune_severity.compiled.trunk import Trunk

# Larger pictures are split between the threads.
_LARGE = 2**20
# More threads than this split each layer of a large picture instead of doing different ones.
_FEW = 3
# Strips that may wait for the late layers.
_AHEAD = 8


class Features:
    """``features`` of a severity network, for scores without gradients of float32 pictures on a CPU.

    A picture's features do not depend on the others in the batch.

    Args:
        network: with ``stem``, ``levels``; its weights are copied. Where it has ``further``, as the second
            version, the columns of ``fingerprints`` follow those of the first, and where it ``has_optics``
            theirs.
        dtype: float32 or bfloat16 of the convolutions.
    """

    def __init__(self, network: Any, dtype: torch.dtype) -> None:
        self._trunk = Trunk(network.stem, network.levels, dtype)
        self._further = hasattr(network, "further")
        self._optics = getattr(network, "has_optics", False)

    def of(self, images: Tensor) -> Tensor:
        """(N, F) float32 of pictures (N, 3, H, W) float32 in [0, 1]."""
        arrays = [image.contiguous().numpy() for image in images.detach()]
        found: list[Any] = [None] * len(arrays)

        def whole(index: int) -> None:
            with alone():
                found[index] = self._of(arrays[index], _in_turn)

        pixels, threads = images.shape[-2] * images.shape[-1], torch.get_num_threads()
        with torch.inference_mode():
            if len(arrays) > 1 and pixels <= _LARGE and can_be_alone():
                each(whole, [(index,) for index in range(len(arrays))], pixels * len(arrays))
            elif 1 < threads <= _FEW and pixels > _LARGE and can_be_alone():
                found = [self._by_chains(image, threads) for image in arrays]
            else:
                found = [self._of(image, each) for image in arrays]
        return torch.from_numpy(np.stack(found))

    def _of(self, image: np.ndarray, run: Callable[..., None]) -> np.ndarray:
        passes = Passes(image, run)
        columns = [self._trunk.pooled(image, run), statistics_of(image, run, passes)]
        if self._further:
            columns.append(fingerprints_of(image, passes, run, self._optics))
        return np.concatenate(columns)

    def _by_chains(self, image: np.ndarray, threads: int) -> np.ndarray:
        """The same with the early and the late layers, and what is fixed, side by side.

        Few threads that split each layer between them wait for one another a dozen times a strip.
        """
        work, between = self._trunk.begun(), deque[tuple[Tensor, bool]]()
        half = self._trunk.half
        columns: list[np.ndarray] = []

        def early() -> Iterator[None]:
            for x, last in self._trunk.inputs(image, _in_turn):
                for step in work.steps[:half]:
                    x = step(x, last)
                between.append((x, last))
                yield

        def late() -> Iterator[None]:
            while True:
                x, last = between.popleft()
                for step in work.steps[half:]:
                    x = step(x, last)
                if last:
                    return
                yield

        def fixed() -> Iterator[None]:
            passes = Passes(image, _in_turn)
            yield
            columns.append(statistics_of(image, _in_turn, passes))
            yield
            if self._further:
                columns.append(fingerprints_of(image, passes, _in_turn, self._optics))

        together(
            [
                Chain(late(), lambda: bool(between)),
                Chain(early(), lambda: len(between) < _AHEAD),
                Chain(fixed()),
            ],
            threads,
        )
        return np.concatenate([work.result(), *columns])


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

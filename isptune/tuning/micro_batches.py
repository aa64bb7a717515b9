"""How many samples go together: what a memory budget holds, and half of that after each lack of memory."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch

from isptune.tuning.blame import is_out_of_memory

logger = logging.getLogger("isptune")


class MicroBatches:
    """Sizes of micro-batches by the size of their pictures.

    Args:
        device: where they are worked on.
        memory_gb: gigabytes that the temporaries of one may take.
        what: they hold, for messages.
        most: how many samples may go together at all; None for any number.
    """

    def __init__(self, device: torch.device, memory_gb: float, what: str, most: int | None = None) -> None:
        self._device, self._bytes, self._what, self._limit = device, memory_gb * 1e9, what, most
        self._most: dict[tuple[int, int, bool], int] = {}

    def size(self, height: int, width: int, bytes_each: Callable[[], float], gradients: bool = False) -> int:
        """How many samples of ``bytes_each`` at their peak go together."""
        key = (height, width, gradients)
        if key not in self._most:
            fitting = max(1, int(self._bytes / bytes_each()))
            self._most[key] = fitting if self._limit is None else min(self._limit, fitting)
        return self._most[key]

    def work(
        self,
        count: int,
        height: int,
        width: int,
        bytes_each: Callable[[], float],
        part: Callable[[int, int], None],
        gradients: bool = False,
    ) -> None:
        """Call ``part`` for the samples from a start to an end, one micro-batch after another.

        Raises:
            Exception: whatever ``part`` raises; a lack of memory only where it is for one sample alone.
        """
        start = 0
        while start < count:
            end = min(start + self.size(height, width, bytes_each, gradients), count)
            try:
                part(start, end)
            except Exception as error:
                size = end - start
                if size == 1 or not is_out_of_memory(error):
                    raise
                if self._device.type == "cuda":
                    torch.cuda.empty_cache()
                self._most[height, width, gradients] = size // 2
                logger.warning(
                    "out of memory with %d %s of %dx%d at once; going on with %d",
                    *(size, self._what, width, height, size // 2),
                )
            else:
                start = end

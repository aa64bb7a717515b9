"""Pictures of unlike sizes, gathered into batches of equal ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

Key = TypeVar("Key")


def batches_by_size(
    pictures: Iterable[tuple[Key, Tensor]], most: Callable[[int, int], int], waiting_bytes: float
) -> Iterator[list[tuple[Key, Tensor]]]:
    """Pictures (3, H, W) with their keys, those of one size together.

    Args:
        pictures: one after another.
        most: how many of a height and width make a batch.
        waiting_bytes: what pictures may take that wait for others of their size; beyond, the size of which
            most wait goes first.
    """
    queues: dict[tuple[int, int], list[tuple[Key, Tensor]]] = {}
    for key, picture in pictures:
        size = (int(picture.shape[-2]), int(picture.shape[-1]))
        queue = queues.setdefault(size, [])
        queue.append((key, picture))
        if len(queue) >= most(*size):
            yield queues.pop(size)
        elif sum(one.nbytes for waiting in queues.values() for _, one in waiting) > waiting_bytes:
            yield queues.pop(max(queues, key=lambda size: len(queues[size])))
    yield from queues.values()

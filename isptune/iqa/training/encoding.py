"""From images to what a learner keeps of them, on as many cores as torch is allowed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

from isptune.iqa.training.learner import Features, Learner

Key = TypeVar("Key")

# Each worker holds a batch of its own, so more of them cost memory.
_MOST_WORKERS = 8


def encoded(learner: Learner, features: Features, device: torch.device) -> Features:
    """What ``encode`` makes of a batch of images; features that are no images are given back as they are."""
    if set(features) != {"images"}:
        return features
    with torch.no_grad():
        return learner.encode(features["images"].to(device))


def encoded_batches(
    learner: Learner, batches: Iterable[tuple[Key, Features]], device: torch.device | str = "cpu"
) -> Iterator[tuple[Key, Features]]:
    """``encoded`` of one batch after another, in their order, each with its key.

    On a CPU several batches are encoded at once where the learner allows it, in threads that share torch's
    own: a host and a metric bank are chains of small operations, which are not worth cutting up one by one,
    least of all on a machine that is busy. The batches themselves are made one after another.

    Args:
        learner: on ``device`` already.
        batches: keys, which come back as they are, and images as ``{"images": (N, 3, H, W)}``.
        device: where to encode.
    """
    device = torch.device(device)
    threads = torch.get_num_threads()
    workers = min(threads, _MOST_WORKERS) if device.type == "cpu" and learner.encodes_in_threads else 1
    if workers == 1:
        for key, features in batches:
            yield key, encoded(learner, features, device)
        return
    # New threads take this number over.
    torch.set_num_threads(threads // workers)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="isptune-encode")
    waiting: deque[tuple[Key, Future[Features]]] = deque()
    try:
        ready = False
        for key, features in batches:
            if not ready:
                # What loads at its first use must not be loaded by several threads at once.
                yield key, encoded(learner, features, device)
                ready = True
                continue
            waiting.append((key, pool.submit(encoded, learner, features, device)))
            if len(waiting) > workers:
                first, future = waiting.popleft()
                yield first, future.result()
        for key, future in waiting:
            yield key, future.result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)

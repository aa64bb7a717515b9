"""From images to what a learner keeps of them, on as many cores as torch is allowed, and its files."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from isptune.iqa.training.learner import Features, Learner
from isptune.storage.writing import make_folder, write_whole

Key = TypeVar("Key")
Progress = Callable[[int, int], None]
"""Called with how much is encoded and how much there is."""

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


class FeatureFiles:
    """Named tensors kept as safetensors files, each written whole: several processes may share them.

    Args:
        folder: where the files lie, in a folder of their own.
        facts: plain data that decides what the files hold: its digest names their folder, so that nothing
            stale is read.
    """

    def __init__(self, folder: str | Path, facts: Mapping[str, Any]) -> None:
        text = json.dumps(facts, sort_keys=True, default=str)
        self._folder = make_folder(Path(folder) / hashlib.sha256(text.encode()).hexdigest()[:16])

    def __contains__(self, name: str) -> bool:
        return self._path(name).exists()

    def __setitem__(self, name: str, tensors: Features) -> None:
        from safetensors.torch import save

        write_whole(self._path(name), save({key: value.contiguous() for key, value in tensors.items()}))

    def __getitem__(self, name: str) -> dict[str, Tensor]:
        from safetensors.torch import load_file

        return load_file(self._path(name))

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.safetensors"

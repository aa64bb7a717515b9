"""One picture a thread, where PyTorch's own operators would split each picture between all of them.

A network of a dozen layers splits a small picture a dozen times, and its threads wait for each other every
time. ``alone`` makes the calling thread do its operators by itself: other threads can do other pictures.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch


@contextmanager
def alone() -> Iterator[None]:
    """PyTorch's operators run on the calling thread alone in here; other threads keep their number.

    ``torch.set_num_threads`` would change it for threads that are started later as well, so OpenMP is told
    itself. Where it cannot be (``can_be_alone``), this does nothing.
    """
    library = _openmp()
    if library is None:
        yield
        return
    # PyTorch sets a thread's number at its first question, over what has been set before.
    before = torch.get_num_threads()
    library.omp_set_num_threads(1)
    try:
        yield
    finally:
        library.omp_set_num_threads(before)


def can_be_alone() -> bool:
    """Whether ``alone`` has an effect here."""
    return _openmp() is not None


@functools.cache
def _openmp() -> Any:
    """The OpenMP library that this PyTorch uses; None where it is not found."""
    home = Path(torch.__file__).parent
    for path in sorted((*home.glob("lib/libgomp*.so*"), *home.parent.glob("torch.libs/libgomp*.so*"))):
        try:
            library = ctypes.CDLL(str(path))
            threads = torch.get_num_threads()
            if library.omp_get_max_threads() != threads:
                continue
            # The one that PyTorch asks is the one that answers to PyTorch.
            library.omp_set_num_threads(threads + 1)
            heard = torch.get_num_threads() == threads + 1
            library.omp_set_num_threads(threads)
        except (OSError, AttributeError):
            continue
        if heard:
            return library
    return None


@dataclass
class Chain:
    """Work of which each piece needs the one before.

    Attributes:
        pieces: does one at every ``next``.
        ready: whether the next piece can be done now; true after its last one as well.
    """

    pieces: Iterator[Any]
    ready: Callable[[], bool] = lambda: True
    taken: bool = False
    ended: bool = False


def together(chains: Sequence[Chain], threads: int) -> None:
    """Do all pieces of all chains on so many threads, each ``alone``; what is first in order goes before.

    A chain is worked on by one thread at a time. What a chain gives does not depend on how many there are.
    """
    inference, turn = torch.is_inference_mode_enabled(), threading.Condition()
    failed: list[BaseException] = []

    def next_one() -> Chain | None:
        with turn:
            while not failed:
                left = [chain for chain in chains if not chain.ended]
                for chain in left:
                    if not chain.taken and chain.ready():
                        chain.taken = True
                        return chain
                if not left:
                    return None
                turn.wait()
        return None

    def work() -> None:
        with torch.inference_mode(inference), torch.no_grad(), alone():
            while (chain := next_one()) is not None:
                ended = False
                try:
                    next(chain.pieces)
                except StopIteration:
                    ended = True
                except BaseException as error:
                    failed.append(error)
                    raise
                finally:
                    with turn:
                        chain.taken, chain.ended = False, ended
                        turn.notify_all()

    with ThreadPoolExecutor(max(1, threads - 1)) as pool:
        helpers = [pool.submit(work) for _ in range(threads - 1)]
        work()
        for helper in helpers:
            helper.result()

"""One picture a thread, where PyTorch's own operators would split each picture between all of them.

A network of a dozen layers splits a small picture a dozen times, and its threads wait for each other every
time. ``alone`` makes the calling thread do its operators by itself: other threads can do other pictures.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterator
from contextlib import contextmanager
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

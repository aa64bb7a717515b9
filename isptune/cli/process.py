"""The command's process: what Python's collector of garbage need not do in it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Around imports of PyTorch's size: half a million objects that all stay are searched for garbage once.

    By itself the collector goes over them again and again while they are made.
    """
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collected:
            gc.enable()


def before_the_end() -> None:
    """What is left is not searched for garbage when Python ends, which takes a second.

    Everything that is to be done at the end (``atexit``, threads) is done as ever.
    """
    gc.freeze()

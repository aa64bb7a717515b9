"""How loops are compiled, and kept."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])

# Sums may be reordered and products fused, which vector units need; NaN and infinity keep their meaning.
_FAST = {"reassoc", "contract", "nsz", "arcp"}
_OPTIONS: dict[str, Any] = {"fastmath": _FAST, "error_model": "numpy"}
# A product that is added is fused with the sum, as in PyTorch's ``add_(x, alpha=...)``.
_IN_ORDER: dict[str, Any] = {"fastmath": {"contract"}, "error_model": "numpy"}


def loop(function: F) -> F:
    """Compile a loop over arrays: it runs without the interpreter's lock, and is kept on disk.

    What it calls, and the numbers that it takes from elsewhere, must stand in the folder of its file or in
    the folder above (see ``fingerprint``).
    """
    return _kept(function, _OPTIONS)


def loop_in_order(function: F) -> F:
    """The same for a loop whose sums keep the order in which they are written, as PyTorch's operators do."""
    return _kept(function, _IN_ORDER)


def _kept(function: F, options: dict[str, Any]) -> F:
    compiled: Any
    try:
        compiled = numba.njit(cache=True, nogil=True, **options)(function)
        # numba compares the date of the function's own file alone, but a loop holds what it calls as well.
        compiled._cache._cache_file._source_stamp = fingerprint(Path(function.__code__.co_filename).parent)
        # Where the disk has no room for it, or gives damaged bytes back, a loop is compiled and not kept.
        compiled._cache._guard_against_spurious_io_errors = functools.partial(suppress, OSError)
    except (RuntimeError, AttributeError):
        # No folder to keep it in can be written, or a later numba keeps it elsewhere: every process compiles.
        compiled = numba.njit(nogil=True, **options)(function)
    kept: F = compiled
    return kept


def inline(function: F) -> F:
    """Compile a function into each loop that calls it, at the place of the call."""
    compiled: F = numba.njit(forceinline=True, **_OPTIONS)(function)
    return compiled


def exact(function: F) -> F:
    """The same for a function whose every operation is rounded by itself, as PyTorch's are."""
    compiled: Any = numba.njit(forceinline=True, error_model="numpy")(function)
    found: F = compiled
    return found


@functools.cache
def fingerprint(folder: Path) -> str:
    """Of all code that the loops of a folder are made of: its files, those of the folder above, and these."""
    files = [path for place in (folder, folder.parent, Path(__file__).parent) for path in place.glob("*.py")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()

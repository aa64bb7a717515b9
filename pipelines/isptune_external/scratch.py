"""Temporary folders of programs: removed when they are done, and swept where a killed process left them."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NAME = re.compile(r"isptune-program-(\d+)-")


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder of this process's own that is removed with all it holds."""
    folder = Path(tempfile.mkdtemp(prefix=f"isptune-program-{os.getpid()}-"))
    try:
        yield folder
    finally:
        # A program that was just killed may still be taken off the system.
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Remove the folders of this user's processes that are no longer there."""
    for entry in Path(tempfile.gettempdir()).glob("isptune-program-*"):
        found = _NAME.match(entry.name)
        if found is None or os.path.exists(f"/proc/{found[1]}") or not os.path.isdir("/proc/self"):
            continue
        with suppress(OSError):
            if not entry.is_symlink() and entry.stat().st_uid == os.getuid():
                shutil.rmtree(entry, ignore_errors=True)

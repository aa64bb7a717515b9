"""Files of a run that grow by whole lines: what follows the last line break is a torn rest of a kill."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

logger = logging.getLogger("isptune")


def whole_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file by their number from 1, each with its line break; none where there is no file."""
    if not path.exists():
        return
    for number, raw in enumerate(path.read_bytes().splitlines(keepends=True), start=1):
        if not raw.endswith(b"\n"):
            return
        yield number, raw


def drop_torn(path: Path, good_bytes: int) -> None:
    """Cut a file behind its whole lines, and say so where there was more.

    Raises:
        OSError: of the system.
    """
    torn = path.stat().st_size - good_bytes
    if torn > 0:
        os.truncate(path, good_bytes)
        logger.warning("dropped a torn last line of %d bytes from '%s'", torn, path)

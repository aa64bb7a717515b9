"""Writing files: whole or not at all, and one sentence where the disk does not take them."""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import suppress
from pathlib import Path

from isptune.errors import DiskFullError, IsptuneError, RunDirectoryError

# What the user cannot have known: the disk or a quota is full, a file may not grow further, the device fails.
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO))


def write_whole(
    path: Path, data: bytes | str, usual: type[IsptuneError] = RunDirectoryError, remedy: str = ""
) -> Path:
    """Write a file: a reader, or a run after a kill, sees the old one or the new one.

    Args:
        path: where to; what is there is replaced.
        data: its bytes, or text for UTF-8. Bytes in a name that are no UTF-8 become escapes, such as
            ``\\udce9``, which JSON reads back.
        usual: what is raised where the folder cannot be written at all.
        remedy: what to do once there is room again.

    Raises:
        DiskFullError: there is no room for it. Nothing of it is left.
        IsptuneError: of the class ``usual``.
    """
    if isinstance(data, str):
        data = data.encode("utf-8", errors="backslashreplace")
    # A name of its own, as that of the file may be as long as the system allows.
    name = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:12]
    partial = path.with_name(f".{name}.{os.getpid()}.partial")
    try:
        try:
            partial.write_bytes(data)
            os.replace(partial, path)
        except BaseException:
            with suppress(OSError):
                partial.unlink()
            raise
    except OSError as error:
        raise unwritable(path, error, usual, remedy) from error
    return path


def append_whole(file: int, data: bytes) -> None:
    """Append to an open file, given by its descriptor; where not all of it goes in, take out what did.

    Raises:
        OSError: of the system.
    """
    end = os.fstat(file).st_size
    try:
        rest = memoryview(data)
        # A full disk first takes a part, and refuses the rest at the next call.
        while rest:
            rest = rest[os.write(file, rest) :]
    except OSError:
        with suppress(OSError):
            os.truncate(file, end)
        raise


def make_folder(path: Path, usual: type[IsptuneError] = RunDirectoryError, what: str = "folder") -> Path:
    """Make a folder with those above it, where it is missing.

    Args:
        path: of it.
        usual: what is raised where it cannot be made.
        what: it is, for the message.

    Raises:
        DiskFullError: there is no room for it.
        IsptuneError: of the class ``usual``.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise full_or(error, usual)(f"cannot write the {what} '{path}': {error.strerror or error}") from error
    return path


def unwritable(
    path: str | Path, error: OSError, usual: type[IsptuneError] = RunDirectoryError, remedy: str = ""
) -> IsptuneError:
    """The error to raise where a file or folder cannot be written.

    Args:
        path: of it.
        error: of the system.
        usual: its class where the disk is not the reason.
        remedy: what to do once there is room again.
    """
    sentence = f"'{path}' cannot be written: {error.strerror or error}"
    kind = full_or(error, usual)
    return kind(f"{sentence}; {remedy}" if remedy and kind is DiskFullError else sentence)


def full_or(error: OSError, usual: type[IsptuneError]) -> type[IsptuneError]:
    """The class of error to raise for one of the system: a full disk is nobody's bad input."""
    return DiskFullError if error.errno in _FULL else usual

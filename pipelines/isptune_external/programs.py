"""Programs that are started without a shell, end in time, and leave no process and no file behind."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from isptune.errors import MissingPackageError
from isptune.tuning.guardian import end_marked
from isptune_external.scratch import scratch_folder

# What of a program's messages is read at a time, and what it may write of them, and in all: it may write
# without end.
_MOST_BYTES = 200_000
_MOST_SAID = 20 * 10**6
_MOST_HELD = 8 * 10**9
# Seconds between two looks at what it writes.
_LOOK = 0.25

_OUT, _ERR = ".stdout", ".stderr"
# The variable that marks a program and all that it starts.
_MARK = "ISPTUNE_PROGRAM"


class ProgramError(RuntimeError):
    """A program that failed, or said that something is wrong; the reason of its candidate."""


class ProgramTimeoutError(ProgramError, TimeoutError):
    """A program that took too long."""


@dataclass(frozen=True)
class Finished:
    """A program that has ended with exit code 0: what it said."""

    stdout: str
    stderr: str


def find_program(name: str, remedy: str) -> str:
    """The path of a program, by its name or as it is given.

    Raises:
        MissingPackageError: there is none; the remedy says how to get it.
    """
    found = shutil.which(name)
    if found is None:
        raise MissingPackageError(f"the program '{name}' is not there; {remedy}")
    return os.path.abspath(found)


def run_program(
    argv: Sequence[str],
    *,
    folder: Path,
    timeout: float,
    environment: Mapping[str, str] | None = None,
    bad_words: Sequence[str] = (),
    name: str | None = None,
    outputs: Sequence[Path] = (),
) -> Finished:
    """Run a program to its end, without a shell.

    Whatever it started ends with it, or at the time-out: its process group, and what left that. Its standard
    input is empty.

    Args:
        argv: the program and its arguments, as they are.
        folder: where it runs, and where its messages are kept meanwhile.
        timeout: seconds.
        environment: variables beside those of this process.
        bad_words: regular expressions; a line of its messages that one of them finds means failure, whatever
            the exit code.
        name: of the program in messages; the name of its file if None.
        outputs: files that it writes one after the other; it has the time-out for each of them.

    Raises:
        ProgramError: one sentence: it cannot be started, ended with another exit code than 0 or by a
            signal, a line of its messages means failure, or it writes without end.
        ProgramTimeoutError: it took too long.
    """
    called = name or Path(argv[0]).name
    code = _ended(argv, folder, timeout, environment or {}, called, outputs)
    out, err = folder / _OUT, folder / _ERR
    if code < 0:
        with contextlib.suppress(ValueError):
            raise ProgramError(f"'{called}' was ended by {signal.Signals(-code).name}{_last(err)}")
    if code != 0:
        raise ProgramError(f"'{called}' ended with exit code {code}{_last(err) or _last(out)}")
    check_messages(folder, bad_words, called)
    return Finished(_text(out), _text(err))


def check_messages(folder: Path, bad_words: Sequence[str], name: str) -> None:
    """Refuse what a program said, if a line of it means failure; see ``run_program``.

    Raises:
        ProgramError: the first such line.
    """
    for pattern in bad_words:
        for line in (*_lines(folder / _ERR), *_lines(folder / _OUT)):
            if re.search(pattern, line):
                raise ProgramError(f"'{name}' said: {line.strip()[:300]}")


def version_of(argv: Sequence[str], pattern: str = r"\d+(?:\.\d+)+", timeout: float = 20.0) -> str:
    """What a program says of its version; "unknown" where it does not."""
    with scratch_folder() as folder:
        try:
            _ended(argv, folder, timeout, {}, Path(argv[0]).name)
        except ProgramError:
            return "unknown"
        found = re.search(pattern, _text(folder / _OUT) + _text(folder / _ERR))
    return found[0] if found else "unknown"


def _ended(
    argv: Sequence[str],
    folder: Path,
    timeout: float,
    environment: Mapping[str, str],
    called: str,
    outputs: Sequence[Path] = (),
) -> int:
    """Run a program to its end, and end what it started; its exit code, below 0 for a signal."""
    mark = uuid.uuid4().hex
    with open(folder / _OUT, "wb") as stdout, open(folder / _ERR, "wb") as stderr:
        try:
            process = subprocess.Popen(
                list(argv),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
                env={**os.environ, **environment, _MARK: mark},
            )
        except (OSError, ValueError) as error:
            raise ProgramError(f"'{called}' cannot be started: {error}") from error
    try:
        return _waited(process, folder, timeout, called, outputs)
    finally:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        # What has made itself a daemon has left the group, and keeps the mark.
        end_marked([mark], _MARK)


def _waited(
    process: subprocess.Popen[bytes], folder: Path, timeout: float, called: str, outputs: Sequence[Path]
) -> int:
    """The exit code, or a ProgramError where an output takes too long, or it writes without end."""
    until, made = time.monotonic() + timeout, 0
    while True:
        left = until - time.monotonic()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(max(min(left, _LOOK), 0))
        there = sum(path.exists() for path in outputs)
        if there > made:
            until, made = time.monotonic() + timeout, there
        elif left <= _LOOK:
            raise ProgramTimeoutError(f"'{called}' took longer than {timeout:g} s{_last(folder / _ERR)}")
        if sum((folder / name).stat().st_size for name in (_OUT, _ERR)) > _MOST_SAID:
            raise ProgramError(
                f"'{called}' wrote more than {_MOST_SAID // 10**6} MB of messages{_last(folder / _ERR)}"
            )
        if _held(folder) > _MOST_HELD:
            raise ProgramError(f"'{called}' filled its folder with more than {_MOST_HELD // 10**9} GB")


def _held(folder: Path) -> int:
    """Bytes that the files of a folder take."""
    held = 0
    # The program may remove them meanwhile.
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            with contextlib.suppress(OSError):
                held += entry.stat(follow_symlinks=False).st_size
    return held


def _text(path: Path) -> str:
    with open(path, "rb") as file:
        return file.read(_MOST_BYTES).decode("utf-8", "replace")


def _lines(path: Path) -> Iterator[str]:
    with open(path, encoding="utf-8", errors="replace") as file:
        while line := file.readline(_MOST_BYTES):
            yield line


def _last(path: Path) -> str:
    """The last thing that a program said, in brackets."""
    with open(path, "rb") as file:
        file.seek(max(path.stat().st_size - _MOST_BYTES, 0))
        text = file.read(_MOST_BYTES).decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f" ({lines[-1][:300]})" if lines else ""

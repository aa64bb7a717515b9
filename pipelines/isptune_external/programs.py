"""Programs that are started without a shell, end in time, and leave no process and no file behind."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from isptune.errors import MissingPackageError

# What of a program's messages is kept: it may write without end.
_MOST_BYTES = 200_000


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
) -> Finished:
    """Run a program to its end, without a shell.

    It leads a process group of its own: whatever it started ends with it, or at the time-out. Its standard
    input is empty.

    Args:
        argv: the program and its arguments, as they are.
        folder: where it runs, and where its messages are kept meanwhile.
        timeout: seconds.
        environment: variables beside those of this process.
        bad_words: regular expressions; a line of its messages that one of them finds means failure, whatever
            the exit code.
        name: of the program in messages; the name of its file if None.

    Raises:
        ProgramError: one sentence: it cannot be started, ended with another exit code than 0 or by a
            signal, or a line of its messages means failure.
        ProgramTimeoutError: it took too long.
    """
    called = name or Path(argv[0]).name
    out, err = folder / ".stdout", folder / ".stderr"
    with open(out, "wb") as stdout, open(err, "wb") as stderr:
        try:
            process = subprocess.Popen(
                list(argv),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )
        except (OSError, ValueError) as error:
            raise ProgramError(f"'{called}' cannot be started: {error}") from error
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired:
        raise ProgramTimeoutError(f"'{called}' took longer than {timeout:g} s{_last(err)}") from None
    finally:
        _end_group(process)
    said = Finished(_text(out), _text(err))
    if code < 0:
        with contextlib.suppress(ValueError):
            raise ProgramError(f"'{called}' was ended by {signal.Signals(-code).name}{_last(err)}")
    if code != 0:
        raise ProgramError(f"'{called}' ended with exit code {code}{_last(err) or _last(out)}")
    for pattern in bad_words:
        for line in (*said.stderr.splitlines(), *said.stdout.splitlines()):
            if re.search(pattern, line):
                raise ProgramError(f"'{called}' said: {line.strip()[:300]}")
    return said


def version_of(argv: Sequence[str], pattern: str = r"\d+(?:\.\d+)+", timeout: float = 20.0) -> str:
    """What a program says of its version; "unknown" where it does not."""
    try:
        done = subprocess.run(
            list(argv), stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    found = re.search(pattern, (done.stdout + done.stderr).decode("utf-8", "replace"))
    return found[0] if found else "unknown"


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End the program and what it started, whether it has ended or not."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _text(path: Path) -> str:
    with open(path, "rb") as file:
        return file.read(_MOST_BYTES).decode("utf-8", "replace")


def _last(path: Path) -> str:
    """The last thing that a program said, in brackets."""
    lines = [line.strip() for line in _text(path).splitlines() if line.strip()]
    return f" ({lines[-1][:300]})" if lines else ""

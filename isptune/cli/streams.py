"""Standard output and standard error that take any name, and that may be full or have lost their reader."""

from __future__ import annotations

import codecs
import io
import logging
import os
import sys
from contextlib import suppress

import click

from isptune.storage.paths import shown

_SHOWN = "isptune.shown"


class _Lenient(io.FileIO):
    """A file that a full disk costs no more than what did not fit."""

    def write(self, data: object) -> int:
        try:
            return super().write(data) or 0  # type: ignore[arg-type]
        except BrokenPipeError:
            raise
        except OSError:
            return len(memoryview(data))  # type: ignore[arg-type]


class PlainFormatter(logging.Formatter):
    """One line a message, whatever names are in it."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = shown(record.message)
        return super().formatMessage(record)


def take_any_name() -> None:
    """Have what the encoding of standard output or error cannot hold written as escapes."""
    codecs.register_error(_SHOWN, _escape)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):
            stream.reconfigure(errors=_SHOWN)  # type: ignore[union-attr]


def use_streams() -> None:
    """Take over this process's output.

    Progress and notices that a full disk does not take are dropped, so that they do not end a run of hours;
    for results on standard output that is an error.
    """
    # Where they are closed, what is written to them is nowhere, rather than in the next file that is opened.
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    with suppress(AttributeError, OSError, ValueError):
        file = io.BufferedWriter(_Lenient(sys.stderr.fileno(), "wb", closefd=False))
        sys.stderr = io.TextIOWrapper(
            file, encoding=sys.stderr.encoding, errors="backslashreplace", line_buffering=True
        )


def _escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    escaped = shown(letters)
    # Letters that only this encoding lacks.
    return escaped.encode("ascii", errors="backslashreplace").decode("ascii"), error.end


def say(sentence: str) -> None:
    """A line on standard error, where there is one that takes it."""
    with suppress(OSError):
        click.echo(sentence, err=True)


def settled(code: int) -> int:
    """The exit code, with nothing left that Python would fail to write, and complain about, at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 1
        else:
            continue
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return code

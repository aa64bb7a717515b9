"""Live progress on stderr, and the stop by Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console

from isptune.tuning.progress import TerminalBar


class Stopped(BaseException):
    """A signal asked the run to stop; the exit code is the shell's custom for it.

    Like KeyboardInterrupt it is no Exception, so that nothing on its way takes it for a plugin's failure.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.exit_code = 128 + number


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn SIGINT and SIGTERM into ``Stopped`` while the block runs."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def live_progress() -> Iterator[TerminalBar]:
    """A bar with generation, best score, evaluations a second and time left.

    Where stderr is no terminal, a plain line about every tenth of the run instead.
    """
    live = TerminalBar(Console(stderr=True))
    with live:
        yield live

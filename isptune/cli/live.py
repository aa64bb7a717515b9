"""Live progress on stderr, and the stop by Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Self

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as Remaining

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


class Bars:
    """Bars of work that is counted, on stderr; where that is no terminal, plain lines."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        self._shown = Progress(
            TextColumn("{task.description}", markup=False),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            BarColumn(bar_width=None),
            TimeElapsedColumn(),
            TextColumn("left"),
            Remaining(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._tenths: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._shown.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._shown.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show how many are done of something; a line is about every tenth of them."""
        unit = "done" if what == "intervals" else "images"
        self.move(what, done, total, unit=unit)
        if done * 10 // total > self._tenths.get(what, 0):
            self._tenths[what] = done * 10 // total
            self.say(f"{what}  {done}/{total} {unit}")

    def begin(self, what: str, done: int, total: int) -> None:
        """Begin where earlier work ended: what is left is timed by what comes now."""
        self.move(what, 0, total)
        self._shown.reset(self._tasks[what], completed=done)

    def move(self, what: str, done: float, total: int, unit: str = "", called: str = "") -> None:
        """Move a bar, which is called by another name if there is one."""
        if what not in self._tasks:
            self._tasks[what] = self._shown.add_task(what, total=total, unit=unit)
        self._shown.update(self._tasks[what], completed=done, description=called or what)

    def say(self, line: str) -> None:
        """A line where there is no bar."""
        if not self.console.is_terminal:
            click.echo(line, err=True)

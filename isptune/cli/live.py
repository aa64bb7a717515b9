"""Live progress on stderr, and the stop by Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

if TYPE_CHECKING:
    from isptune.tracking import Progress


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
def live_progress() -> Iterator[_Live]:
    """A bar with generation, best score, evaluations a second and time left.

    Where stderr is no terminal, a plain line about every tenth of the run instead.
    """
    live = _Live(Console(stderr=True))
    with live:
        yield live


class _Live:
    def __init__(self, console: Console) -> None:
        self.console = console
        self.bar = Bar(
            TextColumn("generation"),
            MofNCompleteColumn(),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[best]}"),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("tune", total=None, best="best -", rate="")
        # What a resumed run had before this sitting does not count for its pace.
        self.evaluations_before = 0
        self.seconds_before = 0.0

    def __enter__(self) -> _Live:
        self.bar.start()
        return self

    def __exit__(self, *details: object) -> None:
        self.bar.stop()

    def __call__(self, progress: Progress) -> None:
        best = "best -" if progress.best_score is None else f"best {progress.best_score:.5g}"
        if progress.front is not None:
            best = f"front of {progress.front}"
        if progress.replayed:
            self.evaluations_before = progress.evaluations
            self.seconds_before = progress.seconds
            rate, left = "replayed", 0.0
        else:
            seconds = max(progress.seconds - self.seconds_before, 1e-9)
            pace = (progress.evaluations - self.evaluations_before) / seconds
            total = progress.evaluations / progress.generation * progress.generations
            rate, left = f"{pace:.1f} evaluations/s", (total - progress.evaluations) / pace
        self.bar.update(
            self.task, total=progress.generations, completed=progress.generation, best=best, rate=rate
        )
        last = progress.generation == progress.generations
        tenth = progress.generation % max(1, progress.generations // 10) == 0
        if not self.console.is_terminal and not progress.replayed and (tenth or last):
            click.echo(
                f"generation {progress.generation}/{progress.generations}  {best}  {rate}  {left:.0f} s left",
                err=True,
            )

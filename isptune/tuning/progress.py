"""The progress of a run: a bar in a terminal or a notebook, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from importlib import import_module
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichBar

from isptune.tracking.run_facts import Progress
from isptune.tuning.pace import Pace, written


@contextmanager
def shown_progress(wanted: bool | None) -> Iterator[list[ProgressBar]]:
    """The callbacks that show a run's progress: none or one.

    Args:
        wanted: show it; None for notebooks alone.
    """
    notebook = in_notebook()
    if not (notebook if wanted is None else wanted):
        yield []
        return
    bar = NotebookBar() if notebook else TerminalBar(Console(stderr=True))
    with bar:
        yield [bar]


def in_notebook() -> bool:
    """Whether this is a Jupyter notebook, whose outputs show HTML."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"


class ProgressBar:
    """A callback that knows the pace; subclasses show it.

    The time left follows the recent generations; neither what a resumed run had before nor the first
    generation, which compiles and loads, counts.
    """

    def __init__(self) -> None:
        self._pace = Pace()
        self._evaluations, self._seconds = 0, 0.0

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *details: object) -> None:
        pass

    def __call__(self, progress: Progress) -> None:
        done = progress.evaluations - self._evaluations
        if not progress.replayed:
            self._pace.step(progress.seconds - self._seconds, done)
        self._evaluations, self._seconds = progress.evaluations, progress.seconds
        best = "best -" if progress.best_score is None else f"best {progress.best_score:.5g}"
        if progress.front is not None:
            best = f"front of {progress.front}"
        if progress.doubted:
            best += f" ({progress.doubted:,} doubted)"
        rate = self._pace.per_second or progress.evaluations_per_second
        texts = [best, "" if rate is None else f"{rate:.1f} evaluations/s"]
        if progress.replayed:
            texts = [best, "replayed"]
        remaining = 0 if progress.ended else (progress.generations - progress.generation) * done
        left = self._pace.left(remaining)
        if progress.time_budget is not None and not progress.ended:
            in_time = max(progress.time_budget - progress.seconds, 0.0)
            left = in_time if left is None else min(left, in_time)
        texts.append(written(left) if remaining else "")
        self.show(progress, texts)

    @staticmethod
    def total(progress: Progress) -> int:
        """How many generations there will be, as far as time lets there be."""
        if progress.ended or progress.share <= 0:
            return progress.generation
        return min(
            progress.generations, max(progress.generation, round(progress.generation / progress.share))
        )

    def show(self, progress: Progress, texts: list[str]) -> None:
        """Show where the run is, with the best score, the pace and the time left in words."""
        raise NotImplementedError


class TerminalBar(ProgressBar):
    """A bar; where the console is no terminal, a plain line about every tenth of the run instead."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console
        self.bar = RichBar(
            TextColumn("generation"),
            MofNCompleteColumn(),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[text]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("tune", total=None, text="best -")
        # Of the time, where that ends the run.
        self._tenths = 0

    def __enter__(self) -> TerminalBar:
        self.bar.start()
        return self

    def __exit__(self, *details: object) -> None:
        self.bar.stop()

    def show(self, progress: Progress, texts: list[str]) -> None:
        text = "  ".join(filter(None, texts))
        total = self.total(progress)
        self.bar.update(self.task, total=total, completed=progress.generation, text=text)
        last = progress.ended or progress.generation == progress.generations
        tenth = progress.generation % max(1, total // 10) == 0
        if progress.time_budget is not None:
            before, self._tenths = self._tenths, int(10 * progress.share)
            tenth = self._tenths > before
        if not self.console.is_terminal and not progress.replayed and (tenth or last):
            line = f"generation {progress.generation}/{total}  {text}"
            print(line, file=sys.stderr, flush=True)


class NotebookBar(ProgressBar):
    """One output of a notebook's cell, which is written anew after every generation; it needs no widgets."""

    def __init__(self) -> None:
        super().__init__()
        self._handle: Any = None

    def show(self, progress: Progress, texts: list[str]) -> None:
        display = import_module("IPython.display")
        output = display.HTML(bar_html(progress, texts))
        if self._handle is None:
            self._handle = display.display(output, display_id=True)
        else:
            self._handle.update(output)


def bar_html(progress: Progress, texts: list[str]) -> str:
    """The bar of a notebook."""
    text = escape(" · ".join(filter(None, texts)))
    total = ProgressBar.total(progress)
    return (
        f'<progress value="{progress.generation}" max="{total}"></progress> '
        f"generation {progress.generation} of {total} · {text}"
    )

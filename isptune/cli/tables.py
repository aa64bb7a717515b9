"""Tables on the console, for terminals of any width: names wrap, numbers stay whole."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

# A pipe has no width: what goes there is not cut.
_PIPE_WIDTH = 200

# Columns of names and heads are not made narrower than this many characters.
_NARROWEST = 8


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        head: its name.
        number: whether its cells are numbers or words as short: they stand right and are never broken.
        right: whether the cells stand right; numbers do.
    """

    head: str
    number: bool = False
    right: bool | None = None

    @property
    def is_right(self) -> bool:
        return self.number if self.right is None else self.right


def console_for_tables(pipe_width: int = _PIPE_WIDTH) -> Console:
    """The console on stdout: as wide as the terminal, or as ``COLUMNS`` says, and wide in a pipe."""
    from rich.console import Console

    # No markup: brackets are part of names and commands.
    console = Console(markup=False, highlight=False, emoji=False)
    if console.is_terminal or os.environ.get("COLUMNS", "").isdigit():
        return console
    return Console(markup=False, highlight=False, emoji=False, width=pipe_width)


def print_table(
    columns: Sequence[str | Column],
    rows: Sequence[Sequence[str | Text]],
    *,
    title: str = "",
    box: bool = True,
    indent: int = 0,
    console: Console | None = None,
) -> None:
    """Print rows under heads; where not even the numbers fit, one row below the other, a line a cell.

    Args:
        columns: heads, or columns; a head alone is a column of texts, which wrap.
        rows: cells, as many as columns; a cell may hold several lines.
        title: a line above.
        box: draw a frame where there is room for it; without one the columns are two spaces apart.
        indent: spaces before everything but the title.
        console: where to; stdout if None.
    """
    from rich.text import Text

    console = console_for_tables() if console is None else console
    kinds = [Column(column) if isinstance(column, str) else column for column in columns]
    cells = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
    texts = [[cell.plain for cell in row] for row in cells]
    if title:
        console.print(Text(title, style="italic" if box else "bold"), overflow="fold")
    widths = column_widths(kinds, texts, console.width - indent - 3 * len(kinds) - 1) if box else None
    if widths is None:
        # A frame is the first to go.
        box, widths = False, column_widths(kinds, texts, console.width - indent - 2 * (len(kinds) - 1))
    if widths is None:
        _print_upright(console, kinds, cells, indent)
    else:
        _print_grid(console, kinds, cells, widths, box, indent)


def column_widths(columns: Sequence[Column], rows: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """How wide each column is, at most ``room`` together; None where that is too little.

    Numbers keep their width, names and heads wrap down to 8 characters.
    """
    wanted, least = [], []
    for index, column in enumerate(columns):
        widest = max((_widest(row[index]) for row in rows), default=0)
        head = max((_widest(word) for word in column.head.split()), default=0)
        wanted.append(max(widest, _widest(column.head)))
        floor = widest if column.number else min(widest, _NARROWEST)
        least.append(max(floor, min(head, _NARROWEST), 1))
    spare = room - sum(least)
    if spare < 0:
        return None
    widths = list(least)
    # A character at a time to the narrowest that lacks some: names keep theirs, long texts wrap.
    while spare > 0 and (lacking := [i for i, width in enumerate(widths) if width < wanted[i]]):
        widths[min(lacking, key=widths.__getitem__)] += 1
        spare -= 1
    return widths


def _widest(text: str) -> int:
    from rich.cells import cell_len

    return max((cell_len(line) for line in text.splitlines()), default=0)


def _print_grid(
    console: Console,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Text]],
    widths: Sequence[int],
    box: bool,
    indent: int,
) -> None:
    from rich import box as boxes
    from rich.padding import Padding
    from rich.table import Table

    options: dict[str, Any] = {} if box else {"box": None, "pad_edge": False, "padding": (0, 2, 0, 0)}
    options["box"] = boxes.HEAVY_HEAD if box else None
    table = Table(header_style="bold" if box else "dim", show_header=any(c.head for c in columns), **options)
    for column, width in zip(columns, widths, strict=True):
        table.add_column(
            column.head, width=width, overflow="fold", justify="right" if column.is_right else "left"
        )
    for row in rows:
        table.add_row(*row)
    console.print(Padding(table, (0, 0, 0, indent)) if indent else table)


def _print_upright(
    console: Console, columns: Sequence[Column], rows: Sequence[Sequence[Text]], indent: int
) -> None:
    """Each row as its first cell and, below it, the others after their heads."""
    from rich.text import Text

    def put(text: Text, depth: int) -> None:
        depth = min(indent + depth, console.width // 3)
        for line in text.wrap(console, console.width - depth, overflow="fold"):
            line.rstrip()
            console.print(Text(" " * depth) + line)

    for row in rows:
        put(row[0], 0)
        for column, cell in zip(columns[1:], row[1:], strict=True):
            if not cell.plain:
                continue
            head = Text(f"{column.head} " if column.head else "", style="dim")
            if head.cell_len + _widest(cell.plain) + indent + 2 <= console.width:
                put(head + cell, 2)
            else:
                if head:
                    put(head, 2)
                put(cell, 4)


def print_markdown(head: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> None:
    """Print a Markdown table, whose first ``left`` columns are texts; as a plain one where it is too wide."""
    import click

    from isptune.wording.text_tables import markdown_table

    text = markdown_table(head, rows, left)
    console = console_for_tables()
    limited = console.is_terminal or console.width != _PIPE_WIDTH
    if limited and _widest(text) > console.width:
        columns = [Column(name, number=index >= left) for index, name in enumerate(head)]
        print_table(columns, rows, box=False, console=console)
    else:
        click.echo(text)

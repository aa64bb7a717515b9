"""Small pieces of HTML: everything that comes from outside is escaped here."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, Protocol

from isptune.wording.showing import value_text

Cell = str | float | int | None

_SENTENCE = 48


class TableLike(Protocol):
    """A table as the report shows it: a title, column headings, and rows as long as the headings."""

    @property
    def title(self) -> str: ...
    @property
    def columns(self) -> Sequence[str]: ...
    @property
    def rows(self) -> Sequence[Sequence[Cell]]: ...


def text(value: object) -> str:
    """Text that means itself, within elements and quoted attributes."""
    return escape(str(value), quote=True)


def written(value: Cell) -> str:
    """A table's cell: four significant digits, a dash where there is nothing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, (bool, str)):
        return value_text(value)
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == int(value) and abs(value) < 1e15:
        # Four digits stay together, as in a year.
        return (f"{int(value):,}" if abs(value) >= 10_000 else str(int(value))).replace("-", "−")
    if 1e-4 <= abs(value) < 1e6:
        return f"{float(f'{value:.4g}'):,.12g}".replace("-", "−")
    return f"{value:.3g}".replace("-", "−").replace("e−0", "e−").replace("e+0", "e").replace("e+", "e")


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]], name: str) -> str:
    """A table with a caption and headings, in a box that scrolls sideways on its own.

    Args:
        title: the caption.
        columns: headings; the first column names the rows.
        rows: each as long as the headings.
        name: unique on the page.
    """
    rows = [list(row) for row in rows]
    numeric = [
        bool(rows) and all(not isinstance(row[column], str) or row[column] == "" for row in rows)
        for column in range(len(columns))
    ]
    kinds = [' class="number"' if is_number else "" for is_number in numeric]
    head = "".join(f'<th scope="col"{kind}>{text(c)}</th>' for c, kind in zip(columns, kinds, strict=True))
    body = []
    for row in rows:
        first, *others = [text(written(cell)) for cell in row]
        cells = "".join(_data_cell(cell, kind) for cell, kind in zip(others, kinds[1:], strict=True))
        body.append(f'<tr><th scope="row"{kinds[0]}>{first}</th>{cells}</tr>')
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-labelledby="{name}">'
        f'<table class="sticky"><caption id="{name}"><span>{text(title)}</span></caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _data_cell(cell: str, kind: str) -> str:
    """Cells stay on one line, but for those that hold a sentence."""
    if not kind and len(cell) > _SENTENCE:
        kind = ' class="words"'
    return f"<td{kind}>{cell}</td>"


def table_of(source: TableLike, name: str) -> str:
    """The HTML of a table object."""
    return table(source.title, source.columns, source.rows, name)


def chart(identifier: str, title: str, description: str, caption: str = "") -> str:
    """The place where a script draws the chart of that identifier.

    Args:
        identifier: of the chart's data on the page.
        title: stands over the chart; none where it is empty.
        description: what the chart shows, for those who cannot see it.
        caption: a sentence under it.
    """
    heading = f'<p class="chart-title">{text(title)}</p>' if title else ""
    below = f"<figcaption>{text(caption)}</figcaption>" if caption else ""
    return (
        f'<figure class="chart">{heading}<div class="plot" data-chart="{text(identifier)}" '
        f'data-description="{text(description)}"></div>{below}</figure>'
    )


def grid(parts: Sequence[str], wide: bool = False) -> str:
    """Parts side by side where there is room."""
    return f'<div class="grid{" wide" if wide else ""}">{"".join(parts)}</div>'


def cards(facts: Iterable[tuple[str, str]]) -> str:
    """A few named figures in large type."""
    items = "".join(f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in facts)
    return f'<dl class="cards">{items}</dl>'


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def paragraph(sentence: str, kind: str = "") -> str:
    return f"<p{f' class={chr(34)}{kind}{chr(34)}' if kind else ''}>{text(sentence)}</p>"


def code(content: str, label: str, copy: bool = False) -> str:
    """Preformatted text in a box that scrolls on its own, with a button that copies it."""
    button = '<button type="button" class="copy" data-copy>Copy</button>' if copy else ""
    return (
        f'<div class="code">{button}<pre tabindex="0" role="region" aria-label="{text(label)}">'
        f"<code>{text(content)}</code></pre></div>"
    )


def embedded(data: Any) -> str:
    """JSON for a script element: nothing in it can end the element or begin a comment."""
    dumped = json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return dumped.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")

"""CSV tables of other programs: commas, semicolons or tabs, with a mark of the byte order or without."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from isptune.errors import ConfigurationError

_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class Table:
    """A table that was read.

    Attributes:
        columns: heads, without spaces around them.
        rows: (line, cells by column); rows without any text are left out.
        has_decimal_commas: whether a comma in a number stands for a point: it is not between cells.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[int, Mapping[str, str]], ...]
    has_decimal_commas: bool


def read_text(path: Path, what: str) -> str:
    """The text of a file, in UTF-8 or, where it says so itself, UTF-16.

    Args:
        path: of the file.
        what: it is, for messages: "the answers".

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{what} '{path}' cannot be read: {error.strerror}") from error
    coding = next((coding for mark, coding in _MARKS.items() if data.startswith(mark)), "utf-8-sig")
    try:
        text = data.decode(coding)
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ConfigurationError(
            f"{what} '{path}' cannot be read: it is no text in UTF-8; in Excel save it as 'CSV UTF-8'"
        )
    return text


def parse_table(path: Path, text: str, what: str) -> Table:
    """A table of a text; what stands between cells follows from its first line.

    Raises:
        ConfigurationError: two columns have one head, or a row more cells than there are heads.
    """
    lines = text.splitlines(keepends=True)
    skipped = 0
    # Excel's own first line.
    if lines and lines[0].lower().startswith("sep=") and len(lines[0].strip()) <= 5:
        skipped = 1
    rest = lines[skipped:]
    head = rest[0] if rest else ""
    delimiter = max(_DELIMITERS, key=head.count)
    reader = csv.reader(io.StringIO("".join(rest), newline=""), delimiter=delimiter)
    columns: tuple[str, ...] = ()
    rows = []
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            line = reader.line_num + skipped
            if not columns:
                columns = _columns(path, cells, what)
            elif any(cells):
                if any(cells[len(columns) :]):
                    raise ConfigurationError(
                        f"{what} '{path}', line {line}: it has {len(cells)} cells, and the first line "
                        f"{len(columns)}"
                    )
                rows.append((line, dict(zip(columns, cells, strict=False))))
    except csv.Error as error:
        raise ConfigurationError(f"{what} '{path}', line {reader.line_num + skipped}: {error}") from error
    return Table(columns, tuple(rows), delimiter != ",")


def number_of(text: str, has_decimal_commas: bool) -> float:
    """A number as programs of many countries write it.

    Raises:
        ValueError: it is none.
    """
    return float(text.replace(",", ".") if has_decimal_commas and text.count(",") == 1 else text)


def _columns(path: Path, heads: list[str], what: str) -> tuple[str, ...]:
    while heads and not heads[-1]:
        heads.pop()
    lower = [head.lower() for head in heads]
    twice = next((head for place, head in enumerate(heads) if head.lower() in lower[:place]), None)
    if twice is not None:
        raise ConfigurationError(f"{what} '{path}' have the column '{twice}' twice")
    return tuple(heads)

"""Tables of scores as rows of texts with their row numbers."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from isptune.iqa.datasets.dataset import DatasetError, Split
from isptune.plugins import require_packages
from isptune.storage.paths import shortened, what_is_missing
from isptune.wording.naming import did_you_mean, listed

# pyiqa writes numbers, others words.
_PARTS: dict[str, str | None] = {
    "0": "train",
    "1": "val",
    "2": "test",
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
    "": None,
}


@dataclass(frozen=True)
class Row:
    """One row: its number, counted from 1 below the header, and its cells by column, stripped."""

    number: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Table:
    """A table with a header.

    Attributes:
        path: the file, for messages.
        columns: the header as it is written.
        rows: the rows that are not blank.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def column(self, purpose: str, names: Sequence[str], needed: bool = True) -> str:
        """The column with one of the names, case and blanks aside; "" where there is none and none is needed.

        Raises:
            DatasetError: there is none, though it is needed.
        """
        plain = {_plain(column): column for column in reversed(self.columns)}
        for name in names:
            if _plain(name) in plain:
                return plain[_plain(name)]
        if not needed:
            return ""
        near = next((hint for name in names[:2] if (hint := did_you_mean(name, self.columns))), "")
        raise DatasetError(
            f"'{self.path}' has no column for {purpose} ({' or '.join(repr(name) for name in names[:4])}); "
            f"its columns: {listed(self.columns)}{near}"
        )

    def place(self, row: Row) -> str:
        return f"'{self.path}', row {row.number}"

    def number(self, row: Row, column: str, what: str) -> float:
        """A cell as a finite number.

        Raises:
            DatasetError: it is something else; ``what`` says in the message what it should be.
        """
        text = row.cells[column]
        try:
            # Python would read 3_5 as 35.
            value = math.nan if "_" in text else float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            given = f"is '{text}', which is not a finite number" if text else "is missing"
            raise DatasetError(f"{self.place(row)}: {what} {given}")
        return value


def _plain(name: str) -> str:
    return name.strip().lstrip("#").strip().lower().replace(" ", "").replace("_", "")


def read_text(path: Path) -> str:
    """A text file in UTF-8, with or without its mark, or in Latin-1.

    Raises:
        DatasetError: the file is missing, a folder, unreadable or binary.
    """
    if not os.path.exists(path):
        raise DatasetError(f"'{shortened(str(path))}': {what_is_missing(path)}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"cannot read '{path}': {error.strerror or error}") from error
    if b"\0" in data:
        raise DatasetError(f"'{path}' is not a text file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def read_table(path: Path) -> Table:
    """A CSV file with a header, separated by commas, semicolons or tabs; or the first sheet of an XLSX file.

    Raises:
        DatasetError: the file cannot be read, is empty, or a row has another number of cells than the header.
        MissingPackageError: an XLSX file without openpyxl.
    """
    if path.suffix.lower() in (".xlsx", ".xlsm"):
        return _table(path, _sheet(path))
    text = read_text(path)
    first = text.lstrip().partition("\n")[0]
    separator = max((",", ";", "\t"), key=first.count)
    try:
        return _table(path, list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)))
    except csv.Error as error:
        raise DatasetError(f"'{path}' is not a CSV file that can be read: {error}") from error


def _table(path: Path, lines: list[list[str]]) -> Table:
    start = next((number for number, line in enumerate(lines) if any(cell.strip() for cell in line)), None)
    if start is None:
        raise DatasetError(f"'{path}' is empty")
    columns = tuple(cell.strip() for cell in lines[start])
    twice = next((name for number, name in enumerate(columns) if name and name in columns[:number]), None)
    if twice is not None:
        raise DatasetError(f"'{path}' has the column '{twice}' twice")
    rows = []
    for number, line in enumerate(lines[start + 1 :], 1):
        if not any(cell.strip() for cell in line):
            continue
        if len(line) != len(columns):
            raise DatasetError(
                f"'{path}', row {number}: {len(line)} cells, where the header has {len(columns)}"
            )
        rows.append(Row(number, dict(zip(columns, (cell.strip() for cell in line), strict=True))))
    if not rows:
        raise DatasetError(f"'{path}' has a header but no rows")
    return Table(path, columns, tuple(rows))


def _sheet(path: Path) -> list[list[str]]:
    """The cells of an XLSX file's first sheet as texts."""
    require_packages(f"'{path}', an XLSX file,", ["openpyxl"], "openpyxl, or save the sheet as CSV")
    import openpyxl  # type: ignore[import-untyped, import-not-found, unused-ignore]

    if not path.is_file():
        raise DatasetError(f"'{path}': there is no such file")
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        lines = [
            ["" if cell is None else str(cell) for cell in line]
            for line in book.worksheets[0].iter_rows(values_only=True)
        ]
        book.close()
    # A damaged file makes openpyxl, zipfile or the XML reader raise anything.
    except Exception as error:
        raise DatasetError(f"'{path}' is not an XLSX file that can be read: {error}") from error
    return lines


def read_splits(data: Table) -> dict[str, Split]:
    """The splits that a table's columns give.

    Raises:
        DatasetError: a cell that names no part.
    """
    splits: dict[str, Split] = {}
    for column in data.columns:
        if "split" not in column.lower() and column.lower() != "set":
            continue
        parts = []
        for row in data.rows:
            text = row.cells[column].lower().removesuffix(".0")
            if text not in _PARTS:
                known = [word for word in _PARTS if word]
                raise DatasetError(
                    f"{data.place(row)}: the column '{column}' is '{row.cells[column]}'; allowed: "
                    f"0 or train, 1 or val, 2 or test, or nothing{did_you_mean(text, known)}"
                )
            parts.append(_PARTS[text])
        splits["official_split" if column.lower() == "set" else column] = tuple(parts)
    return splits

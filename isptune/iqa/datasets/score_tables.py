"""Tables of scores as rows of texts with their row numbers, and the checks that every layout shares."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from isptune.errors import MissingPackageError
from isptune.iqa.datasets.dataset import DatasetError, Record
from isptune.storage.paths import shortened, what_is_missing
from isptune.wording.naming import did_you_mean, listed


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
    try:
        import openpyxl  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError:
        raise MissingPackageError(
            f"'{path}' is an XLSX file, for which the package openpyxl is needed, which is not installed; "
            "install it with: pip install openpyxl, or save the sheet as CSV"
        ) from None
    if not path.is_file():
        raise DatasetError(f"'{path}': there is no such file")
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        lines = [
            ["" if cell is None else str(cell) for cell in line]
            for line in book.worksheets[0].iter_rows(values_only=True)
        ]
        book.close()
    # A damaged file makes openpyxl, zipfile or the XML reader raise whatever they like.
    except Exception as error:
        raise DatasetError(f"'{path}' is not an XLSX file that can be read: {error}") from error
    return lines


class ImageFolder:
    """Where a dataset's pictures lie; each folder on disk is listed once.

    Args:
        folder: the folder.
        ignore_case: also find a name whose letters differ in case alone, as in tables that were made
            on systems that do not tell case apart.
    """

    def __init__(self, folder: Path, ignore_case: bool = False) -> None:
        self.folder = folder
        self.ignore_case = ignore_case
        self._listings: dict[Path, dict[str, str]] = {}

    def find(self, name: str) -> Path | None:
        """The file of that name, which may hold folders, or None."""
        parent, names = self._listing(name)
        base = Path(name.replace("\\", "/")).name
        found = names.get(base) or (names.get(base.lower()) if self.ignore_case else None)
        if found is None and not base.isascii():
            # A table and a folder in Latin-1: the system's names are then no UTF-8.
            with suppress(UnicodeEncodeError):
                found = names.get(os.fsdecode(base.encode("latin-1")))
        return None if found is None else parent / found

    def require(self, name: str, place: str, what: str = "image") -> Path:
        """The file of that name.

        Raises:
            DatasetError: there is none; the nearest name is given.
        """
        if not name:
            raise DatasetError(f"{place}: the name of the {what} is missing")
        found = self.find(name)
        if found is None:
            parent, names = self._listing(name)
            if not parent.is_dir():
                raise DatasetError(f"{place}: there is no {what} '{name}': there is no folder '{parent}'")
            near = did_you_mean(Path(name).name, set(names.values()))
            raise DatasetError(f"{place}: there is no {what} '{name}' in '{self.folder}'{near}")
        return found

    def _listing(self, name: str) -> tuple[Path, dict[str, str]]:
        parent = self.folder / Path(name.replace("\\", "/")).parent
        if parent not in self._listings:
            entries = sorted(entry.name for entry in parent.iterdir()) if parent.is_dir() else []
            # An exact name wins over one that differs in case.
            by_name = {entry.lower(): entry for entry in entries} if self.ignore_case else {}
            self._listings[parent] = by_name | {entry: entry for entry in entries}
        return parent, self._listings[parent]


def build_records(source: Path, records: Iterator[Record]) -> tuple[Record, ...]:
    """The records of a dataset, checked against each other.

    Raises:
        DatasetError: a name stands twice, there are fewer than two records, or every MOS is the same.
    """
    found: list[Record] = []
    rows: dict[str, int] = {}
    for record in records:
        if record.name in rows:
            raise DatasetError(
                f"'{source}', row {record.row}: the name '{record.name}' stands in row {rows[record.name]} "
                "already"
            )
        rows[record.name] = record.row
        found.append(record)
    if len(found) < 2:
        raise DatasetError(f"'{source}' has {len(found)} image{'s' * (not found)}; at least 2 are needed")
    if len({record.mos for record in found}) == 1:
        raise DatasetError(
            f"'{source}': the MOS is {found[0].mos:g} in all {len(found)} rows ({found[0].row} to "
            f"{found[-1].row}); correlations need at least two different values"
        )
    return tuple(found)


def table_records(
    table: Table,
    folder: ImageFolder,
    *,
    name: str,
    mos: str,
    std: str = "",
    reference: str = "",
    references: ImageFolder | None = None,
    content: Callable[[Row], str] | None = None,
    suffix: str = "",
) -> Iterator[Record]:
    """Records of a table's rows; ``name``, ``mos``, ``std`` and ``reference`` are its columns ("" for none).

    Raises:
        DatasetError: a picture is missing, or a MOS or standard deviation is not a number.
    """
    for row in table.rows:
        called = row.cells[name]
        path = folder.require(called + suffix if called else "", table.place(row))
        value = table.number(row, mos, f"the MOS of '{called}'")
        spread = None
        if std and row.cells[std]:
            spread = table.number(row, std, f"the standard deviation of '{called}'")
            if spread < 0:
                raise DatasetError(
                    f"{table.place(row)}: the standard deviation of '{called}' is {spread:g}; "
                    "allowed: at least 0"
                )
        pristine = None
        if reference:
            pristine = (references or folder).require(row.cells[reference], table.place(row), "reference")
        shown = content(row) if content else (row.cells[reference] if reference else "")
        yield Record(called, path, value, spread, shown or called, pristine, row.number)

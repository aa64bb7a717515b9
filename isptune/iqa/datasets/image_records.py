"""From the rows of a table to records of pictures that are there, and the checks that every layout shares."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from isptune.iqa.datasets.dataset import DatasetError, Record
from isptune.iqa.datasets.score_tables import Table
from isptune.wording.naming import did_you_mean


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
        DatasetError: a name occurs twice, there are fewer than two records, or every MOS is the same.
    """
    found: list[Record] = []
    rows: dict[str, int] = {}
    for record in records:
        if record.name in rows:
            raise DatasetError(
                f"'{source}', row {record.row}: the name '{record.name}' is already in row "
                f"{rows[record.name]}"
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
    content: str = "",
) -> Iterator[Record]:
    """Records of a table's rows; the texts are its columns ("" for none).

    Raises:
        DatasetError: a picture is missing, or a MOS or standard deviation is not a number.
    """
    for row in table.rows:
        called = row.cells[name]
        path = folder.require(called, table.place(row))
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
            pristine = folder.require(row.cells[reference], table.place(row), "reference")
        shown = row.cells[content or reference] if content or reference else ""
        yield Record(called, path, value, spread, shown or called, pristine, row.number)

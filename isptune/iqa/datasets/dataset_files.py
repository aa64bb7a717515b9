"""From a folder or a file to a dataset, in the layout that it is in."""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from pathlib import Path

from isptune.errors import UnknownNameError
from isptune.iqa.datasets.dataset import Dataset, DatasetError
from isptune.iqa.datasets.layouts.agiqa3k import AGIQA3K
from isptune.iqa.datasets.layouts.kadid10k import KADID10k
from isptune.iqa.datasets.layouts.koniq10k import KonIQ10k
from isptune.iqa.datasets.layouts.layout import Layout
from isptune.iqa.datasets.layouts.livec import LIVEChallenge
from isptune.iqa.datasets.layouts.meta_csv import MetaCSV
from isptune.iqa.datasets.layouts.spaq import SPAQ
from isptune.iqa.datasets.layouts.tid2013 import TID2013
from isptune.iqa.datasets.score_tables import read_text
from isptune.storage.paths import shortened, user_path, what_is_missing
from isptune.wording.naming import did_you_mean

# The meta CSV comes last: the others' columns are more particular.
_LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (KonIQ10k(), SPAQ(), KADID10k(), TID2013(), LIVEChallenge(), AGIQA3K(), MetaCSV())
}
LAYOUTS = tuple(_LAYOUTS)


def read_dataset(
    data: str | Path,
    images: str | Path | None = None,
    layout: str = "auto",
    *,
    higher_is_better: bool = True,
) -> Dataset:
    """Read a dataset's table of scores and look where its pictures are; none of them is opened yet.

    Args:
        data: a dataset's folder, or its table of scores.
        images: the folder with the pictures, where they do not lie as published.
        layout: ``"meta"`` (pyiqa's meta CSV, or any CSV file with names and scores), ``"koniq10k"``,
            ``"spaq"``, ``"kadid10k"``, ``"tid2013"``, ``"livec"`` or ``"agiqa3k"``; ``"auto"`` tells by the
            files in the folder, or by the table's name and columns.
        higher_is_better: say False where a higher score is a worse picture, as with the DMOS of LIVE.

    Returns:
        The dataset. Its records are in the table's order.

    Raises:
        UnknownNameError: a layout that is not known.
        DatasetError: nothing is there, the layout cannot be told, a picture is missing, a name occurs twice,
            a MOS is not a number or the same in all rows, or columns are missing; the message names the
            file and the row, counted from 1 below the header.
        MissingPackageError: SPAQ's XLSX file without openpyxl.
    """
    path = user_path(data)
    pictures = None if images is None else user_path(images)
    if layout != "auto" and layout not in _LAYOUTS:
        known = ("auto", *LAYOUTS)
        raise UnknownNameError(
            f"there is no dataset layout '{layout}'"
            + (did_you_mean(layout, known) or f"; known: {', '.join(known)}")
        )
    if not os.path.exists(path):
        raise DatasetError(f"'{shortened(str(path))}': {what_is_missing(path, 'file or folder')}")
    chosen, table = _table_of(path, layout)
    dataset = chosen.read(table, pictures)
    return dataset if higher_is_better else replace(dataset, higher_is_better=False)


def _table_of(path: Path, layout: str) -> tuple[Layout, Path]:
    if path.is_file():
        return (_LAYOUTS[layout] if layout != "auto" else _layout_of(path)), path
    if layout not in ("auto", "meta"):
        chosen = _LAYOUTS[layout]
        table = chosen.table_in(path)
        if table is None:
            wanted = " or ".join(f"'{name}'" for name in dict.fromkeys(chosen.tables))
            raise DatasetError(f"'{path}' is no folder of the layout {layout}: there is no {wanted} in it")
        return chosen, table
    if layout == "auto":
        found = [(one, table) for one in _LAYOUTS.values() if (table := one.table_in(path)) is not None]
        if len(found) > 1:
            names = " and ".join(one.name for one, _ in found)
            raise DatasetError(f"'{path}' could be {names}; say which layout it is")
        if found:
            return found[0]
    tables = sorted(entry for entry in path.iterdir() if entry.suffix.lower() == ".csv" and entry.is_file())
    if len(tables) == 1:
        return (_LAYOUTS["meta"] if layout == "meta" else _layout_of(tables[0])), tables[0]
    if tables:
        names = ", ".join(f"'{entry.name}'" for entry in tables[:6])
        raise DatasetError(f"'{path}' holds several CSV files ({names}); name one of them")
    raise DatasetError(
        f"'{path}' holds no dataset that is known ({', '.join(LAYOUTS)}); "
        "name a CSV file with names and scores"
    )


def _layout_of(table: Path) -> Layout:
    """The layout of a table of scores, by its name or its columns."""
    suffix = table.suffix.lower()
    if suffix in (".xlsx", ".xlsm"):
        return _LAYOUTS["spaq"]
    if suffix == ".mat":
        return _LAYOUTS["livec"]
    if suffix == ".txt" and table.name.lower() == "mos_with_names.txt":
        return _LAYOUTS["tid2013"]
    first = read_text(table).lstrip().partition("\n")[0].strip()
    separator = max((",", ";", "\t"), key=first.count)
    header = next(csv.reader([first], delimiter=separator), [])
    columns = {cell.strip().lstrip("#").strip().lower() for cell in header}
    for layout in _LAYOUTS.values():
        if layout.columns_match(columns):
            return layout
    # Its message says which columns are lacking.
    return _LAYOUTS["meta"]

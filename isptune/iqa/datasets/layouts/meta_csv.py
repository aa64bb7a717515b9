"""pyiqa's meta CSV, and any CSV file with names and scores."""

from __future__ import annotations

import logging
from pathlib import Path

from isptune.iqa.datasets.dataset import Dataset, DatasetError, Split
from isptune.iqa.datasets.layouts.layout import Layout
from isptune.iqa.datasets.score_tables import ImageFolder, Table, build_records, read_table, table_records
from isptune.storage.paths import shown
from isptune.wording.naming import did_you_mean

logger = logging.getLogger("isptune")

NAMES = ("dist_name", "img_name", "image_name", "name", "dist_img", "image", "filename")
SCORES = ("mos", "dmos", "score", "quality")
SPREADS = ("std", "sd", "mos_std", "dmos_std")
REFERENCES = ("ref_name", "ref_img", "reference", "hq_name")

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


class MetaCSV(Layout):
    """``img_name,mos,std,official_split,ratio802_seed123_split_01,...``, as pyiqa writes it.

    The header needs a name and a MOS; a standard deviation, a reference (``ref_name``, which is also what the
    picture shows) and splits (every column whose name has "split" or "set" in it, of 0, 1, 2 or train, val,
    test; an empty cell leaves the picture out) may follow. Further columns are ignored. Pictures lie in
    ``images``, or beside the file, or in a folder ``images`` beside it.

    The MOS is taken as it is: a higher value is a better picture, also in a column ``dmos``, for which a
    warning says so (KADID-10k's are of this kind, LIVE's and CSIQ's are not).
    """

    name = "meta"
    title = ""

    def columns_match(self, columns: set[str]) -> bool:
        return bool(columns & set(NAMES)) and bool(columns & set(SCORES))

    def read(self, table: Path, images: Path | None) -> Dataset:
        data = read_table(table)
        name = data.column("the image's name", NAMES)
        mos = data.column("the MOS", SCORES)
        if mos.lower() == "dmos":
            logger.warning("'%s': higher values of its column 'dmos' are taken as better", table)
        reference = data.column("the reference", REFERENCES, needed=False)
        folder = self._folder(data, name, images)
        records = table_records(
            data,
            folder,
            name=name,
            mos=mos,
            std=data.column("the standard deviation", SPREADS, needed=False),
            reference=reference,
        )
        return Dataset(
            shown(table.stem.removeprefix("meta_info_").removesuffix("Dataset")),
            build_records(table, records),
            splits=read_splits(data),
            source=table,
            layout=self.name,
        )

    def _folder(self, data: Table, name: str, images: Path | None) -> ImageFolder:
        """The folder that holds the first row's picture; the file's own where none does."""
        beside = data.path.parent
        if images is None and ImageFolder(beside).find(data.rows[0].cells[name]) is None:
            inside = ImageFolder(beside / "images")
            if inside.find(data.rows[0].cells[name]) is not None:
                return inside
        return self.image_folder(data.path, images)


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

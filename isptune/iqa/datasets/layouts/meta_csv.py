"""pyiqa's meta CSV, and any CSV file with names and scores."""

from __future__ import annotations

import logging
from pathlib import Path

from isptune.iqa.datasets.dataset import Dataset
from isptune.iqa.datasets.image_records import ImageFolder, build_records, table_records
from isptune.iqa.datasets.layouts.layout import Layout
from isptune.iqa.datasets.score_tables import Table, read_splits
from isptune.storage.paths import shown

logger = logging.getLogger("isptune")


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
    columns = {  # noqa: RUF012
        "name": ("dist_name", "img_name", "image_name", "name", "dist_img", "image", "filename"),
        "mos": ("mos", "dmos", "score", "quality"),
        "std": ("std", "sd", "mos_std", "dmos_std"),
        "reference": ("ref_name", "ref_img", "reference", "hq_name"),
    }
    optional = ("std", "reference")

    def columns_match(self, columns: set[str]) -> bool:
        return all(columns.intersection(self.columns[purpose]) for purpose in ("name", "mos"))

    def read(self, table: Path, images: Path | None) -> Dataset:
        data = self.read_table(table)
        columns = self.columns_of(data)
        if columns["mos"].lower() == "dmos":
            logger.warning("'%s': higher values of its column 'dmos' are taken as better", table)
        records = table_records(data, self._folder(data, columns["name"], images), **columns)
        title = shown(table.stem.removeprefix("meta_info_").removesuffix("Dataset"))
        splits = read_splits(data)
        return Dataset(title, build_records(table, records), None, splits, True, table, self.name)

    def _folder(self, data: Table, name: str, images: Path | None) -> ImageFolder:
        """The folder that holds the first row's picture; the file's own where none does."""
        beside = data.path.parent
        if images is None and ImageFolder(beside).find(data.rows[0].cells[name]) is None:
            inside = ImageFolder(beside / "images")
            if inside.find(data.rows[0].cells[name]) is not None:
                return inside
        return self.image_folder(data.path, images)

"""SPAQ (Fang et al., CVPR 2020)."""

from __future__ import annotations

from pathlib import Path

from isptune.iqa.datasets.dataset import Dataset
from isptune.iqa.datasets.layouts.layout import Layout
from isptune.iqa.datasets.score_tables import build_records, read_table, table_records

_STEM = "MOS and Image attribute scores"


class SPAQ(Layout):
    """``MOS and Image attribute scores.xlsx``, or the sheet saved as CSV, and ``TestImage/``.

    The table may lie in the dataset's folder or in ``Annotations/``; reading XLSX needs openpyxl. The MOS is
    in [0, 100]; there is no split of the authors.
    """

    name = "spaq"
    title = "SPAQ"
    tables = tuple(
        f"{folder}{_STEM}{suffix}"
        for suffix in (".csv", ".xlsx")
        for folder in ("Annotations/", "annotations/", "")
    )
    folders = ("TestImage", "TestImages", "images", ".")

    def columns_match(self, columns: set[str]) -> bool:
        return {"image name", "mos"} <= columns

    def read(self, table: Path, images: Path | None) -> Dataset:
        data = read_table(table)
        records = table_records(
            data,
            self.image_folder(table, images),
            name=data.column("the image's name", ["Image name"]),
            mos=data.column("the MOS", ["MOS"]),
        )
        return Dataset(self.title, build_records(table, records), (0, 100), source=table, layout=self.name)

"""KADID-10k (Lin, Hosu and Saupe, QoMEX 2019)."""

from __future__ import annotations

from pathlib import Path

from isptune.iqa.datasets.dataset import Dataset
from isptune.iqa.datasets.layouts.layout import Layout
from isptune.iqa.datasets.score_tables import build_records, read_table, table_records


class KADID10k(Layout):
    """``dmos.csv`` (``dist_img,ref_img,dmos,var``) and ``images/``.

    What the authors call DMOS is a mean on a scale from 1 to 5 on which 5 is no visible distortion: higher is
    better. The column ``var`` is read as a standard deviation, as pyiqa reads it. A picture's content is its
    reference.
    """

    name = "kadid10k"
    title = "KADID-10k"
    tables = ("dmos.csv",)
    folders = ("images", ".")

    def columns_match(self, columns: set[str]) -> bool:
        return {"dist_img", "ref_img", "dmos"} <= columns

    def read(self, table: Path, images: Path | None) -> Dataset:
        data = read_table(table)
        records = table_records(
            data,
            self.image_folder(table, images),
            name=data.column("the image's name", ["dist_img"]),
            mos=data.column("the MOS", ["dmos"]),
            std=data.column("the standard deviation", ["var", "std"], needed=False),
            reference=data.column("the reference", ["ref_img"]),
        )
        return Dataset(self.title, build_records(table, records), (1, 5), source=table, layout=self.name)

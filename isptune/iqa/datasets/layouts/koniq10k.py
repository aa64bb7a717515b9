"""KonIQ-10k (Hosu et al., IEEE TIP 29, 2020)."""

from __future__ import annotations

from pathlib import Path

from isptune.iqa.datasets.dataset import Dataset
from isptune.iqa.datasets.layouts.layout import Layout
from isptune.iqa.datasets.layouts.meta_csv import read_splits
from isptune.iqa.datasets.score_tables import build_records, read_table, table_records


class KonIQ10k(Layout):
    """``koniq10k_distributions_sets.csv`` or ``koniq10k_scores_and_distributions.csv``, and ``1024x768/``.

    The first file has the authors' split (column ``set``), here ``official_split``, and a MOS in [1, 100].
    The second has no split and two scores: the mean on the scale from 1 to 5, and ``MOS_zscore`` on
    [1, 100], which is the first file's MOS and the one that is read, so that both files give the same
    numbers; its ``SD`` belongs to the other scale and is left out.
    """

    name = "koniq10k"
    title = "KonIQ-10k"
    tables = ("koniq10k_distributions_sets.csv", "koniq10k_scores_and_distributions.csv")
    folders = ("1024x768", "512x384", "images", ".")

    def columns_match(self, columns: set[str]) -> bool:
        return {"image_name", "mos", "sd"} <= columns

    def read(self, table: Path, images: Path | None) -> Dataset:
        data = read_table(table)
        scaled = data.column("the MOS", ["MOS_zscore"], needed=False)
        records = table_records(
            data,
            self.image_folder(table, images),
            name=data.column("the image's name", ["image_name"]),
            mos=scaled or data.column("the MOS", ["MOS"]),
            std="" if scaled else data.column("the standard deviation", ["SD"]),
        )
        return Dataset(
            self.title, build_records(table, records), (1, 100), read_splits(data), True, table, self.name
        )

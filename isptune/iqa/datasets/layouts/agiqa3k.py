"""AGIQA-3K (Li et al., IEEE TCSVT 34, 2024)."""

from __future__ import annotations

from pathlib import Path

from isptune.iqa.datasets.dataset import Dataset
from isptune.iqa.datasets.layouts.layout import Layout
from isptune.iqa.datasets.score_tables import Row, build_records, read_table, table_records


class AGIQA3K(Layout):
    """``data.csv`` (``name,prompt,adj1,adj2,style,mos_quality,std_quality,mos_align,std_align``) and images.

    The MOS is that of the quality, in [0, 5]; that of the alignment with the prompt is not read. Pictures of
    one prompt count as one content, so random splits keep them together.
    """

    name = "agiqa3k"
    title = "AGIQA-3K"
    tables = ("data.csv",)
    folders = ("AGIQA-3K", "images", "Images", "file", ".")

    def table_in(self, root: Path) -> Path | None:
        # Half of all folders have a file of this name: its columns decide.
        path = super().table_in(root)
        if path is None:
            return None
        with path.open(encoding="latin-1") as file:
            return path if "mos_quality" in file.readline().lower() else None

    def columns_match(self, columns: set[str]) -> bool:
        return {"name", "mos_quality"} <= columns

    def read(self, table: Path, images: Path | None) -> Dataset:
        data = read_table(table)
        prompt = data.column("the prompt", ["prompt"], needed=False)

        def content(row: Row) -> str:
            return row.cells[prompt] if prompt else ""

        records = table_records(
            data,
            self.image_folder(table, images),
            name=data.column("the image's name", ["name"]),
            mos=data.column("the MOS", ["mos_quality"]),
            std=data.column("the standard deviation", ["std_quality"], needed=False),
            content=content,
        )
        return Dataset(self.title, build_records(table, records), (0, 5), source=table, layout=self.name)

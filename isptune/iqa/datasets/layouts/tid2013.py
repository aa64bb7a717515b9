"""TID2013 (Ponomarenko et al., Signal Processing: Image Communication 30, 2015)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from isptune.iqa.datasets.dataset import Dataset, DatasetError, Record
from isptune.iqa.datasets.layouts.layout import Layout
from isptune.iqa.datasets.score_tables import ImageFolder, Row, Table, build_records, read_text, table_records


class TID2013(Layout):
    """``mos_with_names.txt`` (lines of a score and a name), ``distorted_images/``, ``reference_images/``.

    ``mos_std.txt``, a number a line, is read where it lies beside. The MOS is in [0, 9], higher is better.
    A name such as ``i01_05_3.bmp`` says the content, ``i01``; files and table do not agree about its case.
    """

    name = "tid2013"
    title = "TID2013"
    tables = ("mos_with_names.txt",)
    folders = ("distorted_images", ".")
    ignore_case = True

    def read(self, table: Path, images: Path | None) -> Dataset:
        records = build_records(table, self._records(table, images))
        return Dataset(self.title, records, (0, 9), source=table, layout=self.name)

    def _records(self, table: Path, images: Path | None) -> Iterator[Record]:
        rows = []
        for number, line in enumerate(read_text(table).splitlines(), 1):
            if not line.strip():
                continue
            parts = line.split()
            if len(parts) != 2:
                raise DatasetError(
                    f"'{table}', row {number}: '{line.strip()}' is not a score and a name, "
                    "such as '5.51429 I01_01_1.bmp'"
                )
            rows.append(Row(number, {"mos": parts[0], "name": parts[1]}))
        if not rows:
            raise DatasetError(f"'{table}' is empty")
        self._add_spreads(table, rows)
        data = Table(table, tuple(rows[0].cells), tuple(rows))
        folder = self.image_folder(table, images)
        references = self.root_of(table) / "reference_images"
        if not references.is_dir():
            references = folder.folder.parent / "reference_images"
        pristine = _references(references)
        spread = "std" if "std" in rows[0].cells else ""
        for record in table_records(data, folder, name="name", mos="mos", std=spread):
            found = re.match(r"(i\d+)_", record.name.lower())
            if found is None:
                raise DatasetError(
                    f"'{table}', row {record.row}: the name '{record.name}' does not begin with its content, "
                    "as 'I01_01_1.bmp' does"
                )
            content = found[1]
            if pristine and content not in pristine:
                raise DatasetError(
                    f"'{table}', row {record.row}: there is no reference '{content}' in '{references}'"
                )
            yield Record(
                record.name, record.path, record.mos, record.std, content, pristine.get(content), record.row
            )

    def _add_spreads(self, table: Path, rows: list[Row]) -> None:
        path = table.with_name("mos_std.txt")
        if not path.is_file():
            return
        spreads = read_text(path).split()
        if len(spreads) != len(rows):
            raise DatasetError(f"'{path}' has {len(spreads)} numbers for the {len(rows)} rows of '{table}'")
        for row, spread in zip(rows, spreads, strict=True):
            row.cells["std"] = spread


def _references(folder: Path) -> dict[str, Path]:
    """Pristine pictures by content; none where there is no such folder."""
    if not folder.is_dir():
        return {}
    listing = ImageFolder(folder)
    return {
        Path(entry.name).stem.lower(): listing.folder / entry.name
        for entry in sorted(folder.iterdir())
        if entry.is_file()
    }

"""TID2013 (Ponomarenko et al., Signal Processing: Image Communication 30, 2015)."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from isptune.iqa.datasets.dataset import Dataset, DatasetError
from isptune.iqa.datasets.image_records import ImageFolder
from isptune.iqa.datasets.layouts.layout import Layout
from isptune.iqa.datasets.score_tables import Row, Table, read_text


class TID2013(Layout):
    """``mos_with_names.txt`` (lines of a score and a name), ``distorted_images/``, ``reference_images/``.

    ``mos_std.txt`` beside it, a number a line, is read where there is one. The MOS is in [0, 9], higher is
    better. A name such as ``i01_05_3.bmp`` says the content, ``i01``, whose case differs in files and table.
    """

    name = "tid2013"
    title = "TID2013"
    tables = ("mos_with_names.txt",)
    folders = ("distorted_images", ".")
    ignore_case = True

    optional = ("std",)
    mos_range = (0, 9)

    def read(self, table: Path, images: Path | None) -> Dataset:
        found = super().read(table, images)
        references = self.root_of(table) / "reference_images"
        if not references.is_dir():
            references = self.image_folder(table, images).folder.parent / "reference_images"
        pristine = _references(references)
        records = []
        for record in found.records:
            place = f"'{table}', row {record.row}"
            name = re.match(r"(i\d+)_", record.name.lower())
            if name is None:
                raise DatasetError(
                    f"{place}: the name '{record.name}' does not begin with its content, "
                    "as 'I01_01_1.bmp' does"
                )
            if pristine and name[1] not in pristine:
                raise DatasetError(f"{place}: there is no reference '{name[1]}' in '{references}'")
            records.append(replace(record, content=name[1], reference=pristine.get(name[1])))
        return replace(found, records=tuple(records))

    def read_table(self, table: Path) -> Table:
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
        path = table.with_name("mos_std.txt")
        if path.is_file():
            spreads = read_text(path).split()
            if len(spreads) != len(rows):
                raise DatasetError(
                    f"'{path}' has {len(spreads)} numbers for the {len(rows)} rows of '{table}'"
                )
            for row, spread in zip(rows, spreads, strict=True):
                row.cells["std"] = spread
        return Table(table, tuple(rows[0].cells), tuple(rows))


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

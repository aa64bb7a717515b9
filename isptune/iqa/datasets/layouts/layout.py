"""What a layout is: how its table of scores is known, and how a dataset is made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from isptune.iqa.datasets.dataset import Dataset, DatasetError
from isptune.iqa.datasets.image_records import ImageFolder, build_records, table_records
from isptune.iqa.datasets.score_tables import Table, read_splits, read_table

# What a column holds, for messages.
_PURPOSES = {
    "name": "the image's name",
    "mos": "the MOS",
    "std": "the standard deviation",
    "reference": "the reference",
    "content": "the content",
}


class Layout:
    """One layout; subclass it and say its facts, and how its table is read where that is no CSV file.

    Class facts:
        name: what ``layout=`` takes.
        title: what a table calls the dataset.
        tables: where in the dataset's folder the table of scores may lie, the preferred one first.
        folders: where the pictures may lie, likewise.
        ignore_case: whether names in the table and on disk may differ in case.
        header: columns, in lower case, by which a CSV file of any name is known to be of this layout.
        columns: for each purpose (``name``, ``mos``, ``std``, ``reference``, ``content``) the names that its
            column may have.
        optional: purposes whose column may be missing.
        mos_range: (lowest, highest) MOS that the study's scale allows.
    """

    name: ClassVar[str]
    title: ClassVar[str] = ""
    tables: ClassVar[Sequence[str]] = ()
    folders: ClassVar[Sequence[str]] = (".",)
    ignore_case: ClassVar[bool] = False
    header: ClassVar[frozenset[str]] = frozenset()
    columns: ClassVar[Mapping[str, Sequence[str]]] = {"name": ["name"], "mos": ["mos"], "std": ["std"]}
    optional: ClassVar[Sequence[str]] = ("std", "content")
    mos_range: ClassVar[tuple[float, float] | None] = None

    def table_in(self, root: Path) -> Path | None:
        """The table of scores in a dataset's folder, or None where there is none of this layout."""
        return next((root / table for table in self.tables if (root / table).is_file()), None)

    def root_of(self, table: Path) -> Path:
        """The dataset's folder, from where its table lies."""
        for place in self.tables:
            depth = len(Path(place).parts)
            if tuple(table.parts[-depth:]) == Path(place).parts:
                return table.parents[depth - 1]
        return table.parent

    def columns_match(self, columns: set[str]) -> bool:
        """Whether a CSV file with these columns, in lower case, is of this layout."""
        return bool(self.header) and self.header <= columns

    def read(self, table: Path, images: Path | None) -> Dataset:
        """The dataset whose scores stand in ``table`` and whose pictures lie in ``images``.

        Raises:
            DatasetError: the table or a picture is missing or wrong.
        """
        data = self.read_table(table)
        folder = self.image_folder(table, images)
        records = build_records(table, table_records(data, folder, **self.columns_of(data)))
        return Dataset(self.title, records, self.mos_range, read_splits(data), True, table, self.name)

    def read_table(self, table: Path) -> Table:
        """The table of scores."""
        return read_table(table)

    def columns_of(self, data: Table) -> dict[str, str]:
        """For each purpose the column of a table that holds it; "" for one that is missing and may be."""
        return {
            purpose: data.column(_PURPOSES[purpose], names, needed=purpose not in self.optional)
            for purpose, names in self.columns.items()
        }

    def image_folder(self, table: Path, images: Path | None) -> ImageFolder:
        """Where the pictures lie: as given, or the first of ``folders`` that exists.

        Raises:
            DatasetError: no such folder.
        """
        if images is not None:
            if not images.is_dir():
                raise DatasetError(f"there is no folder '{images}' with the images of '{table}'")
            return ImageFolder(images, self.ignore_case)
        root = self.root_of(table)
        for folder in self.folders:
            if (root / folder).is_dir():
                return ImageFolder(root / folder, self.ignore_case)
        wanted = " or ".join(f"'{root / folder}'" for folder in self.folders)
        raise DatasetError(f"'{table}': there is no folder {wanted} with its images; say where they are")

"""What a layout is: how its table of scores is known, and how a dataset is made of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from isptune.iqa.datasets.dataset import Dataset, DatasetError
from isptune.iqa.datasets.score_tables import ImageFolder


class Layout(ABC):
    """One layout; subclass it and write ``read``.

    Class facts:
        name: what ``layout=`` takes.
        title: what a table calls the dataset.
        tables: where in the dataset's folder the table of scores may lie, the preferred one first.
        folders: where the pictures may lie, likewise.
        ignore_case: whether names in the table and on disk may differ in case.
    """

    name: ClassVar[str]
    title: ClassVar[str] = ""
    tables: ClassVar[Sequence[str]] = ()
    folders: ClassVar[Sequence[str]] = (".",)
    ignore_case: ClassVar[bool] = False

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
        return False

    @abstractmethod
    def read(self, table: Path, images: Path | None) -> Dataset:
        """The dataset whose scores stand in ``table`` and whose pictures lie in ``images``.

        Raises:
            DatasetError: the table or a picture is missing or wrong.
        """

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

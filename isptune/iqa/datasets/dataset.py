"""A dataset in memory: what is known of each picture; the pictures themselves are read when asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from isptune.errors import ImageError, IsptuneError, UnknownNameError
from isptune.wording.naming import did_you_mean, listed

if TYPE_CHECKING:
    from torch import Tensor

PARTS = ("train", "val", "test")

Split = tuple[str | None, ...]
"""For each record the part it belongs to, or None where a split leaves it out."""


class DatasetError(IsptuneError, ValueError):
    """A dataset that cannot be used as it is: the message names the file and, where there is one, the row."""


@dataclass(frozen=True)
class Record:
    """One picture of a dataset.

    Attributes:
        name: as the dataset's table gives it; unique in the dataset.
        path: the picture's file.
        mos: its mean opinion score, in the dataset's own units.
        std: the standard deviation of the opinions, or None where nobody published it.
        content: what the picture shows: the pristine picture's name where several pictures are
            distortions of one, the prompt of generated ones, the picture's own name otherwise.
        reference: the pristine picture's file, or None.
        row: the row of the table that it stands in: rows below the header, counted from 1.
    """

    name: str
    path: Path
    mos: float
    std: float | None = None
    content: str = ""
    reference: Path | None = None
    row: int = 0


@dataclass(frozen=True)
class Dataset:
    """Pictures with mean opinion scores.

    Attributes:
        name: short, for tables and messages.
        records: in the order of the dataset's table.
        mos_range: (lowest, highest) MOS that the study's scale allows, or None where it is not known.
        splits: by name, for each record ``"train"``, ``"val"``, ``"test"`` or None.
        higher_is_better: the orientation of the MOS; False for difference scores (DMOS) of which 0 is best.
        source: the file with the scores, for messages.
        layout: the name of the layout that it was read in.

    Example:
        >>> from isptune.iqa.datasets import read_dataset
        >>> dataset = read_dataset("koniq10k")
        >>> test = dataset.subset("official_split", "test")
        >>> test.image(0).shape, float(test.mos[0])
        (torch.Size([3, 768, 1024]), 63.9)
    """

    name: str
    records: tuple[Record, ...]
    mos_range: tuple[float, float] | None = None
    splits: Mapping[str, Split] = field(default_factory=dict)
    higher_is_better: bool = True
    source: Path = Path()
    layout: str = ""

    def __len__(self) -> int:
        return len(self.records)

    @property
    def mos(self) -> Tensor:
        """(N,) float64 mean opinion scores."""
        import torch

        return torch.tensor([record.mos for record in self.records], dtype=torch.float64)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(record.name for record in self.records)

    @property
    def contents(self) -> tuple[str, ...]:
        """For each record what it shows; equal entries belong together."""
        return tuple(record.content or record.name for record in self.records)

    @property
    def has_groups(self) -> bool:
        """Whether some pictures share their content, so that they are not independent of each other."""
        return len(set(self.contents)) < len(self)

    @property
    def has_references(self) -> bool:
        """Whether every picture has its pristine one."""
        return all(record.reference is not None for record in self.records)

    def image(self, index: int) -> Tensor:
        """A picture at its native size, (3, H, W) float32 in [0, 1]; see ``isptune.scenes.read_image``.

        Raises:
            ImageError: it cannot be read; the message begins with the table and the row.
        """
        return self._read(index, self.records[index].path)

    def reference(self, index: int) -> Tensor:
        """The pristine picture of a record, likewise.

        Raises:
            DatasetError: the record has none.
            ImageError: it cannot be read.
        """
        path = self.records[index].reference
        if path is None:
            raise DatasetError(f"{self.place(index)}: '{self.records[index].name}' has no reference image")
        return self._read(index, path)

    def place(self, index: int) -> str:
        """``'meta.csv', row 3``, for messages about a record."""
        return f"'{self.source}', row {self.records[index].row}"

    def take(self, indices: Sequence[int]) -> Dataset:
        """The dataset of some of the records, in the order given, with its splits."""
        chosen = [int(index) for index in indices]
        return replace(
            self,
            records=tuple(self.records[index] for index in chosen),
            splits={name: tuple(parts[index] for index in chosen) for name, parts in self.splits.items()},
        )

    def part(self, split: str, part: str) -> list[int]:
        """The indices of the records that a split puts into a part.

        Raises:
            UnknownNameError: the dataset has no split of that name, or there is no such part.
            DatasetError: the part is empty.
        """
        if split not in self.splits:
            known = f"; its splits: {listed(self.splits)}" if self.splits else "; it has none"
            known += ", but for random ones such as random_seed0_split01 (of 'isptune train --seed 0')"
            raise UnknownNameError(
                f"'{self.source}' has no split '{split}'" + (did_you_mean(split, self.splits) or known)
            )
        if part not in PARTS:
            raise UnknownNameError(
                f"a split has no part '{part}'"
                + (did_you_mean(part, PARTS) or f"; allowed: {', '.join(PARTS)}")
            )
        found = [index for index, given in enumerate(self.splits[split]) if given == part]
        if not found:
            counts = Counter(given for given in self.splits[split] if given is not None)
            raise DatasetError(
                f"the split '{split}' of '{self.source}' has no image in its part '{part}'; it has "
                + (", ".join(f"{counts[given]} in '{given}'" for given in PARTS if counts[given]) or "none")
            )
        return found

    def subset(self, split: str, part: str) -> Dataset:
        """The records that a split puts into a part, as a dataset; errors as in ``part``."""
        return self.take(self.part(split, part))

    def with_splits(self, splits: Mapping[str, Split]) -> Dataset:
        """The dataset with further splits; see ``random_splits``.

        Raises:
            DatasetError: a split of another length than the dataset, or a name that is taken.
        """
        for name, parts in splits.items():
            if name in self.splits:
                raise DatasetError(f"'{self.source}' has a split '{name}' already")
            if len(parts) != len(self):
                raise DatasetError(
                    f"the split '{name}' is for {len(parts)} images, '{self.source}' has {len(self)}"
                )
        return replace(self, splits={**self.splits, **splits})

    def _read(self, index: int, path: Path) -> Tensor:
        from isptune.scenes import read_image

        try:
            return read_image(path)
        except ImageError as error:
            raise ImageError(f"{self.place(index)}: {error}") from error

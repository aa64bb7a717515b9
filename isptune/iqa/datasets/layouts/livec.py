"""LIVE In the Wild, also called LIVE Challenge (Ghadiyaram and Bovik, IEEE TIP 25, 2016)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from isptune.iqa.datasets.dataset import DatasetError
from isptune.iqa.datasets.layouts.layout import Layout
from isptune.iqa.datasets.score_tables import Row, Table

_MOS, _NAMES, _SPREADS = "AllMOS_release", "AllImages_release", "AllStdDev_release"


class LIVEChallenge(Layout):
    """``Data/AllMOS_release.mat``, ``AllImages_release.mat``, ``AllStdDev_release.mat``, and ``Images/``.

    The pictures ``t1`` to ``t7``, with which the study trained its observers (``Images/trainingImages/``),
    are left out, as is usual: 1162 remain. The MOS is in [0, 100]. A row is an entry of the MAT files.
    """

    name = "livec"
    title = "LIVE-C"
    tables = (f"Data/{_MOS}.mat", f"{_MOS}.mat")
    folders = ("Images", "images", ".")

    mos_range = (0, 100)

    def read_table(self, table: Path) -> Table:
        names = [_text(entry) for entry in _entries(table.with_name(f"{_NAMES}.mat"), _NAMES)]
        scores = _entries(table, _MOS)
        spreads = _entries(table.with_name(f"{_SPREADS}.mat"), _SPREADS)
        for other, values in ((_MOS, scores), (_SPREADS, spreads)):
            if len(values) != len(names):
                raise DatasetError(
                    f"'{table.with_name(other + '.mat')}' has {len(values)} values for the {len(names)} "
                    f"names of '{table.with_name(_NAMES + '.mat')}'"
                )
        rows = [
            Row(number, {"name": name, "mos": str(mos), "std": str(std)})
            for number, (name, mos, std) in enumerate(zip(names, scores, spreads, strict=True), 1)
            if not re.fullmatch(r"t[1-7]\.\w+", name)
        ]
        return Table(table, ("name", "mos", "std"), tuple(rows))


def _entries(path: Path, variable: str) -> list[Any]:
    """The entries of a MAT file's variable in a row."""
    from scipy.io import loadmat

    if not path.is_file():
        raise DatasetError(f"'{path}': there is no such file")
    # Damaged files make the reader raise anything.
    try:
        data = loadmat(path)
    except Exception as error:
        raise DatasetError(f"'{path}' is not a MAT file that can be read: {error}") from error
    if variable not in data:
        known = [name for name in data if not name.startswith("__")]
        raise DatasetError(f"'{path}' has no variable '{variable}'; it has: {', '.join(known) or 'none'}")
    return list(np.asarray(data[variable]).ravel())


def _text(entry: Any) -> str:
    """The text in a cell of a MAT file, which is an array of one."""
    while isinstance(entry, np.ndarray):
        entry = entry.ravel()[0] if entry.size else ""
    return str(entry).strip()

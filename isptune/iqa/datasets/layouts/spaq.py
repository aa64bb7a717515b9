"""SPAQ (Fang et al., CVPR 2020)."""

from __future__ import annotations

from isptune.iqa.datasets.layouts.layout import Layout

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
    header = frozenset(("image name", "mos"))
    columns = {"name": ["Image name"], "mos": ["MOS"]}  # noqa: RUF012
    mos_range = (0, 100)

"""AGIQA-3K (Li et al., IEEE TCSVT 34, 2024)."""

from __future__ import annotations

from pathlib import Path

from isptune.iqa.datasets.layouts.layout import Layout


class AGIQA3K(Layout):
    """``data.csv`` (``name,prompt,adj1,adj2,style,mos_quality,std_quality,mos_align,std_align``) and images.

    The MOS is that of the quality, in [0, 5]; that of the alignment with the prompt is not read. Pictures of
    one prompt count as one content, so random splits keep them together.
    """

    name = "agiqa3k"
    title = "AGIQA-3K"
    tables = ("data.csv",)
    folders = ("AGIQA-3K", "images", "Images", "file", ".")
    header = frozenset(("name", "mos_quality"))
    columns = {  # noqa: RUF012
        "name": ["name"],
        "mos": ["mos_quality"],
        "std": ["std_quality"],
        "content": ["prompt"],
    }
    mos_range = (0, 5)

    def table_in(self, root: Path) -> Path | None:
        # Half of all folders have a file of this name: its columns decide.
        path = super().table_in(root)
        if path is None:
            return None
        with path.open(encoding="latin-1") as file:
            return path if "mos_quality" in file.readline().lower() else None

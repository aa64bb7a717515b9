"""KonIQ-10k (Hosu et al., IEEE TIP 29, 2020)."""

from __future__ import annotations

from isptune.iqa.datasets.layouts.layout import Layout
from isptune.iqa.datasets.score_tables import Table


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
    header = frozenset(("image_name", "mos", "sd"))
    columns = {"name": ["image_name"], "mos": ["MOS_zscore", "MOS"], "std": ["SD"]}  # noqa: RUF012
    optional = ()
    mos_range = (1, 100)

    def columns_of(self, data: Table) -> dict[str, str]:
        found = super().columns_of(data)
        return {**found, "std": ""} if "zscore" in found["mos"].lower() else found

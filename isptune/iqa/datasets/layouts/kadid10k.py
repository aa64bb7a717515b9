"""KADID-10k (Lin, Hosu and Saupe, QoMEX 2019)."""

from __future__ import annotations

from isptune.iqa.datasets.layouts.layout import Layout


class KADID10k(Layout):
    """``dmos.csv`` (``dist_img,ref_img,dmos,var``) and ``images/``.

    What the authors call DMOS is a mean on a scale from 1 to 5 on which 5 is no visible distortion: higher is
    better. The column ``var`` is read as a standard deviation, as pyiqa reads it. A picture's content is its
    reference.
    """

    name = "kadid10k"
    title = "KADID-10k"
    tables = ("dmos.csv",)
    folders = ("images", ".")
    header = frozenset(("dist_img", "ref_img", "dmos"))
    columns = {  # noqa: RUF012
        "name": ["dist_img"],
        "mos": ["dmos"],
        "std": ["var", "std"],
        "reference": ["ref_img"],
    }
    mos_range = (1, 5)

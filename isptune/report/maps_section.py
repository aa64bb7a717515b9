"""The part of the page that shows where in its pictures a run's objective saw most."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

from isptune.figures.maps import WorstMap, worst_maps
from isptune.figures.pixels import Pixels
from isptune.figures.records import Record
from isptune.report.page import Page
from isptune.runs.picture_files import read_picture
from isptune.wording.naming import listed
from isptune.wording.words import FOUND, START

_LARGEST = 560
_BAR = (180, 12)


@dataclass(frozen=True)
class Overlay:
    """A picture under its map, as the page holds it."""

    kind: str
    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class Row:
    """One map at the start and as found.

    Attributes:
        map: what is shown.
        overlays: its pictures.
        bar: the colours, as a data URI.
    """

    map: WorstMap
    overlays: list[Overlay]
    bar: str


def add_maps(page: Page, record: Record) -> None:
    """The worst labels of each objective with maps; nothing where the run holds none."""
    run = record.run
    if run is None or not run.maps:
        return
    pictures = {
        held.scene: {
            kind: read_picture(file)
            for kind, file in ((START, held.start), (FOUND, held.found))
            if file is not None
        }
        for held in run.pictures
    }
    rows = [_row(one) for one in worst_maps(run.maps, pictures)]
    if rows:
        page.add(
            "maps",
            "Where it is worst",
            "maps.html",
            rows=rows,
            objectives=listed(list(dict.fromkeys(row.map.objective for row in rows))),
            several=len({row.map.scene for row in rows}) > 1,
        )


def _row(one: WorstMap) -> Row:
    overlays = [Overlay(kind, *_uri(one.overlay(kind))) for kind in one.cells]
    return Row(one, overlays, _uri(one.bar(*_BAR), lossless=True)[0])


def _uri(pixels: Pixels, lossless: bool = False) -> tuple[str, int, int]:
    """A picture as a WebP data URI, made smaller where it is large, and its size."""
    from PIL import Image

    picture = Image.fromarray(pixels)
    picture.thumbnail((_LARGEST, _LARGEST), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, format="WEBP", quality=85, lossless=lossless, method=4)
    text = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/webp;base64,{text}", picture.width, picture.height

"""Pictures of a study's report, as data URIs: samples by score, and who won over whom."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from isptune_study.panels import ScenePanels

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_SAMPLES = 24
_SIDE = 360
_QUALITY = 82
_MATRIX_SIDE = 480
_NEVER = (128, 128, 128)


@dataclass(frozen=True)
class Sample:
    """An image with its opinion.

    Attributes:
        name: of the image.
        caption: its opinion in words.
        uri: of a smaller JPEG.
        width, height: of that.
    """

    name: str
    caption: str
    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class Matrix:
    """Who won over whom, a pixel a pair.

    Attributes:
        title: of the scene; empty where there is one alone.
        count: of the images.
        side: at which it is shown.
        uri: of the picture.
    """

    title: str
    count: int
    side: int
    uri: str


def samples_of(panels: ScenePanels, files: Mapping[str, Path]) -> list[Sample]:
    """Images from the worst to the best, evenly chosen among those that are there."""
    from PIL import Image as opening

    known = [place for place, name in enumerate(panels.names) if name in files]
    count = min(MOST_SAMPLES, len(known))
    found = []
    for share in np.linspace(0, len(known) - 1, count) if count else ():
        place = known[round(float(share))]
        name = panels.names[place]
        with opening.open(files[name]) as opened:
            small = opened.convert("RGB")
        small.thumbnail((_SIDE, _SIDE))
        half = panels.half_widths[place]
        spread = f" ± {half:.2f}" if np.isfinite(half) else ""
        caption = f"{panels.opinions[place]:.2f}{spread} {panels.unit}"
        uri = _uri(small, "JPEG", quality=_QUALITY)
        found.append(Sample(name, caption, uri, small.width, small.height))
    return found


def matrix_of(panels: ScenePanels) -> Matrix:
    """The shares of wins in colours, the best image at the top and on the right."""
    from matplotlib import colormaps
    from PIL import Image as making

    shares = panels.wins[::-1]
    colours = colormaps["PuOr"](np.nan_to_num(shares, nan=0.5))[..., :3]
    pixels = np.round(255 * colours).astype(np.uint8)
    pixels[np.isnan(shares)] = _NEVER
    count = len(panels.names)
    side = max(1, round(_MATRIX_SIDE / count)) * count
    return Matrix(panels.title, count, side, _uri(making.fromarray(pixels), "PNG"))


def _uri(image: Image, kind: str, **how: int) -> str:
    held = io.BytesIO()
    image.save(held, kind, **how)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(held.getvalue()).decode('ascii')}"

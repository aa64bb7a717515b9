"""Where in its pictures a run's objective saw most at the start, and what is left there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from isptune.figures.pixels import Pixels, pixels_of
from isptune.runs.maps import Cells, SceneMaps
from isptune.wording.words import FOUND, START

if TYPE_CHECKING:
    from torch import Tensor

MOST = 3
"""How many labels are shown of an objective."""

# From what is best to what is worst, in steps that the eye finds even and that grey print keeps in order.
_COLOURS = ((49, 16, 104), (122, 28, 109), (188, 55, 84), (237, 105, 37), (251, 180, 26), (252, 255, 164))
# The share of the colour in an overlay, for the best and for the worst.
_SHARES = (0.35, 0.75)
_LEAST_RANGE = 1e-6
_ROWS, _COLUMNS = ("upper", "", "lower"), ("left", "", "right")


@dataclass(frozen=True)
class WorstMap:
    """One label on one scene.

    Attributes:
        scene, objective, label: what it is of.
        higher_is_better: of the label.
        cells: (h, w) by ``START``, where there is such a picture, and ``FOUND``.
        images: (3, H, W) in [0, 1], the pictures themselves.
        low, high: ends of the colours, the same for both and for all scenes.
    """

    scene: str
    objective: str
    label: str
    higher_is_better: bool
    cells: Mapping[str, Cells]
    images: Mapping[str, Tensor]
    low: float
    high: float

    @property
    def caption(self) -> str:
        """What it shows, in a sentence."""
        words = {START: "at the start", FOUND: "as found"}
        said = [
            f"{worst_of(cells, self.higher_is_better):.3g} {words[kind]}"
            f"{place_of(cells, self.higher_is_better)}"
            for kind, cells in self.cells.items()
        ]
        return f"{self.label}: at worst {', '.join(said)}"

    def overlay(self, kind: str) -> Pixels:
        """(H, W, 3) a picture in grey under its map; bright and yellow is worse."""
        return _coloured(pixels_of(self.images[kind]), self._badness(self.cells[kind]))

    def bar(self, width: int, height: int) -> Pixels:
        """(height, width, 3) the colours from what is best, on the left, to what is worst, over mid grey."""
        grey = np.full((height, width, 3), 128, np.uint8)
        return _coloured(grey, np.linspace(0, 1, width)[None, :])

    @property
    def ends(self) -> tuple[str, str]:
        """The numbers at the bar's ends."""
        best, worst = (self.high, self.low) if self.higher_is_better else (self.low, self.high)
        return f"{best:.2g}", f"{worst:.2g}"

    def _badness(self, cells: Cells) -> Cells:
        """From 0 for the best to 1 for the worst; what is not finite counts as the best."""
        share = (cells - self.low) / (self.high - self.low)
        if self.higher_is_better:
            share = 1 - share
        return np.nan_to_num(share.clip(0, 1), nan=0.0)


def worst_maps(
    maps: Sequence[SceneMaps], pictures: Mapping[str, Mapping[str, Tensor]], most: int = MOST
) -> list[WorstMap]:
    """The labels that were worst anywhere at the start, scene by scene, the worst label first.

    Args:
        maps: of a run. The labels of an objective are in one unit. Where a scene has no start, what was found
            counts.
        pictures: (3, H, W) by scene, and by ``START`` and ``FOUND``; scenes without pictures are left out.
        most: labels of each objective.
    """
    found = []
    for objective in dict.fromkeys(one.objective for one in maps):
        group = [one for one in maps if one.objective == objective and one.scene in pictures]
        for index in _worst_labels(group)[:most]:
            values = np.concatenate([part[index].ravel() for one in group for part in one.cells.values()])
            low, high = float(np.nanmin(values)), float(np.nanmax(values))
            for one in group:
                images = pictures[one.scene]
                cells = {kind: part[index] for kind, part in one.cells.items() if kind in images}
                if all(np.isfinite(part).any() for part in cells.values()):
                    higher = one.orientations[index] > 0
                    ends = (low, max(high, low + _LEAST_RANGE))
                    found.append(
                        WorstMap(one.scene, objective, one.labels[index], higher, cells, images, *ends)
                    )
    return found


def _worst_labels(group: Sequence[SceneMaps]) -> list[int]:
    """Indices of the labels that are better high or low, the worst at the start first."""
    if not group:
        return []
    worst: dict[int, float] = {}
    for one in group:
        for index, sign in enumerate(one.orientations):
            part = one.cells.get(START, one.cells[FOUND])[index]
            if sign and np.isfinite(part).any():
                worst[index] = max(worst.get(index, -np.inf), float(np.nanmax(-sign * part)))
    return sorted(worst, key=lambda index: -worst[index])


def worst_of(cells: Cells, higher_is_better: bool) -> float:
    """The value of the worst cell."""
    return float(np.nanmin(cells) if higher_is_better else np.nanmax(cells))


def place_of(cells: Cells, higher_is_better: bool) -> str:
    """Where the worst cell lies, such as ``" (upper left)"``; nothing where all are alike."""
    if not np.ptp(cells[np.isfinite(cells)]) > 0:
        return ""
    flat = np.nanargmin(cells) if higher_is_better else np.nanargmax(cells)
    row, column = np.unravel_index(flat, cells.shape)
    down = _ROWS[int(3 * (row + 0.5) / cells.shape[0])]
    across = _COLUMNS[int(3 * (column + 0.5) / cells.shape[1])]
    return f" ({' '.join(filter(None, (down, across))) or 'middle'})"


def _coloured(pixels: Pixels, badness: Cells) -> Pixels:
    """Pixels (H, W, 3) in grey under colours for shares (h, w), smoothly in between."""
    height, width = pixels.shape[:2]
    share = _enlarged(badness, height, width)[..., None]
    steps = np.linspace(0, 1, len(_COLOURS))
    table = np.array(_COLOURS, np.float64)
    colour = np.stack([np.interp(share[..., 0], steps, table[:, channel]) for channel in range(3)], axis=-1)
    grey = pixels @ np.array([0.299, 0.587, 0.114])
    weight = _SHARES[0] + (_SHARES[1] - _SHARES[0]) * share
    mixed = weight * colour + (1 - weight) * grey[..., None]
    return mixed.round().astype(np.uint8)


def _enlarged(cells: Cells, height: int, width: int) -> Cells:
    """(height, width) of (h, w), linear between the middles of the cells."""
    import torch

    plane = torch.from_numpy(np.ascontiguousarray(cells))[None, None]
    large = torch.nn.functional.interpolate(plane, size=(height, width), mode="bilinear", align_corners=False)
    found: Cells = large[0, 0].numpy()
    return found

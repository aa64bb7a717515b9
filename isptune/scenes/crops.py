"""Native-resolution crops that stand for a large picture."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from isptune.errors import ConfigurationError

if TYPE_CHECKING:
    from torch import Tensor

AUTO_PIXELS = 1_000_000
AUTO_COUNT = 6
AUTO_SIDE = 256
MINIMUM_SIDE = 32

# Features are measured on blocks of this many pixels.
_BLOCK = 16


@dataclass(frozen=True)
class CropRule:
    """How pictures become scenes.

    Attributes:
        count, side: at most ``count`` square crops of ``side`` pixels; a side of 0 keeps every picture whole.
        above: pictures of at most that many pixels stay whole.
    """

    count: int = AUTO_COUNT
    side: int = AUTO_SIDE
    above: int = 0
    automatic: bool = False


def parse_crop(crop: str | int | None) -> CropRule:
    """The rule that a ``crop`` setting means: None, "full", "auto", a side in pixels, or "COUNTxSIDE".

    Raises:
        ConfigurationError: anything else, a side under 32 or a count under 1.
    """
    allowed = "allowed are auto, full, a side in pixels such as 256, or count and side such as 9x192"
    text = "full" if crop is None else str(crop).strip().lower()
    if text == "full":
        return CropRule(side=0)
    if text == "auto":
        return CropRule(above=AUTO_PIXELS, automatic=True)
    found = re.fullmatch(r"(?:(\d{1,4})x)?(\d{1,5})", text)
    if found is None or isinstance(crop, bool):
        raise ConfigurationError(f"crop '{crop}' is not known; {allowed}")
    count, side = int(found[1] or AUTO_COUNT), int(found[2])
    if count < 1 or side < MINIMUM_SIDE:
        raise ConfigurationError(
            f"crop '{crop}' is out of range: at least 1 crop of at least {MINIMUM_SIDE} pixels; {allowed}"
        )
    return CropRule(count=count, side=side)


def choose_crops(image: Tensor, count: int, side: int, seed: int = 0) -> list[tuple[int, int]]:
    """Places of crops that show what a picture has: its texture, its colours and its brightnesses.

    The picture is divided into a grid of at least ``count`` cells, and each crop lies in a cell of its own,
    so crops never overlap. One after another, the crop is taken that has the most texture and colour, is
    clipped the least, and differs the most in mean colour and brightness from those already taken.

    Args:
        image: (3, H, W) in [0, 1].
        count: how many crops are wanted; where fewer fit side by side, as many as fit.
        side: of the square crops, in pixels.
        seed: moves the candidate places within their cells.

    Returns:
        (x, y) of the top left corners in reading order; none where the picture is smaller than a crop.
    """
    height, width = int(image.shape[-2]), int(image.shape[-1])
    if side > min(height, width):
        return []
    places, cells = _places(width, height, side, *_grid(width, height, side, count), seed)
    texture, colour, clipped = _features(image, places, side)
    # Mean gradients are skewed towards their few highest, so their root counts, by its share of the range.
    # The sums behind a flat place may come out a rounding error below 0.
    texture = np.sqrt(np.maximum(texture, 0))
    low, high = np.quantile(texture, [0.05, 0.95])
    # Where it is nearly the same everywhere, its small differences count little.
    spread = max(high - low, 0.5 * high, 1e-6)
    worth = 1.5 * np.clip((texture - low) / spread, 0, 1) - 2.0 * clipped
    # Colour counts less than texture, and no more beyond a fair saturation: else a plain red wall would win.
    worth += 0.6 * np.minimum(2.5 * _chroma(colour), 1.0)
    taken: list[int] = []
    free = np.ones(len(places), dtype=bool)
    for _ in range(min(count, len(np.unique(cells)))):
        difference = np.full(len(places), 0.5)
        if taken:
            apart = np.abs(colour[:, None, :] - colour[None, taken, :]).sum(axis=2)
            difference = np.minimum(1.2 * apart.min(axis=1), 1.0)
        # Rounded, so that another machine's order of additions does not change the choice.
        total = np.where(free, np.round(worth + difference, 6), -np.inf)
        best = int(np.argmax(total))
        taken.append(best)
        free &= cells != cells[best]
    return sorted(
        ((int(places[i, 0]), int(places[i, 1])) for i in taken), key=lambda place: (place[1], place[0])
    )


def _grid(width: int, height: int, side: int, count: int) -> tuple[int, int]:
    """Columns and rows of the cells: room for a crop in each, nearly square, as few as are needed."""
    most_columns, most_rows = width // side, height // side
    if most_columns * most_rows <= count:
        return most_columns, most_rows
    best = (np.inf, most_columns, most_rows)
    for columns in range(1, min(most_columns, count) + 1):
        rows = -(-count // columns)
        if rows <= most_rows:
            shape = abs(np.log((width / columns) / (height / rows)))
            best = min(best, (shape + 0.5 * (columns * rows - count) / count, columns, rows))
    return best[1], best[2]


def _places(
    width: int, height: int, side: int, columns: int, rows: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Candidate corners (M, 2) as x, y, and the cell (M,) that each lies in."""
    generator = np.random.Generator(np.random.PCG64(seed))
    places: list[tuple[int, int]] = []
    cells: list[int] = []
    for row in range(rows):
        for column in range(columns):
            left, right = column * width // columns, (column + 1) * width // columns - side
            top, bottom = row * height // rows, (row + 1) * height // rows - side
            # About every half crop, so that nothing of a cell goes unseen, within reason.
            steps = int(np.clip(2 * max(right - left, bottom - top) // side + 1, 5, 24))
            shift = generator.random((2, steps, steps)) + np.arange(steps)
            across = left + (shift[0] / steps * (right - left + 1)).astype(np.int64)
            down = top + (shift[1].T / steps * (bottom - top + 1)).astype(np.int64)
            places += zip(across.ravel().tolist(), down.ravel().tolist(), strict=True)
            cells += [row * columns + column] * steps**2
    return np.array(places), np.array(cells)


def _features(
    image: Tensor, places: NDArray[np.int64], side: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Per place: mean gradient (M,), mean colour (M, 3) and the share of clipped pixels (M,).

    A crop is measured on the blocks that lie in it; the gradient on one row and one column of each four.
    """
    planes = image.detach().cpu().numpy()
    height, width = (extent // _BLOCK * _BLOCK for extent in planes.shape[1:])
    planes = planes[:, :height, :width]
    luma = np.float32(0.299) * planes[0] + np.float32(0.587) * planes[1] + np.float32(0.114) * planes[2]
    across = np.zeros((height // 4, width), dtype=np.float32)
    across[:, :-1] = np.abs(np.diff(luma[::4], axis=1))
    down = np.zeros((height, width // 4), dtype=np.float32)
    down[:-1] = np.abs(np.diff(luma[:, ::4], axis=0))
    texture = _blocks(across, 4, 1) + _blocks(down, 1, 4)
    clipped = _blocks(((luma[::4] < 0.01) | (luma[::4] > 0.99)).astype(np.float32), 4, 1)
    # One pixel of sixteen is enough for the mean colour of hundreds of blocks.
    means = [_blocks(plane[::4, ::4], 4, 4) for plane in planes]
    maps = np.stack([texture, clipped, *means]).astype(np.float64)
    sums = np.zeros((5, maps.shape[1] + 1, maps.shape[2] + 1))
    sums[:, 1:, 1:] = maps.cumsum(axis=1).cumsum(axis=2)
    left, top = -(-places[:, 0] // _BLOCK), -(-places[:, 1] // _BLOCK)
    # The last partial block is not measured, so a crop there may hold no whole block beyond its first.
    left, top = np.minimum(left, maps.shape[2] - 1), np.minimum(top, maps.shape[1] - 1)
    right = np.clip((places[:, 0] + side) // _BLOCK, left + 1, maps.shape[2])
    bottom = np.clip((places[:, 1] + side) // _BLOCK, top + 1, maps.shape[1])
    total = sums[:, bottom, right] - sums[:, top, right] - sums[:, bottom, left] + sums[:, top, left]
    mean = total / ((right - left) * (bottom - top))
    return mean[0], mean[2:].T, mean[1]


def _blocks(plane: NDArray[np.float32], thinned_down: int, thinned_across: int) -> NDArray[np.float32]:
    """Means over blocks of a plane of which only each n-th row and column was kept."""
    down, across = _BLOCK // thinned_down, _BLOCK // thinned_across
    return plane.reshape(plane.shape[0] // down, down, plane.shape[1] // across, across).mean(axis=(1, 3))


def _chroma(colour: NDArray[np.float64]) -> NDArray[np.float64]:
    return colour.max(axis=1) - colour.min(axis=1)

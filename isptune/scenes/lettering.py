"""Letters and digits as strokes, drawn at any size with smooth edges.

A font of Pillow's would draw them with other pixels in each version of FreeType: the chart is the scene of
baselines and logs that are to come out the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

# Each glyph is a few polylines; a point is two digits, x in 0..4 and y in 0..6 from the top.
_STROKES = {
    "A": "06-20-46 14-34",
    "B": "06-00-30-41-42-33-03 33-44-45-36-06",
    "C": "41-30-10-01-05-16-36-45",
    "D": "00-06-26-44-42-20-00",
    "E": "40-00-06-46 03-33",
    "F": "40-00-06 03-33",
    "G": "41-30-10-01-05-16-36-45-43-23",
    "H": "00-06 40-46 03-43",
    "I": "20-26 10-30 16-36",
    "J": "40-45-36-16-05",
    "K": "00-06 40-03-46",
    "L": "00-06-46",
    "M": "06-00-23-40-46",
    "N": "06-00-46-40",
    "O": "10-30-41-45-36-16-05-01-10",
    "P": "06-00-30-41-42-33-03",
    "Q": "10-30-41-45-36-16-05-01-10 24-46",
    "R": "06-00-30-41-42-33-03 23-46",
    "S": "41-30-10-01-02-13-33-44-45-36-16-05",
    "T": "00-40 20-26",
    "U": "00-05-16-36-45-40",
    "V": "00-26-40",
    "W": "00-16-23-36-40",
    "X": "00-46 40-06",
    "Y": "00-23-40 23-26",
    "Z": "00-40-06-46",
    "0": "10-30-41-45-36-16-05-01-10 14-32",
    "1": "11-20-26 16-36",
    "2": "01-10-30-41-42-06-46",
    "3": "01-10-30-41-42-33-13 33-44-45-36-16-05",
    "4": "36-30-04-44",
    "5": "40-00-03-33-44-45-36-16-05",
    "6": "41-30-10-01-05-16-36-45-44-33-13-04",
    "7": "00-40-16",
    "8": "13-02-01-10-30-41-42-33-13-04-05-16-36-45-44-33",
    "9": "05-16-36-45-41-30-10-01-02-13-33-42",
}
_GRID_HEIGHT = 6
_GRID_ADVANCE = 5.6


def glyph(character: str, height: int) -> NDArray[np.float64]:
    """The ink coverage of one character in [0, 1], ``height`` pixels tall.

    Strokes are at least one pixel wide. Coverage falls linearly over one pixel at an edge, which is the
    area of the pixel that the stroke covers, but for corners.
    """
    scale = (height - 1) / _GRID_HEIGHT
    width = max(3, round(_GRID_ADVANCE * scale))
    thickness = max(1.0, 0.13 * height)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    distance = np.full((height, width), np.inf)
    for start, end in _segments(character):
        x, y = start[0] * scale + thickness / 2 - 0.5, start[1] * scale
        dx, dy = (end[0] - start[0]) * scale, (end[1] - start[1]) * scale
        along = np.clip(((columns - x) * dx + (rows - y) * dy) / (dx * dx + dy * dy), 0, 1)
        distance = np.minimum(
            distance, np.sqrt((columns - x - along * dx) ** 2 + (rows - y - along * dy) ** 2)
        )
    return np.clip(thickness / 2 + 0.5 - distance, 0, 1)


def _segments(character: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    for stroke in _STROKES[character].split():
        points = [(int(point[0]), int(point[1])) for point in stroke.split("-")]
        yield from pairwise(points)


def page(width: int, height: int, words: Sequence[str], largest: int, smallest: int) -> NDArray[np.float64]:
    """The ink coverage (height, width) of a page of words whose lines get smaller downwards.

    The words repeat until the page is full. A word that does not fit goes to the next line; one that is
    wider than the page is cut.
    """
    ink = np.zeros((height, width))
    margin = max(2, largest // 4) if min(width, height) >= 24 else 1
    size, top, upcoming = float(largest), margin, 0
    while top + round(size) + margin <= height:
        tall = round(size)
        left = margin
        while True:
            word = np.concatenate([glyph(letter, tall) for letter in words[upcoming % len(words)]], axis=1)
            if left > margin and left + word.shape[1] + margin > width:
                break
            word = word[:, : width - left - margin]
            ink[top : top + tall, left : left + word.shape[1]] = word
            left += word.shape[1] + max(3, round(0.6 * tall))
            upcoming += 1
        top += tall + max(2, round(0.45 * tall))
        size = max(float(smallest), size * 0.6)
    return ink

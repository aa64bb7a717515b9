"""What ``fingerprints`` takes from full resolution: differences of neighbours, seams, cells, blocks."""

from __future__ import annotations

import numpy as np

from isptune.compiled.jit import inline, loop

f4 = np.float32

BLOCK = 8
CELLS = 8
# Within these, neighbours are as good as equal.
_NEAR, _FAR = f4(5e-4), f4(4e-3)
# A band's rows and those below it that differences of its rows need.
_LINES = BLOCK + 3


@inline
def _positive(value: f4) -> f4:
    """What is above 0; NaN stays NaN."""
    return f4(0) if value < f4(0) else value


@inline
def _opponents(image: np.ndarray, row: int, lines: np.ndarray) -> None:
    """Luma, and blue and red less it, of one row: lines (3, W)."""
    red, green, blue = image[0, row], image[1, row], image[2, row]
    grey_line, blue_line, red_line = lines[0], lines[1], lines[2]
    for x in range(red.shape[0]):
        grey = f4(0.299) * red[x] + f4(0.587) * green[x] + f4(0.114) * blue[x]
        grey_line[x] = grey
        blue_line[x] = blue[x] - grey
        red_line[x] = red[x] - grey


@inline
def _equal(one: np.ndarray, other: np.ndarray, sums: np.ndarray) -> None:
    """Add how equal two lines are, within both tolerances, to (2,)."""
    near, far = f4(0), f4(0)
    for x in range(one.shape[0]):
        apart = abs(one[x] - other[x])
        near += _positive(f4(1) - apart * f4(1 / _NEAR))
        far += _positive(f4(1) - apart * f4(1 / _FAR))
    sums[0] += near
    sums[1] += far


@inline
def _add_second(line: np.ndarray, total: np.ndarray) -> None:
    """Add the magnitudes of the second differences along a line."""
    for x in range(line.shape[0] - 2):
        total[x] += abs(line[x + 1] - f4(0.5) * (line[x] + line[x + 2]))


@inline
def _by_blocks(total: np.ndarray, share: f4, means: np.ndarray) -> None:
    """Sums over blocks of 8 along a line, times ``share``."""
    for column in range(means.shape[0]):
        one = f4(0)
        for x in range(column * BLOCK, column * BLOCK + BLOCK):
            one += total[x]
        means[column] = one * share


@inline
def _to_cells(total: np.ndarray, ends: np.ndarray, sums: np.ndarray) -> None:
    """Add a line's sums over the columns of each cell to (8,) float64; ``ends`` (8, 2)."""
    for cell in range(CELLS):
        one = f4(0)
        for x in range(ends[cell, 0], ends[cell, 1]):
            one += total[x]
        sums[cell] += one


@inline
def _seams_down(lines: np.ndarray, rows: int, sums: np.ndarray) -> None:
    """Add the straight steps between columns, over one row of blocks: strength, power, and by place (10,)."""
    width = lines.shape[2] - 3
    alone = np.zeros(width, np.float32)
    for row in range(BLOCK):
        line = lines[row, 0]
        for x in range(width):
            before, step, after = line[x + 1] - line[x], line[x + 2] - line[x + 1], line[x + 3] - line[x + 2]
            alone[x] += abs(step) - f4(0.5) * (abs(before) + abs(after))
    strength, power = f4(0), f4(0)
    for x in range(width):
        value = _positive(alone[x] * f4(1 / BLOCK))
        alone[x] = value
        strength += value
        power += value * value
    sums[0] += strength
    sums[1] += power
    by_place = np.zeros(BLOCK, np.float32)
    for block in range(width // BLOCK):
        for x in range(BLOCK):
            by_place[x] += alone[block * BLOCK + x]
    for x in range(BLOCK):
        sums[2 + x] += by_place[x]


@inline
def _seams_across(lines: np.ndarray, row: int, counts: bool, place: int, sums: np.ndarray) -> None:
    """The same of steps between rows, from the row that the lines begin with at ``row``."""
    width, blocks = lines.shape[2], lines.shape[2] // BLOCK
    alone, means = np.empty(width, np.float32), np.empty(blocks, np.float32)
    first, second, third, fourth = lines[row, 0], lines[row + 1, 0], lines[row + 2, 0], lines[row + 3, 0]
    strength, power = f4(0), f4(0)
    for x in range(width):
        before, step, after = second[x] - first[x], third[x] - second[x], fourth[x] - third[x]
        alone[x] = abs(step) - f4(0.5) * (abs(before) + abs(after))
    _by_blocks(alone, f4(1 / BLOCK), means)
    for block in range(blocks):
        value = _positive(means[block])
        strength += value
        power += value * value
    sums[0] += strength
    sums[1] += power
    if counts:
        sums[2 + place] += strength


@inline
def band(
    image: np.ndarray,
    number: int,
    columns: np.ndarray,
    equal: np.ndarray,
    seams: np.ndarray,
    cells: np.ndarray,
    across: np.ndarray,
    down: np.ndarray,
    tones: np.ndarray,
    blocks: np.ndarray,
) -> None:
    """Of the rows ``8 number`` to ``8 number + 7``.

    Args:
        image: (3, H, W).
        number: of the band.
        columns: (2, 8, 2) first and last columns of the cells: of pixels, and of second differences.
        equal: (2, 3, 2) float64: along rows and columns; luma, blue, red; both tolerances.
        seams: (2, 10) float64, of columns and of rows.
        cells: (rows, 4, 8) float64, row by row: sums of red, green, blue; of luma's second differences, of
            which the first row leaves the border out.
        across, down: means over blocks of luma's second differences along rows and along columns.
        tones: (4, (H - 2) // 8, (W - 2) // 8): means over blocks a pixel inside of the second differences of
            luma, blue and red, and of luma itself.
        blocks: (4, H // 8, W // 8): means of red, green, blue, and the variance of luma.
    """
    height, width = image.shape[1:]
    top = number * BLOCK
    have = min(_LINES, height - top)
    rows = min(BLOCK, height - top)
    lines = np.empty((_LINES, 3, width), np.float32)
    for row in range(have):
        _opponents(image, top + row, lines[row])
    share = f4(1) / f4(BLOCK * BLOCK)
    total = np.zeros((4, width), np.float32)
    vertical = np.zeros(width, np.float32)
    for row in range(rows):
        y = top + row
        for plane in range(3):
            line = lines[row, plane]
            _equal(line[1:], line[:-1], equal[0, plane])
            if y + 1 < height:
                _equal(lines[row + 1, plane], line, equal[1, plane])
            _to_cells(image[plane, y], columns[0], cells[row, plane])
        if row + 3 < have:
            counts = y < (height - 3) // BLOCK * BLOCK
            _seams_across(lines, row, counts, y % BLOCK, seams[1])
        if row + 2 < have:
            first, second, third = lines[row, 0], lines[row + 1, 0], lines[row + 2, 0]
            for x in range(width):
                vertical[x] += abs(second[x] - f4(0.5) * (first[x] + third[x]))
        _add_second(lines[row, 0], total[0])
    if rows == BLOCK:
        _seams_down(lines, rows, seams[0])
        _by_blocks(total[0], share, across[number])
        _colours(image, top, lines, blocks[:, number])
    if number < down.shape[0]:
        _by_blocks(vertical, share, down[number])
    # A row further down for what leaves the border out.
    total[:] = 0
    inner = min(BLOCK, height - 2 - top)
    line_sum = np.empty(width, np.float32)
    for row in range(1, inner + 1):
        line_sum[:] = 0
        _add_second(lines[row, 0], line_sum)
        _to_cells(line_sum, columns[1], cells[row - 1, 3])
        for x in range(width - 2):
            total[0, x] += line_sum[x]
        _add_second(lines[row, 1], total[1])
        _add_second(lines[row, 2], total[2])
        for x in range(width - 2):
            total[3, x] += lines[row, 0, x + 1]
    if number < tones.shape[1]:
        for plane in range(4):
            _by_blocks(total[plane], share, tones[plane, number])


@inline
def _colours(image: np.ndarray, top: int, lines: np.ndarray, blocks: np.ndarray) -> None:
    """Means of the channels over blocks, and the variance of luma: (4, W // 8)."""
    width = image.shape[2]
    share = f4(1) / f4(BLOCK * BLOCK)
    total = np.zeros(width, np.float32)
    for plane in range(3):
        total[:] = 0
        for row in range(BLOCK):
            line = image[plane, top + row]
            for x in range(width):
                total[x] += line[x]
        _by_blocks(total, share, blocks[plane])
    total[:] = 0
    for row in range(BLOCK):
        line = lines[row, 0]
        for x in range(width):
            total[x] += line[x]
    _by_blocks(total, share, blocks[3])
    means = np.zeros(width, np.float32)
    for column in range(blocks.shape[1]):
        for x in range(column * BLOCK, column * BLOCK + BLOCK):
            means[x] = blocks[3, column]
    total[:] = 0
    for row in range(BLOCK):
        line = lines[row, 0]
        for x in range(width):
            total[x] += (line[x] - means[x]) * (line[x] - means[x])
    _by_blocks(total, share, blocks[3])


@loop
def bands(
    image: np.ndarray,
    first: int,
    last: int,
    columns: np.ndarray,
    equal: np.ndarray,
    seams: np.ndarray,
    cells: np.ndarray,
    across: np.ndarray,
    down: np.ndarray,
    tones: np.ndarray,
    blocks: np.ndarray,
) -> None:
    """``band`` for first to last, each with its part of equal (bands, ...), seams (bands, ...) and cells."""
    for number in range(first, last):
        part = cells[number * BLOCK : number * BLOCK + BLOCK]
        band(image, number, columns, equal[number], seams[number], part, across, down, tones, blocks)

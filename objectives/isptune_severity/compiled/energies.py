"""What the fixed statistics need of a picture, band of rows by band of rows."""

from __future__ import annotations

import numpy as np

from isptune.compiled.jit import inline, loop

f4 = np.float32


@inline
def _unit(value: f4) -> f4:
    """Clipped to [0, 1]; NaN stays NaN."""
    value = f4(0) if value < f4(0) else value
    return f4(1) if value > f4(1) else value


@loop
def high_pass(image: np.ndarray, block: int, first: int, last: int, energies: np.ndarray) -> None:
    """Mean magnitudes of the high pass over blocks: of luma, and of blue and red less luma.

    Args:
        image: (3, H, W).
        block: side of the blocks.
        first, last: rows of blocks to be filled.
        energies: (3, (H - 2) // block, (W - 2) // block).
    """
    width = image.shape[2]
    columns = energies.shape[2]
    used = columns * block
    lines = np.empty((3, width), np.float32)
    sums = np.empty((3, used), np.float32)
    share = f4(0.25) / f4(block * block)
    for row in range(first, last):
        sums[:] = 0
        for y in range(row * block, row * block + block):
            red, green, blue = image[0, y], image[1, y], image[2, y]
            red_1, green_1, blue_1 = image[0, y + 1], image[1, y + 1], image[2, y + 1]
            red_2, green_2, blue_2 = image[0, y + 2], image[1, y + 2], image[2, y + 2]
            grey_line, blue_line, red_line = lines[0], lines[1], lines[2]
            for x in range(used + 2):
                r = red[x] - f4(2) * red_1[x] + red_2[x]
                g = green[x] - f4(2) * green_1[x] + green_2[x]
                b = blue[x] - f4(2) * blue_1[x] + blue_2[x]
                grey = f4(0.299) * r + f4(0.587) * g + f4(0.114) * b
                grey_line[x] = grey
                blue_line[x] = b - grey
                red_line[x] = r - grey
            for plane in range(3):
                line, total = lines[plane], sums[plane]
                for x in range(used):
                    total[x] += abs(line[x] - f4(2) * line[x + 1] + line[x + 2])
        for plane in range(3):
            total = sums[plane]
            for column in range(columns):
                one = f4(0)
                for x in range(column * block, column * block + block):
                    one += total[x]
                energies[plane, row, column] = one * share


@loop
def halve(image: np.ndarray, first: int, last: int, target: np.ndarray) -> None:
    """Means of 2 x 2 pixels: rows first to last of the target (3, H // 2, W // 2)."""
    for plane in range(3):
        for row in range(first, last):
            upper, lower, result = image[plane, 2 * row], image[plane, 2 * row + 1], target[plane, row]
            for x in range(result.shape[0]):
                result[x] = f4(0.25) * (upper[2 * x] + upper[2 * x + 1] + lower[2 * x] + lower[2 * x + 1])


@loop
def clipped(image: np.ndarray, first: int, last: int, sums: np.ndarray) -> None:
    """Write the sums of the ramps of white and of black over rows to (3, 2) float64, plane by plane."""
    for plane in range(3):
        sums[plane] = 0
        for row in range(first, last):
            white, black = f4(0), f4(0)
            line = image[plane, row]
            for x in range(line.shape[0]):
                white += _unit(line[x] * f4(50) - f4(49))
                black += _unit(f4(1) - line[x] * f4(50))
            sums[plane, 0] += white
            sums[plane, 1] += black


@loop
def tones(coarse: np.ndarray, levels: np.ndarray, sums: np.ndarray) -> None:
    """Luma, largest channel and saturation of each pixel, and sums of the channels and of saturation.

    Args:
        coarse: (3, H, W).
        levels: (3, H W) that receives the first.
        sums: (4,) float64 that receives the second.
    """
    height, width = coarse.shape[1:]
    sums[:] = 0
    for row in range(height):
        red, green, blue = coarse[0, row], coarse[1, row], coarse[2, row]
        start = row * width
        grey_line = levels[0, start : start + width]
        largest_line = levels[1, start : start + width]
        saturation_line = levels[2, start : start + width]
        reds, greens, blues, saturations = f4(0), f4(0), f4(0), f4(0)
        for x in range(width):
            r, g, b = red[x], green[x], blue[x]
            largest = max(r, max(g, b))
            saturation = (largest - min(r, min(g, b))) / (largest + f4(0.05))
            grey_line[x] = f4(0.299) * r + f4(0.587) * g + f4(0.114) * b
            largest_line[x] = largest
            saturation_line[x] = saturation
            reds += r
            greens += g
            blues += b
            saturations += saturation
        sums[0] += reds
        sums[1] += greens
        sums[2] += blues
        sums[3] += saturations

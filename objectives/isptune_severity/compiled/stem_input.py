"""A picture laid out for the first convolution: blocks of 4 x 4 pixels as channels, channels last.

The convolution of 7 x 7 pixels in steps of 4 is one of 2 x 2 blocks: with a row and a column of zeros before
it, a block's window is that block and the ones before it, whose first row and column it does not see.
"""

from __future__ import annotations

import numpy as np

from isptune.compiled.jit import inline, loop

f4 = np.float32
u4 = np.uint32
i4 = np.int32

BLOCK = 4
PIXELS = BLOCK * BLOCK
EXACT = 3 * PIXELS
# The pixels less their block's mean, and that mean: in bfloat16 the faintest noise stays visible so.
CENTRED = EXACT + 4


@inline
def rounded(value: f4) -> f4:
    """The nearest number of bfloat16, ties to even, as float32; NaN stays NaN."""
    bits = f4(value).view(i4)
    odd = i4(i4(bits >> i4(16)) & i4(1))
    near = i4(i4(bits + i4(0x7FFF) + odd) & i4(-65536)).view(f4)
    return near if value == value else value


@inline
def bfloat16(value: f4) -> np.uint16:
    """The bits of a number of bfloat16."""
    return np.uint16(u4(f4(value).view(i4)) >> u4(16))


@loop
def fill_exact(image: np.ndarray, row: int, target: np.ndarray) -> None:
    """One row of blocks as ``2 x - 1`` in float32, and 0 beyond the picture.

    Args:
        image: (3, H, W).
        row: of blocks.
        target: (W / 4 rounded up, EXACT or more).
    """
    height, width = image.shape[1:]
    whole = width // BLOCK
    for plane in range(3):
        for y in range(BLOCK):
            place = (plane * BLOCK + y) * BLOCK
            if row * BLOCK + y >= height:
                for column in range(target.shape[0]):
                    for x in range(BLOCK):
                        target[column, place + x] = f4(0)
                continue
            line = image[plane, row * BLOCK + y]
            for column in range(whole):
                for x in range(BLOCK):
                    target[column, place + x] = f4(2) * line[column * BLOCK + x] - f4(1)
            for column in range(whole, target.shape[0]):
                for x in range(BLOCK):
                    at = column * BLOCK + x
                    target[column, place + x] = f4(2) * line[at] - f4(1) if at < width else f4(0)


@loop
def fill_centred(values: np.ndarray, target: np.ndarray) -> None:
    """The same as bits of bfloat16: values less the block's mean, and the mean.

    Args:
        values: (columns, CENTRED) whose first EXACT ``fill_exact`` wrote; they are changed.
        target: (columns, CENTRED) uint16.
    """
    for column in range(values.shape[0]):
        block = values[column]
        for plane in range(3):
            pixels = block[plane * PIXELS : plane * PIXELS + PIXELS]
            total = f4(0)
            for x in range(PIXELS):
                total += pixels[x]
            # As bfloat16 has it, so that nothing is lost between it and what is left.
            mean = rounded(total * f4(1 / PIXELS))
            for x in range(PIXELS):
                pixels[x] -= mean
            block[EXACT + plane] = mean
        block[EXACT + 3] = 0
    source, bits = values.reshape(-1), target.reshape(-1)
    for i in range(source.shape[0]):
        bits[i] = bfloat16(rounded(source[i]))

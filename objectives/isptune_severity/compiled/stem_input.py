"""A picture laid out for the first convolution: blocks of 4 x 4 pixels as channels, channels last.

The convolution of 7 x 7 pixels in steps of 4 is one of 2 x 2 blocks: with a row and a column of zeros before
it, a block's window is that block and the ones before it, whose first row and column it does not see.
"""

from __future__ import annotations

import numpy as np

from isptune.compiled.jit import loop

f4 = np.float32

BLOCK = 4
CHANNELS = 3 * BLOCK * BLOCK


@loop
def fill(image: np.ndarray, row: int, target: np.ndarray) -> None:
    """One row of blocks as ``2 x - 1`` in float32, and 0 beyond the picture.

    Args:
        image: (3, H, W).
        row: of blocks.
        target: (W / 4 rounded up, CHANNELS).
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

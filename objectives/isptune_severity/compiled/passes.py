"""The passes over a picture at full, half and quarter resolution, each band of rows read once."""

from __future__ import annotations

import numpy as np

from isptune.compiled.jit import loop
from isptune_severity.compiled.energies import clipped, halve, high_pass, tones
from isptune_severity.compiled.stem_input import fill

# Rows of a band: those of a block of the energies, and two of blocks for the stem.
BAND = 8


@loop
def finest(
    image: np.ndarray,
    first: int,
    last: int,
    energies: np.ndarray,
    half: np.ndarray,
    ramps: np.ndarray,
) -> None:
    """What is taken from full resolution, for the bands first to last.

    Args:
        image: (3, H, W).
        energies: (3, (H - 2) // 8, (W - 2) // 8), as ``high_pass`` fills it.
        half: (3, H // 2, W // 2).
        ramps: (bands, 3, 2) float64, as ``clipped`` fills it.
    """
    height = image.shape[1]
    for band in range(first, last):
        top, bottom = band * BAND, min(band * BAND + BAND, height)
        if band < energies.shape[1]:
            high_pass(image, BAND, band, band + 1, energies)
        halve(image, top // 2, bottom // 2, half)
        clipped(image, top, bottom, ramps[band])


@loop
def stem_input(image: np.ndarray, first: int, last: int, target: np.ndarray) -> None:
    """The stem's input of the rows of blocks first to last: target (1 + rows, 1 + columns, 48) float32."""
    for row in range(first, last):
        fill(image, row, target[row - first + 1, 1:])


@loop
def coarser(
    half: np.ndarray,
    half_energies: np.ndarray,
    half_block: int,
    quarter: np.ndarray,
    quarter_energies: np.ndarray,
    quarter_block: int,
    levels: np.ndarray,
    sums: np.ndarray,
) -> None:
    """What is taken from half and quarter resolution: energies of both, and ``tones`` of the latter."""
    high_pass(half, half_block, 0, half_energies.shape[1], half_energies)
    halve(half, 0, quarter.shape[1], quarter)
    high_pass(quarter, quarter_block, 0, quarter_energies.shape[1], quarter_energies)
    tones(quarter, levels, sums)

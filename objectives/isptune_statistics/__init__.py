"""No-reference statistics of an image: no weights, no training, one plain formula each."""

from isptune_statistics.functional import (
    clipping,
    colourfulness,
    contrast,
    exposure,
    noise_level,
    sharpness,
)
from isptune_statistics.objectives import (
    Clipping,
    Colourfulness,
    Contrast,
    Exposure,
    NoiseLevel,
    Sharpness,
)

__all__ = [
    "Clipping",
    "Colourfulness",
    "Contrast",
    "Exposure",
    "NoiseLevel",
    "Sharpness",
    "clipping",
    "colourfulness",
    "contrast",
    "exposure",
    "noise_level",
    "sharpness",
]

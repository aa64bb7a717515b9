"""No-reference statistics of an image, and a bank of them: no downloads, one plain formula each."""

from isptune_statistics.bank import ORIENTATION, MetricBank
from isptune_statistics.functional import (
    clipping,
    colourfulness,
    contrast,
    exposure,
    noise_level,
    sharpness,
)
from isptune_statistics.natural_scenes import natural_scene_features
from isptune_statistics.niqe import PristineModel, load_pristine, niqe_distance
from isptune_statistics.objectives import (
    Clipping,
    Colourfulness,
    Contrast,
    Exposure,
    NoiseLevel,
    Sharpness,
)
from isptune_statistics.quality import NIQEDistance, Statistics
from isptune_statistics.structure import blockiness, octave_sharpness, overshoot
from isptune_statistics.tones import (
    colour_cast,
    luma_entropy,
    mean_luma,
    overexposed,
    saturation,
    underexposed,
)

__all__ = [
    "ORIENTATION",
    "Clipping",
    "Colourfulness",
    "Contrast",
    "Exposure",
    "MetricBank",
    "NIQEDistance",
    "NoiseLevel",
    "PristineModel",
    "Sharpness",
    "Statistics",
    "blockiness",
    "clipping",
    "colour_cast",
    "colourfulness",
    "contrast",
    "exposure",
    "load_pristine",
    "luma_entropy",
    "mean_luma",
    "natural_scene_features",
    "niqe_distance",
    "noise_level",
    "octave_sharpness",
    "overexposed",
    "overshoot",
    "saturation",
    "sharpness",
    "underexposed",
]

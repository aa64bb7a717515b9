from .commands import measure as measure
from .objectives import (
    CIEDE2000 as CIEDE2000,
    MTF as MTF,
    MTF50 as MTF50,
    SNR as SNR,
    Acutance as Acutance,
    ChromaticDisplacement as ChromaticDisplacement,
    ColourUniformity as ColourUniformity,
    DynamicRange as DynamicRange,
    Overshoot as Overshoot,
    VisualNoise as VisualNoise,
)

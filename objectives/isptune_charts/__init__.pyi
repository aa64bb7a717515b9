from .chart_quality import ChartQuality as ChartQuality
from .commands import measure as measure
from .edge_objectives import (
    MTF as MTF,
    MTF50 as MTF50,
    ChromaticDisplacement as ChromaticDisplacement,
    Overshoot as Overshoot,
)
from .patch_objectives import (
    CIEDE2000 as CIEDE2000,
    SNR as SNR,
    ColourUniformity as ColourUniformity,
    DynamicRange as DynamicRange,
    VisualNoise as VisualNoise,
)
from .reference_camera import ReferenceCamera as ReferenceCamera
from .texture_objectives import Acutance as Acutance

"""The stages of the synthetic image signal processor: pure functions and thin classes that call them."""

from isptune_synthetic.stages.blocks import ColorBlock, color_block
from isptune_synthetic.stages.blur import GaussianBlur, gaussian_blur
from isptune_synthetic.stages.brightness import Brighten, brighten
from isptune_synthetic.stages.chroma import (
    ColorDiffusion,
    Oversaturate,
    color_diffusion,
    oversaturate,
)
from isptune_synthetic.stages.colour import Desaturate, desaturate
from isptune_synthetic.stages.compression import (
    JPEG,
    JPEG2000,
    jpeg,
    jpeg2000,
)
from isptune_synthetic.stages.exposure import (
    HighlightClipping,
    WhiteBalanceGain,
    highlight_clipping,
    white_balance_gain,
)
from isptune_synthetic.stages.geometry import (
    Jitter,
    PatchDisplacement,
    jitter,
    patch_displacement,
)
from isptune_synthetic.stages.lens import (
    Vignetting,
    vignetting,
)
from isptune_synthetic.stages.mosaic import (
    DemosaicArtifacts,
    Pixelate,
    demosaic_artifacts,
    pixelate,
)
from isptune_synthetic.stages.motion import (
    LensBlur,
    MotionBlur,
    lens_blur,
    motion_blur,
)
from isptune_synthetic.stages.noise import (
    ChromaNoise,
    ImpulseNoise,
    MultiplicativeNoise,
    WhiteNoise,
    chroma_noise,
    impulse_noise,
    multiplicative_noise,
    white_noise,
)
from isptune_synthetic.stages.quantisation import (
    Banding,
    Quantize,
    banding,
    quantize,
)
from isptune_synthetic.stages.sharpness import HighSharpen, high_sharpen
from isptune_synthetic.stages.shift import (
    ChromaticAberration,
    ColorShift,
    chromatic_aberration,
    color_shift,
)
from isptune_synthetic.stages.tone import (
    Darken,
    GammaError,
    LinearContrast,
    MeanShift,
    NonlinearContrast,
    darken,
    gamma_error,
    linear_contrast,
    mean_shift,
    nonlinear_contrast,
)

__all__ = [
    "JPEG",
    "JPEG2000",
    "Banding",
    "Brighten",
    "ChromaNoise",
    "ChromaticAberration",
    "ColorBlock",
    "ColorDiffusion",
    "ColorShift",
    "Darken",
    "DemosaicArtifacts",
    "Desaturate",
    "GammaError",
    "GaussianBlur",
    "HighSharpen",
    "HighlightClipping",
    "ImpulseNoise",
    "Jitter",
    "LensBlur",
    "LinearContrast",
    "MeanShift",
    "MotionBlur",
    "MultiplicativeNoise",
    "NonlinearContrast",
    "Oversaturate",
    "PatchDisplacement",
    "Pixelate",
    "Quantize",
    "Vignetting",
    "WhiteBalanceGain",
    "WhiteNoise",
    "banding",
    "brighten",
    "chroma_noise",
    "chromatic_aberration",
    "color_block",
    "color_diffusion",
    "color_shift",
    "darken",
    "demosaic_artifacts",
    "desaturate",
    "gamma_error",
    "gaussian_blur",
    "high_sharpen",
    "highlight_clipping",
    "impulse_noise",
    "jitter",
    "jpeg",
    "jpeg2000",
    "lens_blur",
    "linear_contrast",
    "mean_shift",
    "motion_blur",
    "multiplicative_noise",
    "nonlinear_contrast",
    "oversaturate",
    "patch_displacement",
    "pixelate",
    "quantize",
    "vignetting",
    "white_balance_gain",
    "white_noise",
]

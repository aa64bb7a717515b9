"""On which stages the statistics are a measure of distortion, as benchmarks/blind_spots.py measured it."""

from __future__ import annotations

from isptune.coverage import Coverage, stage_names

_MEASURED = stage_names(
    "banding brighten chroma_noise chromatic_aberration color_block color_diffusion color_shift "
    "darken demosaic_artifacts desaturate gamma_error gaussian_blur high_sharpen highlight_clipping "
    "impulse_noise jitter jpeg jpeg2000 lens_blur linear_contrast mean_shift motion_blur "
    "multiplicative_noise nonlinear_contrast oversaturate patch_displacement pixelate quantize "
    "vignetting white_balance_gain white_noise"
)

_BLIND_TO = {
    "sharpness": (
        "banding brighten chroma_noise color_block desaturate high_sharpen highlight_clipping "
        "impulse_noise linear_contrast multiplicative_noise oversaturate patch_displacement pixelate "
        "quantize white_balance_gain white_noise"
    ),
    "noise-level": (
        "chromatic_aberration color_block color_diffusion color_shift darken demosaic_artifacts "
        "desaturate gamma_error gaussian_blur jpeg jpeg2000 lens_blur mean_shift motion_blur "
        "nonlinear_contrast oversaturate pixelate vignetting white_balance_gain"
    ),
    "contrast": (
        "banding brighten chroma_noise color_block desaturate high_sharpen highlight_clipping "
        "impulse_noise linear_contrast multiplicative_noise oversaturate patch_displacement pixelate "
        "quantize white_balance_gain white_noise"
    ),
    "colourfulness": (
        "banding brighten chroma_noise chromatic_aberration color_block color_diffusion color_shift "
        "darken demosaic_artifacts desaturate gamma_error highlight_clipping impulse_noise jpeg "
        "jpeg2000 linear_contrast multiplicative_noise oversaturate patch_displacement pixelate "
        "quantize white_balance_gain white_noise"
    ),
    "exposure": (
        "banding color_shift demosaic_artifacts desaturate gaussian_blur jitter jpeg jpeg2000 "
        "lens_blur mean_shift motion_blur nonlinear_contrast patch_displacement pixelate quantize "
        "vignetting"
    ),
    "clipping": (
        "brighten chromatic_aberration color_block color_shift demosaic_artifacts desaturate "
        "gaussian_blur jitter jpeg2000 lens_blur motion_blur nonlinear_contrast patch_displacement "
        "pixelate vignetting"
    ),
    "niqe-distance": (
        "banding brighten chromatic_aberration color_block color_shift demosaic_artifacts desaturate "
        "highlight_clipping jpeg jpeg2000 linear_contrast mean_shift oversaturate patch_displacement "
        "vignetting white_balance_gain"
    ),
}


def measured(name: str) -> Coverage:
    """What the objective of that name sees, and what it does not."""
    blind = stage_names(_BLIND_TO[name])
    return Coverage(validated_on=tuple(stage for stage in _MEASURED if stage not in blind), blind_to=blind)

"""On which stages the statistics are a measure of distortion, as benchmarks/blind_spots.py measured it."""

from __future__ import annotations

from isptune.contracts.coverage import stage_names

MEASURED = stage_names(
    "banding brighten chroma_noise chromatic_aberration color_block color_diffusion color_shift "
    "darken demosaic_artifacts desaturate gamma_error gaussian_blur high_sharpen highlight_clipping "
    "impulse_noise jitter jpeg jpeg2000 lens_blur linear_contrast mean_shift motion_blur "
    "multiplicative_noise nonlinear_contrast oversaturate patch_displacement pixelate quantize "
    "vignetting white_balance_gain white_noise"
)

BLIND_TO = {
    "sharpness": stage_names(
        "banding brighten chroma_noise color_block desaturate high_sharpen highlight_clipping "
        "impulse_noise linear_contrast multiplicative_noise oversaturate patch_displacement pixelate "
        "quantize white_balance_gain white_noise"
    ),
    "noise-level": stage_names(
        "chromatic_aberration color_block color_diffusion color_shift darken demosaic_artifacts "
        "desaturate gamma_error gaussian_blur jpeg jpeg2000 lens_blur mean_shift motion_blur "
        "nonlinear_contrast oversaturate pixelate vignetting white_balance_gain"
    ),
    "contrast": stage_names(
        "banding brighten chroma_noise color_block desaturate high_sharpen highlight_clipping "
        "impulse_noise linear_contrast multiplicative_noise oversaturate patch_displacement pixelate "
        "quantize white_balance_gain white_noise"
    ),
    "colourfulness": stage_names(
        "banding brighten chroma_noise chromatic_aberration color_block color_diffusion color_shift "
        "darken demosaic_artifacts desaturate gamma_error highlight_clipping impulse_noise jpeg "
        "jpeg2000 linear_contrast multiplicative_noise oversaturate patch_displacement pixelate "
        "quantize white_balance_gain white_noise"
    ),
    "exposure": stage_names(
        "banding color_shift demosaic_artifacts desaturate gaussian_blur jitter jpeg jpeg2000 "
        "lens_blur mean_shift motion_blur nonlinear_contrast patch_displacement pixelate quantize "
        "vignetting"
    ),
    "clipping": stage_names(
        "brighten chromatic_aberration color_block color_shift demosaic_artifacts desaturate "
        "gaussian_blur jitter jpeg2000 lens_blur motion_blur nonlinear_contrast patch_displacement "
        "pixelate vignetting"
    ),
    "niqe-distance": stage_names(
        "banding brighten chromatic_aberration color_block color_shift demosaic_artifacts desaturate "
        "highlight_clipping jpeg jpeg2000 linear_contrast mean_shift oversaturate patch_displacement "
        "vignetting white_balance_gain"
    ),
}

"""The families of faults of the second version, and what each stage of the bank belongs to."""

from __future__ import annotations

from collections.abc import Mapping

FAMILIES = (
    *("luma_noise", "chroma_noise", "smearing", "blur", "halos", "false_colour", "exposure", "contrast"),
    *("cast", "saturation", "clipping", "banding", "compression", "shading", "local"),
)
"""The families, in the order of the columns."""

WEIGHTS: Mapping[str, float] = {
    **dict.fromkeys(FAMILIES, 1.0),
    # Noise of a sensor, and most of the bank's, shows in both: together it counts once.
    "luma_noise": 0.5,
    "chroma_noise": 0.5,
}
"""What one unit of each family's severity counts in the score."""

STAGES: Mapping[str, Mapping[str, float]] = {
    "banding": {"banding": 1},
    "brighten": {"exposure": 1},
    "chroma_noise": {"luma_noise": 0.8, "chroma_noise": 1.2},
    "chromatic_aberration": {"false_colour": 1},
    "color_block": {"local": 1},
    "color_diffusion": {"false_colour": 0.5, "saturation": 0.5},
    "color_shift": {"false_colour": 1},
    "darken": {"exposure": 1},
    "demosaic_artifacts": {"false_colour": 0.5, "smearing": 0.5},
    "desaturate": {"saturation": 1},
    "gamma_error": {"exposure": 1},
    "gaussian_blur": {"blur": 1},
    "high_sharpen": {"halos": 1},
    "highlight_clipping": {"exposure": 0.5, "clipping": 0.5},
    "impulse_noise": {"luma_noise": 1, "chroma_noise": 1},
    "jitter": {"smearing": 1},
    "jpeg": {"compression": 1},
    "jpeg2000": {"compression": 1},
    "lens_blur": {"blur": 1},
    "linear_contrast": {"contrast": 1},
    "mean_shift": {"exposure": 1},
    "motion_blur": {"blur": 1},
    "multiplicative_noise": {"luma_noise": 1, "chroma_noise": 1},
    "nonlinear_contrast": {"contrast": 1},
    "oversaturate": {"saturation": 1},
    "patch_displacement": {"local": 1},
    "pixelate": {"compression": 1},
    "quantize": {"banding": 1},
    "vignetting": {"shading": 1},
    "white_balance_gain": {"cast": 1},
    "white_noise": {"luma_noise": 1, "chroma_noise": 1},
}
"""The severities that a stage has at its highest level; weighted, they sum to 1."""

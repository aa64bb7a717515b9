"""LibRaw's settings as parameters with physical names, and as the arguments of rawpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from isptune import Bool, Choice, Float, Int, ParameterSpace

# The ones that the wheels of rawpy hold; the others need LibRaw's packs under the GPL.
DEMOSAICS = ("LINEAR", "VNG", "PPG", "AHD", "DCB", "DHT", "AAHD")

# LibRaw removes nothing that can be seen at this threshold.
OFF = 10.0

# A search comes back to a default within rounding, and is to give the default's picture.
_ROUNDING = 1e-9

_HIGHLIGHTS = {"clip": 0, "ignore": 1, "blend": 2}


def space() -> ParameterSpace:
    """All settings, with the factory's defaults."""
    dcb = {"algorithm": "DCB"}
    return ParameterSpace(
        {
            "demosaic.algorithm": Choice(DEMOSAICS, default="AHD", description="how colours are filled in"),
            "demosaic.dcb_iterations": Int(
                0, 10, default=0, active_if=dcb, description="passes of DCB's correction"
            ),
            "demosaic.dcb_enhance": Bool(
                default=False, active_if=dcb, description="DCB's refinement of colours"
            ),
            "demosaic.four_colors": Bool(
                default=False, description="fill in the two greens apart, against mazes"
            ),
            "demosaic.median_passes": Int(
                0, 5, default=0, description="passes of a 3x3 median over colour differences"
            ),
            "denoise.threshold": Float(
                OFF, 1e4, log=True, default=OFF, description="of wavelets before demosaicing; 10 is off"
            ),
            "denoise.fbdd": Choice(
                ("off", "light", "full"), default="off", description="removal of noise before demosaicing"
            ),
            "white_balance.red": Float(
                0.5, 2.0, log=True, default=1.0, description="gain, as a multiple of that as shot"
            ),
            "white_balance.blue": Float(
                0.5, 2.0, log=True, default=1.0, description="gain, as a multiple of that as shot"
            ),
            "exposure.shift": Float(-2.0, 3.0, default=0.0, unit="EV", description="before demosaicing"),
            "exposure.preserve_highlights": Float(
                0.0, 1.0, default=0.0, description="share of the shift that highlights are spared"
            ),
            "exposure.brightness": Float(
                0.5, 2.0, log=True, default=1.0, description="gain before the tone curve"
            ),
            "highlights.mode": Choice(
                (*_HIGHLIGHTS, "rebuild"), default="clip", description="what becomes of clipped highlights"
            ),
            "highlights.rebuild_level": Int(
                3,
                9,
                default=5,
                active_if={"mode": "rebuild"},
                description="from white (3) to colours (9)",
            ),
            "tone.gamma": Float(1.8, 3.0, default=2.4, description="power of the tone curve"),
            "tone.slope": Float(2.0, 20.0, default=12.92, description="of the tone curve at black"),
            "lens.red_scale": Float(
                0.995, 1.005, default=1.0, description="size of the red plane, against colour fringes"
            ),
            "lens.blue_scale": Float(
                0.995, 1.005, default=1.0, description="size of the blue plane, against colour fringes"
            ),
        }
    )


def arguments(rawpy: Any, values: Mapping[str, Any], gains: Sequence[float]) -> dict[str, Any]:
    """The arguments of ``rawpy.RawPy.postprocess``.

    Args:
        rawpy: the module.
        values: every parameter by its name.
        gains: white balance as shot: red, green and blue.
    """
    red, green, blue = gains
    mode = values["highlights.mode"]
    found = {
        "demosaic_algorithm": rawpy.DemosaicAlgorithm[values["demosaic.algorithm"]],
        "dcb_iterations": values["demosaic.dcb_iterations"],
        "dcb_enhance": values["demosaic.dcb_enhance"],
        "four_color_rgb": values["demosaic.four_colors"],
        "median_filter_passes": values["demosaic.median_passes"],
        "fbdd_noise_reduction": {
            "off": rawpy.FBDDNoiseReductionMode.Off,
            "light": rawpy.FBDDNoiseReductionMode.Light,
            "full": rawpy.FBDDNoiseReductionMode.Full,
        }[values["denoise.fbdd"]],
        "user_wb": [red * values["white_balance.red"], green, blue * values["white_balance.blue"], green],
        "bright": values["exposure.brightness"],
        "highlight_mode": _HIGHLIGHTS.get(mode, values["highlights.rebuild_level"]),
        "gamma": (values["tone.gamma"], values["tone.slope"]),
        # LibRaw would scale them by the data's own extremes: a candidate is to depend on its values alone.
        "no_auto_bright": True,
        "adjust_maximum_thr": 0.0,
        "output_bps": 16,
        "output_color": rawpy.ColorSpace.sRGB,
        # The scene makes it upright.
        "user_flip": 0,
    }
    if values["denoise.threshold"] > OFF * (1 + _ROUNDING):
        found["noise_thr"] = values["denoise.threshold"]
    if abs(values["exposure.shift"]) > _ROUNDING:
        found["exp_shift"] = 2.0 ** values["exposure.shift"]
        found["exp_preserve_highlights"] = values["exposure.preserve_highlights"]
    scales = values["lens.red_scale"], values["lens.blue_scale"]
    if max(abs(scale - 1) for scale in scales) > _ROUNDING:
        found["chromatic_aberration"] = scales
    return found

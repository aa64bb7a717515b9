"""The names of the family, each with the place of its class: neither torch nor Kornia is imported."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.metadata import EntryPoint

from isptune.contracts.requirements import Packaging
from isptune.plugins.entries import Entry, Family
from isptune.plugins.record import Record

STAGES = {
    "adjust_brightness": "tones:AdjustBrightness",
    "adjust_brightness_accumulative": "tones:AdjustBrightnessAccumulative",
    "adjust_contrast": "tones:AdjustContrast",
    "adjust_contrast_with_mean_subtraction": "tones:AdjustContrastWithMeanSubtraction",
    "adjust_gamma": "tones:AdjustGamma",
    "adjust_log": "tones:AdjustLog",
    "adjust_sigmoid": "tones:AdjustSigmoid",
    "normalize": "tones:Normalize",
    "normalize_min_max": "tones:NormalizeMinMax",
    "posterize": "tones:Posterize",
    "equalize_clahe": "tones:EqualizeClahe",
    "adjust_hue": "colour:AdjustHue",
    "adjust_saturation": "colour:AdjustSaturation",
    "adjust_saturation_with_gray_subtraction": "colour:AdjustSaturationWithGraySubtraction",
    "shift_rgb": "colour:ShiftRgb",
    "linear_rgb_to_rgb": "colour:LinearRgbToRgb",
    "rgb_to_linear_rgb": "colour:RgbToLinearRgb",
    "raw_to_rgb": "raw:RawToRgb",
    "rgb_to_raw": "raw:RgbToRaw",
    "bilateral_blur": "filters:BilateralBlur",
    "box_blur": "filters:BoxBlur",
    "edge_aware_blur_pool2d": "filters:EdgeAwareBlurPool2d",
    "gaussian_blur2d": "filters:GaussianBlur2d",
    "guided_blur": "filters:GuidedBlur",
    "median_blur": "filters:MedianBlur",
    "motion_blur": "filters:MotionBlur",
    "sharpness": "filters:Sharpness",
    "unsharp_mask": "filters:UnsharpMask",
    "closing": "morphology:Closing",
    "dilation": "morphology:Dilation",
    "erosion": "morphology:Erosion",
    "opening": "morphology:Opening",
    "jpeg_codec_differentiable": "codec:JpegCodecDifferentiable",
    "undistort_image": "geometry:UndistortImage",
}


class KorniaFamily(Family):
    """Kornia's pointwise operators and filters, each with bounded parameters, one value a sample."""

    packaging = Packaging(requires=("kornia",))

    def names(self) -> Iterable[str]:
        """What Kornia calls them."""
        return list(STAGES)

    def entry(self, name: str) -> Entry:
        """The facts that the source of the class tells."""
        return Record("stage", name, "isptune", None, _point(name)).entry(())

    def get(self, name: str) -> Callable[..., object]:
        """The class of one name."""
        module, _, attribute = _point(name).value.partition(":")
        found: Callable[..., object] = getattr(import_module(module), attribute)
        return found


def _point(name: str) -> EntryPoint:
    return EntryPoint(name, f"isptune_kornia.{STAGES[name]}", "isptune.stages")

"""The plugin's own tests: the rules that isptune sets for its kinds."""

from isptune.testing import DistortionConformance, ObjectiveConformance, PipelineConformance, StageConformance


class TestVignette(DistortionConformance):
    name = "vignette"
    options = {"falloff": 3.0}  # noqa: RUF012


class TestToneCurve(StageConformance):
    name = "tone_curve"


class TestMeanBrightness(ObjectiveConformance):
    name = "mean-brightness"


class TestVignetteInAPipeline(PipelineConformance):
    name = "synthetic"
    options = {  # noqa: RUF012
        "scenes": ["chart:64x48", "chart:49x65"],
        "stages": ["gaussian_blur", {"name": "vignette", "options": {"falloff": 3.0}}, "white_noise"],
        "maps": "coupled",
    }


class TestToneCurveInAChain(PipelineConformance):
    name = "chain"
    options = {  # noqa: RUF012
        "scenes": ["chart:64x48", "chart:49x65"],
        "stages": ["gaussian_blur", {"name": "tone_curve", "prefix": "tone"}, "white_noise"],
    }

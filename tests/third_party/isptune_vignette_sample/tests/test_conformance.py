"""The plugin's own tests: the rules that isptune sets for its kinds."""

from isptune.testing import DistortionConformance, ObjectiveConformance, PipelineConformance


class TestVignette(DistortionConformance):
    name = "vignette"
    options = {"falloff": 3.0}  # noqa: RUF012


class TestMeanBrightness(ObjectiveConformance):
    name = "mean-brightness"


class TestVignetteInAPipeline(PipelineConformance):
    name = "synthetic"
    options = {  # noqa: RUF012
        "scenes": ["chart:64x48", "chart:49x65"],
        "stages": ["gaussian_blur", {"name": "vignette", "options": {"falloff": 3.0}}, "white_noise"],
        "maps": "coupled",
    }

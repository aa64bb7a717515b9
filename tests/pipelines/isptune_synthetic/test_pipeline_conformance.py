"""The synthetic pipeline keeps the contract of pipelines, with every family of hidden maps."""

from isptune.testing import PipelineConformance
from isptune.testing.pictures import picture
from isptune_synthetic.pipeline import SyntheticPipeline


class Exact(PipelineConformance):
    batch_tolerance = 0.0
    mode_tolerance = 1e-10
    difference_step = 1e-6
    gradient_tolerance = 1e-4
    maps = "power"

    def make(self):
        # In float64 and well inside [0, 1], so that finite differences are exact enough for a strict test.
        scenes = [(picture(h, w, seed=w)[0].double() * 0.3 + 0.3) for h, w in ((33, 37), (40, 32))]
        pipeline = SyntheticPipeline(scenes=scenes, maps=self.maps, seed=4)
        pipeline.name, pipeline.options = "synthetic", {}
        return pipeline


class TestIdentity(Exact):
    maps = "identity"


class TestPower(Exact):
    maps = "power"


class TestSigmoid(Exact):
    maps = "sigmoid"


class TestRipple(Exact):
    maps = "ripple"


class TestCoupled(Exact):
    maps = "coupled"


class TestDefaultsOnTheChart(PipelineConformance):
    """As a user makes it: float32 scenes, the gradients compared more coarsely."""

    name = "synthetic"
    options = {"scenes": ["chart:64x48", "chart:96x64"], "seed": 1}  # noqa: RUF012
    batch_tolerance = 0.0

"""The shipped suite on every objective of charts, on the generated chart."""

from __future__ import annotations

from functools import cache
from typing import ClassVar

from torch import Tensor

import isptune
from isptune import Scene
from isptune.scenes import load_scenes
from isptune.testing import ObjectiveConformance

SIZE = (192, 288)


@cache
def scene() -> Scene:
    (found,) = load_scenes(f"chart:{SIZE[1]}x{SIZE[0]}")
    # One chart of each kind is enough.
    found.charts = tuple({chart.kind: chart for chart in reversed(found.charts)}.values())
    return found


class OnTheChart(ObjectiveConformance):
    """Objectives know where the chart lies in pictures of one size."""

    sizes: ClassVar = (SIZE,)
    # Half of its greys are clipped in no picture, but a picture of one grey has no edge and no texture.
    scores_flat_images: ClassVar = True
    identical_is_best: ClassVar = False

    def make(self):
        return isptune.create_objective(self.name, **self.options).for_scene(scene())

    def good(self, height: int, width: int) -> Tensor:
        assert (height, width) == SIZE
        return scene().reference[None].clone()


class TestMTF50(OnTheChart):
    name = "mtf50"


class TestMTF(OnTheChart):
    name = "mtf"


class TestOvershoot(OnTheChart):
    name = "overshoot"


class TestChromaticDisplacement(OnTheChart):
    name = "chromatic-displacement"


class TestAcutance(OnTheChart):
    name = "acutance"


class TestSNR(OnTheChart):
    name = "snr"


class TestDynamicRange(OnTheChart):
    name = "dynamic-range"


class TestVisualNoise(OnTheChart):
    name = "visual-noise"


class TestCIEDE2000(OnTheChart):
    name = "ciede2000"


class TestColourUniformity(OnTheChart):
    name = "colour-uniformity"


class TestChartQuality(OnTheChart):
    name = "chart-quality"


class TestReferenceCamera(ObjectiveConformance):
    name = "reference-camera"
    # Its best is the low end of its range, up to the root of a rounding error.
    identical_is_best: ClassVar = False


del OnTheChart

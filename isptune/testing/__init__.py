"""Conformance suites, one per contract: a plugin's tests inherit the one for its kind.

Example, in a plugin's own tests::

    from isptune.testing import DistortionConformance

    class TestVignette(DistortionConformance):
        name = "vignette"
"""

from isptune.testing.distortion import DistortionConformance
from isptune.testing.judge import JudgeConformance
from isptune.testing.multi_objective import MultiObjectiveConformance
from isptune.testing.objective import ObjectiveConformance
from isptune.testing.optimizer import OptimizerConformance
from isptune.testing.pipeline import PipelineConformance
from isptune.testing.stage import StageConformance

__all__ = [
    "DistortionConformance",
    "JudgeConformance",
    "MultiObjectiveConformance",
    "ObjectiveConformance",
    "OptimizerConformance",
    "PipelineConformance",
    "StageConformance",
]

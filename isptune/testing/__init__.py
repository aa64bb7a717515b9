"""Conformance suites, one per contract: a plugin's tests inherit the one for its kind.

Example, in a plugin's own tests::

    from isptune.testing import DistortionConformance

    class TestVignette(DistortionConformance):
        name = "vignette"
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isptune.testing.distortion import DistortionConformance as DistortionConformance
    from isptune.testing.judge import JudgeConformance as JudgeConformance
    from isptune.testing.multi_objective import MultiObjectiveConformance as MultiObjectiveConformance
    from isptune.testing.objective import ObjectiveConformance as ObjectiveConformance
    from isptune.testing.optimizer import OptimizerConformance as OptimizerConformance
    from isptune.testing.pipeline import PipelineConformance as PipelineConformance
    from isptune.testing.stage import StageConformance as StageConformance

_HOME = {
    f"{kind}Conformance": f"isptune.testing.{kind.lower()}"
    for kind in ("Distortion", "Judge", "Objective", "Optimizer", "Pipeline", "Stage")
} | {"MultiObjectiveConformance": "isptune.testing.multi_objective"}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'isptune.testing' has no attribute '{name}'")

"""isptune tunes image signal processors: pipelines, objectives and optimizers in one loop.

Importing it costs almost nothing: each public name loads its module when it is first used.
"""

from __future__ import annotations

from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isptune.contracts.development import Development as Development
    from isptune.contracts.distortion import Distortion as Distortion
    from isptune.contracts.judge import Judge as Judge
    from isptune.contracts.objective import Objective as Objective
    from isptune.contracts.optimizer import Optimizer as Optimizer
    from isptune.contracts.pipeline import Pipeline as Pipeline
    from isptune.contracts.requirements import Memory as Memory
    from isptune.contracts.requirements import Packaging as Packaging
    from isptune.contracts.scene import Scene as Scene
    from isptune.contracts.stage import Stage as Stage
    from isptune.contracts.truthful import Truthful as Truthful
    from isptune.errors import IsptuneError as IsptuneError
    from isptune.parameters import Bool as Bool
    from isptune.parameters import Choice as Choice
    from isptune.parameters import Float as Float
    from isptune.parameters import Int as Int
    from isptune.parameters import ParameterSpace as ParameterSpace
    from isptune.plugins.api import (
        create_objective as create_objective,
    )
    from isptune.plugins.api import (
        create_optimizer as create_optimizer,
    )
    from isptune.plugins.api import (
        create_pipeline as create_pipeline,
    )
    from isptune.plugins.api import (
        create_stage as create_stage,
    )
    from isptune.plugins.api import (
        list_objectives as list_objectives,
    )
    from isptune.plugins.api import (
        list_optimizers as list_optimizers,
    )
    from isptune.plugins.api import (
        list_pipelines as list_pipelines,
    )
    from isptune.plugins.api import (
        list_stages as list_stages,
    )
    from isptune.plugins.api import (
        register_objective as register_objective,
    )
    from isptune.plugins.api import (
        register_optimizer as register_optimizer,
    )
    from isptune.plugins.api import (
        register_pipeline as register_pipeline,
    )
    from isptune.plugins.api import (
        register_stage as register_stage,
    )
    from isptune.runs.reading import Run as Run
    from isptune.tuning.evaluation import Evaluator as Evaluator
    from isptune.tuning.switch import STOP as STOP
    from isptune.tuning.switch import stop as stop
    from isptune.tuning.tuner import TuneResult as TuneResult
    from isptune.tuning.tuner import resume as resume
    from isptune.tuning.tuner import tune as tune

__version__ = metadata.version("isptune")

_HOMES = {
    "isptune.plugins.api": [
        f"{verb}_{kind}"
        for verb, plural in (("create", ""), ("register", ""), ("list", "s"))
        for kind in (f"stage{plural}", f"pipeline{plural}", f"objective{plural}", f"optimizer{plural}")
    ],
    "isptune.contracts.development": ["Development"],
    "isptune.contracts.distortion": ["Distortion"],
    "isptune.contracts.judge": ["Judge"],
    "isptune.contracts.optimizer": ["Optimizer"],
    "isptune.contracts.requirements": ["Memory", "Packaging"],
    "isptune.contracts.scene": ["Scene"],
    "isptune.contracts.stage": ["Stage"],
    "isptune.contracts.truthful": ["Truthful"],
    "isptune.errors": ["IsptuneError"],
    "isptune.tuning.evaluation": ["Evaluator"],
    "isptune.contracts.objective": ["Objective"],
    "isptune.parameters": ["Bool", "Choice", "Float", "Int", "ParameterSpace"],
    "isptune.contracts.pipeline": ["Pipeline"],
    "isptune.runs.reading": ["Run"],
    "isptune.tuning.switch": ["STOP", "stop"],
    "isptune.tuning.tuner": ["TuneResult", "resume", "tune"],
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name == "tracking":
        return import_module("isptune.tracking")
    raise AttributeError(f"module 'isptune' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])

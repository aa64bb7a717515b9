from . import tracking as tracking
from .conditions.table import ParameterTable as ParameterTable
from .conditions.tuning import resume_table as resume_table, tune_table as tune_table
from .contracts.development import Development as Development
from .contracts.distortion import Distortion as Distortion
from .contracts.judge import Judge as Judge
from .contracts.objective import Objective as Objective
from .contracts.optimizer import Optimizer as Optimizer
from .contracts.pipeline import Pipeline as Pipeline
from .contracts.requirements import Memory as Memory, Packaging as Packaging
from .contracts.scene import Scene as Scene
from .contracts.stage import Stage as Stage
from .contracts.truthful import Truthful as Truthful
from .errors import IsptuneError as IsptuneError
from .parameters import (
    Bool as Bool,
    Choice as Choice,
    Float as Float,
    Int as Int,
    ParameterSpace as ParameterSpace,
)
from .plugins.api import (
    create_objective as create_objective,
    create_optimizer as create_optimizer,
    create_pipeline as create_pipeline,
    create_stage as create_stage,
    list_objectives as list_objectives,
    list_optimizers as list_optimizers,
    list_pipelines as list_pipelines,
    list_stages as list_stages,
    register_objective as register_objective,
    register_optimizer as register_optimizer,
    register_pipeline as register_pipeline,
    register_stage as register_stage,
)
from .runs.run import Run as Run
from .tuning.evaluation import Evaluator as Evaluator
from .tuning.switch import STOP as STOP, stop as stop
from .tuning.tuner import TuneResult as TuneResult, resume as resume, tune as tune

__version__: str

"""How well objectives agree with people: correlations with intervals, tables, scatter plots."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isptune.iqa.evaluation.agreement import compare as compare
    from isptune.iqa.evaluation.agreement import evaluate as evaluate
    from isptune.iqa.evaluation.report import write_reports as write_reports
    from isptune.iqa.evaluation.resampling import Difference as Difference
    from isptune.iqa.evaluation.resampling import Estimate as Estimate
    from isptune.iqa.evaluation.resampling import bootstrap as bootstrap
    from isptune.iqa.evaluation.resampling import paired_difference as paired_difference
    from isptune.iqa.evaluation.results import Agreement as Agreement
    from isptune.iqa.evaluation.results import Evaluation as Evaluation
    from isptune.iqa.evaluation.scatter import draw_scatter as draw_scatter
    from isptune.iqa.evaluation.scoring import Scores as Scores
    from isptune.iqa.evaluation.scoring import read_scores as read_scores
    from isptune.iqa.evaluation.scoring import score_dataset as score_dataset
    from isptune.iqa.evaluation.statistics import LogisticFit as LogisticFit
    from isptune.iqa.evaluation.statistics import fit_logistic as fit_logistic
    from isptune.iqa.evaluation.statistics import krcc as krcc
    from isptune.iqa.evaluation.statistics import plcc as plcc
    from isptune.iqa.evaluation.statistics import rmse as rmse
    from isptune.iqa.evaluation.statistics import srcc as srcc

_HOMES = {
    "resampling": ["Difference", "Estimate", "bootstrap", "paired_difference"],
    "agreement": ["compare", "evaluate"],
    "report": ["write_reports"],
    "results": ["Agreement", "Evaluation"],
    "scatter": ["draw_scatter"],
    "scoring": ["Scores", "read_scores", "score_dataset"],
    "statistics": ["LogisticFit", "fit_logistic", "krcc", "plcc", "rmse", "srcc"],
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"isptune.iqa.evaluation.{_HOME[name]}"), name)
    raise AttributeError(f"module 'isptune.iqa.evaluation' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])

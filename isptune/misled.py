"""Whether tuning went the wrong way: the score improved while the hidden distortion rose."""

from __future__ import annotations

import numpy as np
import torch

from isptune.errors import EvaluationError
from isptune.evaluator import Evaluator
from isptune.objective import losses_of
from isptune.pipeline import Pipeline, l1_distortion
from isptune.result import TuneResult

MISLED = "score improved, hidden distortion rose"

# What rounding may do to a mean of levels.
_NOTHING = 1e-9


def before(pipeline: Pipeline) -> float | None:
    """The hidden ``l1_normalised`` of an untuned candidate, the middle of the space; None without a truth."""
    levels = pipeline.truth(pipeline.space.start())
    return None if levels is None else float(l1_distortion(levels.cpu(), pipeline.truth_maxima)[1][0])


def sentence(start: float, found: float) -> str:
    """What the result of a misled run says, from ``l1_normalised`` before and after tuning."""
    return f"{MISLED}: l1_normalised {start:.3g} at the start, {found:.3g} at the best score"


def is_misled(result: TuneResult, evaluator: Evaluator) -> bool | None:
    """Whether the best candidate scores better than an untuned one and is more distorted than it.

    The untuned candidate is scored here, and only where the distortion rose: it is no part of the log. Of
    several objectives none may have become worse.

    Args:
        result: of a run.
        evaluator: the run's.

    Returns:
        None where no truth is known, nothing was found, or the untuned candidate cannot be evaluated.
    """
    pipeline, objective = evaluator.pipeline, evaluator.objective
    start, best = before(pipeline), result.history.best
    if start is None or result.l1_normalised is None or best is None:
        return None
    if result.l1_normalised <= start + _NOTHING:
        return False
    with torch.no_grad():
        try:
            middle = evaluator.evaluate(np.full((1, len(pipeline.space)), 0.5)).losses[0]
        except EvaluationError:
            return None
    reached = losses_of(result.history.scores[best : best + 1], objective)[0]
    return bool(np.all(reached <= middle) and np.any(reached < middle))

"""What an evaluation says about the failures of plugins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isptune.errors import EvaluationError, IsptuneError
from isptune.naming import listed
from isptune.objective import Objective
from isptune.parameters import ParameterSpace, written
from isptune.pipeline import Pipeline, Scene


@dataclass(frozen=True)
class Problem:
    """A candidate whose score is not a finite number.

    ``pipeline`` is named where its rendering was not finite already.
    """

    candidate: int
    scene: str
    score: str
    parameters: dict[str, Any]
    pipeline: str = ""

    def __str__(self) -> str:
        if self.pipeline:
            return (
                f"candidate {self.candidate} was rendered by the pipeline '{self.pipeline}' with numbers "
                f"that are not finite on scene '{self.scene}' "
                f"and counts as the worst ({written(self.parameters)})"
            )
        return (
            f"candidate {self.candidate} scored {self.score} on scene '{self.scene}' "
            f"and counts as the worst ({written(self.parameters)})"
        )


@contextmanager
def blame(plugin: str) -> Iterator[None]:
    """Turn a plugin's exception into an EvaluationError that names the plugin."""
    try:
        yield
    except IsptuneError as error:
        if isinstance(error, EvaluationError):
            raise EvaluationError(f"{plugin} failed: {error}") from (error.__cause__ or error)
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise EvaluationError(f"{plugin} failed: {type(error).__name__}: {error}") from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that an allocation failed, on a GPU or in main memory."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and (
        "can't allocate memory" in text or "not enough memory" in text
    )


def called(plugin: Pipeline | Objective) -> str:
    """A plugin's registered name, or its class's."""
    return plugin.name or type(plugin).__name__


def problems_of(
    pipeline: Pipeline,
    objective: Objective,
    unit: Tensor,
    scene: Scene,
    scores: NDArray[np.float64],
    unsound: NDArray[np.bool_],
    space: ParameterSpace,
) -> list[Problem]:
    """The candidates of a scene with scores that are not finite.

    Args:
        pipeline, objective: what rendered and scored.
        unit: (P, f) candidates in the unit cube.
        scene: the scene.
        scores: (P,) or (P, K).
        space: what the candidates are of.
        unsound: (P,) whose rendering was not finite.
    """
    found = []
    failed = ~np.isfinite(scores.reshape(len(scores), -1))
    for index in np.flatnonzero(failed.any(axis=1)):
        parameters = space.to_dicts(space.to_values(unit[index : index + 1]))[0]
        if objective.orientations:
            columns = zip(objective.labels, scores[index], failed[index], strict=True)
            shown = listed(f"{label} {score}" for label, score, bad in columns if bad)
        else:
            shown = str(scores[index])
        culprit = called(pipeline) if unsound[index] else ""
        found.append(Problem(int(index), scene.name, shown, parameters, culprit))
    return found

"""An optimizer that stands for others, replaced by the one that it chooses for a run."""

from __future__ import annotations

import time
from typing import Any

from isptune.contracts.choosing import Choice, Situation
from isptune.contracts.pipeline import Pipeline
from isptune.parameters import ParameterSpace
from isptune.parameters.identity import free_space
from isptune.plugins import registry
from isptune.tuning.evaluation import Evaluator
from isptune.tuning.prechecks import chooses
from isptune.tuning.scoring import Scoring
from isptune.tuning.settings import Component, RunConfig
from isptune.wording.durations import seconds_of


def with_choice(config: RunConfig, pipeline: Pipeline, scoring: Scoring) -> tuple[RunConfig, str]:
    """The configuration with the optimizer that is chosen, and a line that says so; "" where none had to be.

    Args:
        config: of the run.
        pipeline, scoring: its parts.
    """
    component = config.optimizer
    if not chooses(component.name):
        return config, ""
    space = pipeline.space.constrained(config.parameters)
    reached = pipeline.is_differentiable and scoring.is_differentiable and space.is_continuous

    def measure() -> float:
        return _seconds_of(config, pipeline, scoring, space)

    budget = config.budget
    if budget is None and not scoring.judges and config.race is None:
        # About as many, in tens, so that batches fit. Nothing depends on it but the choice, which run.yaml
        # keeps: the optimizer itself is told none.
        seconds = seconds_of(config.time_budget or "") or 0.0
        budget = 10 * max(1, round(seconds / max(measure(), 1e-6) / 10))
    situation = Situation(
        space=free_space(space),
        budget=budget,
        population=config.population,
        objectives=len(scoring.labels),
        gradients=bool(reached and not config.guard),
        judged=bool(scoring.judges),
        raced=config.race is not None,
        measure=None if scoring.judges else measure,
    )
    kind: Any = registry.optimizers.get(component.name)
    choice: Choice = kind.choose(situation, **component.options)
    chosen = Component(name=choice.optimizer, options=choice.options)
    settled = {"optimizer": chosen, "population": choice.population}
    return config.model_copy(update=settled), f"optimizer: {choice.optimizer}, because {choice.reason}"


def _seconds_of(config: RunConfig, pipeline: Pipeline, scoring: Scoring, space: ParameterSpace) -> float:
    """The time of one evaluation at the start of the space; a first one loads and compiles."""
    development = config.development(pipeline.development)
    with Evaluator(
        pipeline, scoring, config.device, config.memory_gb, config.autocast, space, development
    ) as evaluator:
        start = space.to_unit(space.start()).numpy()
        evaluator.evaluate(start)
        moved = start.copy()
        moved[0, 0] = 0.5 * (moved[0, 0] + 0.5)
        clock = time.perf_counter()
        evaluator.evaluate(moved)
        return time.perf_counter() - clock

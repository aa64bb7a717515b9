"""Which chains of stages an objective is let loose on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isptune.contracts.pipeline import Pipeline
from isptune.contracts.scene import Scene
from isptune.contracts.truthful import Truthful
from isptune.errors import ConfigurationError
from isptune.plugins import registry

USUAL, RANDOM, TRUSTED, WORST = "usual", "random", "trusted", "worst"
KINDS = {
    USUAL: "the stages that the default pipeline has",
    RANDOM: "stages of the bank, drawn at random",
    TRUSTED: "stages that the objective judges as the truth does, drawn at random",
    WORST: "the stages that the objective judges worst",
}

# How many stages a random chain has.
_LEAST, _MOST = 3, 6
_WORST = 4


@dataclass(frozen=True)
class Task:
    """A chain to tune; ``seed`` is of its hidden map and of the search."""

    kind: str
    stages: tuple[str, ...]
    seed: int

    @property
    def title(self) -> str:
        return f"{self.kind} {self.seed + 1}" if self.kind in (RANDOM, TRUSTED) else self.kind


def pipeline_for(task: Task, scenes: Sequence[Scene]) -> Pipeline:
    """The default pipeline with the task's stages and a hidden map of its own.

    Raises:
        ConfigurationError: the default pipeline takes no stages, or does not know its truth.
    """
    name = registry.pipelines.default()
    if not registry.pipelines.takes(name, "stages"):
        raise ConfigurationError(
            f"the default pipeline '{name}' takes no option 'stages', so that no chains can be searched"
        )
    pipeline: Pipeline = registry.pipelines.create(
        name, scenes=list(scenes), stages=list(task.stages), seed=task.seed, crop=None
    )
    if not isinstance(pipeline, Truthful):
        raise ConfigurationError(
            f"the default pipeline '{name}' does not know its hidden truth, so that nobody knows who is right"
        )
    return pipeline


def common_tasks(bank: Sequence[str], chains: int, seed: int) -> list[Task]:
    """What every objective is let loose on: the default pipeline's own chain, and random ones of the bank."""
    name = registry.pipelines.default()
    usual = tuple(registry.pipelines.create(name).stage_names)
    found = [Task(USUAL, usual, seed)] if set(usual) <= set(bank) else []
    return found + random_tasks(RANDOM, bank, chains, seed)


def random_tasks(kind: str, stages: Sequence[str], chains: int, seed: int) -> list[Task]:
    """Chains of three to six stages each, without one twice; shorter where there are fewer stages."""
    generator = np.random.Generator(np.random.PCG64([seed, len(stages)]))
    most = min(_MOST, len(stages))
    least = min(_LEAST, most)
    tasks = []
    for number in range(chains if stages else 0):
        count = int(generator.integers(least, most + 1))
        chosen = generator.choice(len(stages), count, replace=False)
        tasks.append(Task(kind, tuple(stages[index] for index in chosen), seed + number))
    return tasks


def worst_task(stages: Sequence[str], correlations: Sequence[float], seed: int) -> Task:
    """The chain of the stages with the lowest correlations, in the order of the bank."""
    lowest = sorted(np.argsort(correlations, kind="stable")[:_WORST].tolist())
    return Task(WORST, tuple(stages[index] for index in lowest), seed)

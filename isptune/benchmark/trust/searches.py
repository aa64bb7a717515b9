"""An objective let loose on chains of stages: what its score and the hidden truth do meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch

from isptune.benchmark.gaming import gaming
from isptune.benchmark.trust.chains import Task, pipeline_for
from isptune.benchmark.trust.scorer import Numbers, Scorer
from isptune.benchmark.trust.settings import TrustSettings
from isptune.benchmark.trust.sweep import VISIBLE, difference
from isptune.contracts.pipeline import Pipeline
from isptune.contracts.scene import Scene
from isptune.contracts.truthful import Truthful
from isptune.errors import EvaluationError
from isptune.runs.history import History, best_so_far
from isptune.tuning.result import TuneResult

# A rise of the hidden normalised l1 of less than this is no harm.
NOTICED = 0.01

# The pristine picture is beaten where a visibly distorted one scores better by so many spreads: a search that
# goes on for long enough ends there, and not at the pristine one.
BEATEN = 0.05


@dataclass(frozen=True)
class Search:
    """What tuning by an objective did on one chain; truths are of the hidden normalised l1.

    Attributes:
        kind, title, stages, seed: of the task.
        start: truth of a candidate that sets nothing.
        end: truth of the candidate with the best score.
        lowest, at: the least truth that a best-scored candidate had, and after how many evaluations.
        passed: the least truth of all candidates that were seen.
        gain: by how many spreads the best candidate scores better than the pristine picture, mean of scenes.
        difference: how far its pictures are from the pristine ones, in grey levels of 255.
        index: the gaming index, see ``isptune.benchmark.gaming``; None where the score never improved.
        evaluations, scores, truths: of every candidate that was the best so far.
        budget: evaluations made.
    """

    kind: str
    title: str
    stages: list[str]
    seed: int
    start: float
    end: float
    lowest: float
    at: int
    passed: float
    gain: float
    difference: float
    index: float | None
    budget: int
    evaluations: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    truths: list[float] = field(default_factory=list)

    @property
    def rise(self) -> float:
        """By how much the truth got worse after its best moment."""
        return self.end - self.lowest

    @property
    def over_optimised(self) -> bool:
        """More search made it worse than it had been."""
        return self.rise > NOTICED

    @property
    def beaten(self) -> bool:
        """It ended at a visibly distorted picture that scores better than the pristine one."""
        return self.gain > BEATEN and self.difference >= VISIBLE

    @property
    def misled(self) -> bool:
        """It ended more distorted than it had begun."""
        return self.end > self.start + NOTICED


@dataclass(frozen=True)
class Found:
    """A search with what judges need: its pipeline and its best candidate, (f,) in the unit cube."""

    search: Search
    pipeline: Pipeline
    candidate: Numbers


def searched_scenes(scenes: Sequence[Scene], count: int) -> list[Scene]:
    """So many scenes, spread evenly over all of them."""
    places = np.linspace(0, len(scenes) - 1, min(count, len(scenes))).round().astype(int)
    return [scenes[place] for place in dict.fromkeys(places.tolist())]


def search(
    task: Task, scorer: Scorer, scenes: Sequence[Scene], spread: float, settings: TrustSettings, device: str
) -> Found:
    """Tune one chain by an objective.

    Raises:
        EvaluationError: no candidate had a score, or too many of them failed.
    """
    from isptune.tuning.tuner import tune

    pipeline = pipeline_for(task, scenes)
    with _without_advice():
        result = tune(
            pipeline,
            scorer.objective,
            optimizer=settings.optimizer,
            budget=settings.budget,
            population=settings.population,
            seed=task.seed,
            device=device,
            max_failures=1.0,
            progress=False,
        )
    return Found(_told(task, result, pipeline, scorer, spread), pipeline, _best(result, scorer.name))


def _best(result: TuneResult, name: str) -> Numbers:
    best = result.history.best
    if best is None:
        raise EvaluationError(f"the objective '{name}' gave no candidate of a search a score")
    return np.asarray(result.history.candidates[best])


def _told(task: Task, result: TuneResult, pipeline: Pipeline, scorer: Scorer, spread: float) -> Search:
    history, candidate = result.history, _best(result, scorer.name)
    assert isinstance(pipeline, Truthful)
    assert history.l1_normalised is not None
    start = float(pipeline.losses(pipeline.space.start())[1][0])
    rows = improvements(history)
    truths = history.l1_normalised[rows]
    lowest = int(np.argmin(truths))
    gains, differences = [], []
    values = pipeline.space.to_values(torch.from_numpy(candidate)[None])
    for scene in pipeline.scenes:
        with torch.no_grad():
            image, pristine = pipeline.render(values, scene), pipeline.reference(scene)
        assert pristine is not None
        both = torch.cat([pristine, image])
        at_zero, tuned = scorer.losses(both, pristine, f"the tuned picture of '{scene.name}'")
        gains.append(at_zero - tuned)
        differences.append(difference(image, pristine)[0])
    index = gaming(history)
    return Search(
        kind=task.kind,
        title=task.title,
        stages=list(task.stages),
        seed=task.seed,
        start=start,
        end=float(truths[-1]),
        lowest=float(truths[lowest]),
        at=int(rows[lowest]) + 1,
        passed=float(np.nanmin(history.l1_normalised)),
        gain=float(np.mean(gains) / spread),
        difference=float(np.mean(differences)),
        index=None if index is None or not np.isfinite(index.index) else float(index.index),
        budget=len(history),
        evaluations=[int(row) + 1 for row in rows],
        scores=[float(score) for score in history.score[rows]],
        truths=[float(truth) for truth in truths],
    )


def improvements(history: History) -> list[int]:
    """The indices of the candidates that scored better than all before them."""
    index = best_so_far(history.score, history.higher_is_better)
    return [int(row) for row in np.unique(index[index >= 0])]


@contextmanager
def _without_advice() -> Iterator[None]:
    """Runs advise their users; nobody reads that of dozens of runs that are meant to go wrong."""
    logger = logging.getLogger("isptune")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)

"""The loop: ask, render, score, tell; and its resumption by replay."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from isptune import registry
from isptune.config import parse_config
from isptune.errors import ConfigurationError, RunDirectoryError
from isptune.evaluator import Evaluator
from isptune.naming import listed
from isptune.objective import Objective, losses_of
from isptune.optimizer import Optimizer
from isptune.outputs import write_outputs
from isptune.pareto import non_dominated
from isptune.pipeline import Pipeline
from isptune.result import TuneResult, build_result
from isptune.run import Generation, RunDirectory
from isptune.session import Session, describe, make_session, open_directory, prepare_resume
from isptune.vector import combine

logger = logging.getLogger("isptune")


@dataclass(frozen=True)
class Progress:
    """What a callback is told after every generation (replayed ones included).

    Of several objectives there is no best score, but the number of candidates on the front so far.
    """

    generation: int
    generations: int
    evaluations: int
    best_score: float | None
    seconds: float
    replayed: bool
    front: int | None = None


Callback = Callable[[Progress], None]


def tune(
    pipeline: Pipeline | str,
    objective: Objective | str | Sequence[Objective | str],
    *,
    optimizer: str = "es",
    optimizer_options: Mapping[str, Any] | None = None,
    budget: int = 1500,
    population: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    device: str = "auto",
    memory_gb: float = 2.0,
    autocast: str = "none",
    vector: bool = False,
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
) -> TuneResult:
    """Tune a pipeline's parameters for an objective.

    Args:
        pipeline: a pipeline, or the name of a registered one.
        objective: an objective, or the name of a registered one; or several, for an optimizer that is
            multi-objective: all score the same renderings, and the result has a ``pareto`` front.
        optimizer: the name of a registered optimizer, with its ``optimizer_options``.
        budget: evaluations to make, a multiple of the population.
        population: candidates per generation; what suits the optimizer if None.
        seed: the optimizer's only source of randomness (a pipeline has its own seed).
        out: the run directory; nothing is written where it is None.
        device: where to render and score, ``"auto"`` for the fastest device there is.
        memory_gb, autocast: see ``Evaluator``.
        vector: take all ``scores`` of a vector-valued objective as objectives of their own.
        resume: go on with the run that ``out`` holds; it must have been started with the same settings.
        callbacks: called with a ``Progress`` after every generation.

    Raises:
        IsptuneError: anything in the settings that cannot be; see its subclasses.

    Example:
        >>> import isptune
        >>> pipeline = isptune.create_pipeline("synthetic", scenes=["chart:96x64"], seed=1)
        >>> objective = isptune.create_objective("psnr")
        >>> result = isptune.tune(pipeline, objective, budget=60, population=30, seed=1)
        >>> result.evaluations, sorted(result.best_parameters)[0]
        (60, 'blur')
    """
    renderer: Pipeline = registry.pipelines.create(pipeline) if isinstance(pipeline, str) else pipeline
    several = isinstance(objective, Sequence) and not isinstance(objective, str)
    given: Sequence[Any] = list(objective) if several else [objective]  # type: ignore[arg-type]
    scorers: list[Objective] = [
        registry.objectives.create(one) if isinstance(one, str) else one for one in given
    ]
    config = parse_config(
        {
            "scenes": [scene.name for scene in renderer.scenes] or ["none"],
            "pipeline": describe(renderer),
            "objective": [describe(scorer) for scorer in scorers],
            "optimizer": {"name": optimizer, "options": dict(optimizer_options or {})},
            "population": population,
            "budget": budget,
            "seed": seed,
            "device": str(device),
            "memory_gb": memory_gb,
            "autocast": autocast,
            "vector": vector,
        },
        "the call of isptune.tune",
    )
    scorer = combine(scorers, vector)
    session = make_session(renderer, scorer, config, None if out is None else RunDirectory(out))
    session.started_from = "python"
    return run_session(session, resume=resume, callbacks=callbacks)


def resume(out: str | Path, callbacks: Sequence[Callback] = ()) -> TuneResult:
    """Go on with the run that a directory holds, from where its log ends.

    The log is replayed through a fresh optimizer; its candidates must be equal bit for bit.

    Raises:
        RunDirectoryError: there is no run, its log is damaged or belongs to another configuration, or
            a scene has changed since.
    """
    return run_session(prepare_resume(out), resume=True, callbacks=callbacks)


def run_session(
    session: Session, *, resume: bool = False, callbacks: Sequence[Callback] = (), pictures: bool = True
) -> TuneResult:
    """Run the loop to the end of the budget and write the result, with pictures if they are wanted."""
    config = session.config
    # Everything that can be refused is refused before the directory is touched.
    optimizer = session.make_optimizer()
    _check_objectives(session, optimizer)
    evaluator = Evaluator(
        session.pipeline, session.objective, config.device, config.memory_gb, config.autocast
    )
    if optimizer.needs_gradient:
        evaluator.require_gradients()
    log: list[Generation] = []
    run = config.fingerprint()
    directory = session.directory
    if directory is not None:
        log = open_directory(directory, session, run, resume)
    try:
        loop = _Loop(session, optimizer, evaluator, callbacks, run)
        loop.replay(log)
        loop.go_on()
        result = build_result(
            loop.log, session.pipeline, session.objective, None if directory is None else directory.path
        )
        if directory is not None:
            write_outputs(directory, session.pipeline, session.objective, result, pictures)
        return result
    finally:
        if directory is not None:
            directory.close()


def _check_objectives(session: Session, optimizer: Optimizer) -> None:
    objective = session.objective
    if objective.orientations and not optimizer.is_multi_objective:
        raise ConfigurationError(
            f"the optimizer '{session.config.optimizer.name}' takes one objective, and there are "
            f"{len(objective.labels)} ({listed(objective.labels)}); choose 'nsga2' or a multi-objective one "
            "of Nevergrad such as 'nevergrad:DE', or make them one by the objective 'weighted'"
        )


class _Loop:
    """The state of a run between generations."""

    def __init__(
        self,
        session: Session,
        optimizer: Optimizer,
        evaluator: Evaluator,
        callbacks: Sequence[Callback],
        run: str,
    ) -> None:
        self.session = session
        self.optimizer = optimizer
        self.evaluator = evaluator
        self.callbacks = callbacks
        self.run = run
        self.log: list[Generation] = []
        self.best: float | None = None
        self.front: np.ndarray | None = None
        self.evaluations = 0
        self.seconds = 0.0

    def replay(self, log: Sequence[Generation]) -> None:
        """Take the optimizer through logged generations; refuse a log that is not this run's."""
        for generation in log:
            candidates = self.optimizer.ask()
            if not np.array_equal(candidates, generation.candidates):
                raise RunDirectoryError(
                    f"line {generation.number + 1} of the log holds other candidates than this "
                    f"configuration proposes with isptune {metadata.version('isptune')}: the log was "
                    "made with another configuration, or other versions of the packages"
                )
            self._tell(generation)
            self._record(generation, replayed=True)

    def go_on(self) -> None:
        """Evaluate what is left of the budget, one logged generation at a time."""
        directory = self.session.directory
        for number in range(len(self.log), self.session.generations):
            started = time.perf_counter()
            candidates = self.optimizer.ask()
            evaluation = self.evaluator.evaluate(
                candidates, gradients=self.optimizer.needs_gradient, generation=number
            )
            generation = Generation(
                number=number,
                candidates=candidates,
                scores=evaluation.scores,
                gradients=evaluation.gradients,
                problems=[f"generation {number}: {problem}" for problem in evaluation.problems],
                seconds=time.perf_counter() - started,
            )
            if directory is not None:
                directory.append(generation, self.run)
            for problem in generation.problems:
                logger.warning("%s", problem)
            self._tell(generation)
            self._record(generation, replayed=False)

    def _tell(self, generation: Generation) -> None:
        losses = losses_of(generation.scores, self.session.objective)
        self.optimizer.tell(generation.candidates, losses, generation.gradients)

    def _record(self, generation: Generation, replayed: bool) -> None:
        self.log.append(generation)
        self.evaluations += len(generation.scores)
        self.seconds += generation.seconds
        finite = generation.scores[np.isfinite(generation.scores)]
        if self.session.objective.orientations:
            losses = losses_of(generation.scores, self.session.objective)
            losses = losses if self.front is None else np.concatenate([self.front, losses])
            self.front = losses[non_dominated(losses)]
        elif finite.size:
            higher = self.session.objective.higher_is_better
            best = float(finite.max() if higher else finite.min())
            if self.best is None or (best > self.best if higher else best < self.best):
                self.best = best
        progress = Progress(
            generation.number + 1,
            self.session.generations,
            self.evaluations,
            self.best,
            self.seconds,
            replayed,
            None if self.front is None else len(self.front),
        )
        for callback in self.callbacks:
            callback(progress)

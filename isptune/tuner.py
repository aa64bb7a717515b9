"""The loop: ask, render, score, tell; and its resumption by replay."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from isptune import registry
from isptune.config import parse_config
from isptune.errors import ConfigurationError, RunDirectoryError
from isptune.evaluator import Evaluator
from isptune.naming import listed
from isptune.objective import Objective, losses_of
from isptune.optimizer import Optimizer
from isptune.outputs import write_outputs
from isptune.pareto import non_dominated
from isptune.pipeline import Pipeline, l1_distortion
from isptune.result import TuneResult, build_result
from isptune.run import Generation, RunDirectory
from isptune.session import Session, describe, make_session, open_directory, prepare_resume
from isptune.tracking.facts import Callback, Progress, RunFacts
from isptune.tracking.tracker import Tracker, Watchers
from isptune.vector import combine

logger = logging.getLogger("isptune")


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
    callbacks: Sequence[Callback | Tracker] = (),
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
        callbacks: callables, called with a ``Progress`` after every generation, and trackers (see
            ``isptune.tracking``).

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


def resume(out: str | Path, callbacks: Sequence[Callback | Tracker] = ()) -> TuneResult:
    """Go on with the run that a directory holds, from where its log ends.

    The log is replayed through a fresh optimizer; its candidates must be equal bit for bit.

    Raises:
        RunDirectoryError: there is no run, its log is damaged or belongs to another configuration, or
            a scene has changed since.
    """
    return run_session(prepare_resume(out), resume=True, callbacks=callbacks)


def run_session(
    session: Session,
    *,
    resume: bool = False,
    callbacks: Sequence[Callback | Tracker] = (),
    pictures: bool = True,
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
    resumed = resume and directory is not None and directory.holds_a_run
    watchers = Watchers(callbacks)
    if directory is not None:
        log = open_directory(directory, session, run, resume)
    try:
        watchers.start(_run_facts(session, run, resumed))
        loop = _Loop(session, optimizer, evaluator, watchers, run)
        loop.replay(log)
        loop.go_on()
        result = build_result(
            loop.log, session.pipeline, session.objective, None if directory is None else directory.path
        )
        if directory is not None:
            write_outputs(directory, session.pipeline, session.objective, result, pictures)
        watchers.finish(result)
        return result
    except BaseException as error:
        watchers.failed(error)
        raise
    finally:
        if directory is not None:
            directory.close()


def _run_facts(session: Session, run: str, resumed: bool) -> RunFacts:
    config = session.config
    out = None if session.directory is None else session.directory.path
    parts = f"{config.objective.name}-{config.optimizer.name}-seed{config.seed}"
    return RunFacts(
        name=parts if out is None else out.absolute().name,
        settings=config.model_dump(),
        fingerprint=run,
        versions={package: metadata.version(package) for package in ("isptune", "torch")},
        generations=session.generations,
        higher_is_better=bool(session.objective.higher_is_better),
        resumed=resumed,
        out=out,
    )


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
        watchers: Watchers,
        run: str,
    ) -> None:
        self.session = session
        self.optimizer = optimizer
        self.evaluator = evaluator
        self.watchers = watchers
        self.run = run
        self.log: list[Generation] = []
        self.best: float | None = None
        self.best_candidate: NDArray[np.float64] | None = None
        # The hidden L1 distortion losses of the best candidate, where they were asked for.
        self.hidden: tuple[float | None, float | None] | None = None
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
        scores = generation.scores
        best = mean = None
        if self.session.objective.orientations:
            losses = losses_of(scores, self.session.objective)
            losses = losses if self.front is None else np.concatenate([self.front, losses])
            self.front = losses[non_dominated(losses)]
        elif np.isfinite(scores).any():
            higher = self.session.objective.higher_is_better
            first = int(np.nanargmax(scores) if higher else np.nanargmin(scores))
            best, mean = float(scores[first]), float(np.nanmean(scores))
            if self.best is None or (best > self.best if higher else best < self.best):
                self.best, self.best_candidate, self.hidden = best, generation.candidates[first], None
        l1, l1_normalised = self._hidden() if self.watchers.want_truth else (None, None)
        self.watchers.generation(
            Progress(
                generation=generation.number + 1,
                generations=self.session.generations,
                evaluations=self.evaluations,
                best_score=self.best,
                seconds=self.seconds,
                replayed=replayed,
                generation_best=best,
                generation_mean=mean,
                evaluations_per_second=len(scores) / generation.seconds if generation.seconds > 0 else None,
                l1=l1,
                l1_normalised=l1_normalised,
                front=None if self.front is None else len(self.front),
            )
        )

    def _hidden(self) -> tuple[float | None, float | None]:
        """The hidden L1 distortion losses of the best candidate, for trackers alone."""
        if self.hidden is None and self.best_candidate is not None:
            pipeline = self.session.pipeline
            with torch.no_grad():
                values = pipeline.space.to_values(torch.from_numpy(self.best_candidate[None]))
                levels = pipeline.truth(values)
            if levels is None:
                self.hidden = None, None
            else:
                plain, share = l1_distortion(levels.cpu(), pipeline.truth_maxima)
                self.hidden = float(plain[0]), float(share[0])
        return self.hidden or (None, None)

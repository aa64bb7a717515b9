"""A run from its settings to its result: tune and resume."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from torch import Tensor

from isptune.contracts import coverage
from isptune.contracts.objective import Objective
from isptune.contracts.optimizer import Optimizer
from isptune.contracts.pipeline import Pipeline, Scene
from isptune.errors import DiskFullError
from isptune.parameters.identity import most_candidates
from isptune.plugins import registry
from isptune.runs.again import complete, describe, objects_of
from isptune.runs.directory import RunDirectory
from isptune.runs.generation import Generation
from isptune.runs.judgements import JUDGEMENTS_NAME, Judgements
from isptune.runs.outputs import write_outputs
from isptune.tracking.run_facts import Callback, RunFacts
from isptune.tracking.tracker import Tracker, Watchers
from isptune.tuning.evaluation import Evaluator
from isptune.tuning.loop import Loop
from isptune.tuning.prechecks import check_argument, check_callbacks, check_optimizer, one_objective_alone
from isptune.tuning.proposing import Proposer
from isptune.tuning.result import TuneResult, build_result
from isptune.tuning.scoring import Scoring
from isptune.tuning.session import Session, make_session, open_directory, prepare_resume
from isptune.tuning.settings import Component, parse_config
from isptune.tuning.switch import stoppable_run

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
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    start: str | Path | Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    max_failures: float = 0.5,
    workers: int | None = None,
    timeout: float | None = None,
    retries: int | None = None,
    resume: bool = False,
    callbacks: Sequence[Callback | Tracker] = (),
    progress: bool | None = None,
) -> TuneResult:
    """Tune a pipeline's parameters for an objective.

    Ctrl-C (KeyboardInterrupt) ends the run after its latest whole generation, and the result, with
    ``stopped``, holds what was found; before the first generation it is raised.

    Args:
        pipeline: a pipeline, or a name: a registered one, ``"module:Class"`` or ``"file.py:Class"``.
        objective: an objective, or its name, likewise; or several, for an optimizer that is
            multi-objective: all score the same renderings, and the result has a ``pareto`` front.
        optimizer: the name of a registered optimizer, with its ``optimizer_options``.
        budget: evaluations to make, a multiple of the population.
        population: candidates per generation; what suits the optimizer if None.
        seed: the optimizer's only source of randomness (a pipeline has its own seed).
        out: the run directory; nothing is written where it is None.
        device: where to render and score, ``"auto"`` for the fastest device there is.
        memory_gb, autocast: see ``isptune.Evaluator``.
        vector: take all ``scores`` of a vector-valued objective as objectives of their own.
        parameters: what to search of the pipeline's space, by parameter, as ``ParameterSpace.constrained``
            takes it: ``{"tone.gamma": {"fix": 2.2}, "denoise.*": {"fix": None}}`` fixes one at 2.2 and a
            group at its defaults.
        start: where the search begins: ``"default"`` for the factory's defaults, ``"own"`` for wherever the
            optimizer begins, values by parameter or a list of such candidates (names that are left out have
            their defaults), a YAML or JSON file of these, or the folder of a run for its best candidates, up
            to half of the population. None is ``"default"`` where a parameter that is searched declares one.
        max_failures: the share of failed candidates, of a generation or of the last 20, above which the run
            stops; it can then be resumed, and those candidates are tried again.
        workers, timeout, retries: of a pipeline that makes one picture at a time: how many at the same time,
            seconds for one, and how often a failed one is tried again; as the pipeline says if None.
        resume: go on with the run that ``out`` holds; it must have been started with the same settings.
        callbacks: callables, called with a ``Progress`` after every generation, and trackers (see
            ``isptune.tracking``). One that returns ``isptune.STOP``, or calls ``isptune.stop()``, ends the
            run with the result so far; any other value stops nothing.
        progress: show a bar with the best score and the time left; None for one in notebooks alone.

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
    _check_arguments(pipeline, objective, optimizer, optimizer_options, out, callbacks)
    # Before any plugin is made, which may change the working folder.
    directory = None if out is None else RunDirectory(out)
    renderer: Pipeline = registry.pipelines.create(pipeline) if isinstance(pipeline, str) else pipeline
    several = isinstance(objective, Sequence) and not isinstance(objective, str)
    given: Sequence[Any] = list(objective) if several else [objective]  # type: ignore[arg-type]
    scorers: list[Objective] = [
        registry.objectives.create(one) if isinstance(one, str) else one for one in given
    ]
    config = parse_config(
        {
            "scenes": [scene.name for scene in renderer.scenes] or ["none"],
            "pipeline": complete(describe(renderer), [scene.name for scene in renderer.scenes]),
            "objective": [describe(scorer) for scorer in scorers],
            "optimizer": {"name": optimizer, "options": dict(optimizer_options or {})},
            "population": population,
            "budget": budget,
            "seed": seed,
            "device": str(device),
            "memory_gb": memory_gb,
            "autocast": autocast,
            "vector": vector,
            "parameters": parameters,
            "start": start,
            "max_failures": max_failures,
            "workers": workers,
            "timeout": timeout,
            "retries": retries,
        },
        "the call of isptune.tune",
    )
    session = make_session(renderer, Scoring(scorers, vector), config, directory)
    session.started_from = "python"
    session.objects = objects_of(renderer, scorers)
    for notice in session.notices:
        logger.warning("%s", notice)
    return _run_shown(session, resume, callbacks, progress)


def resume(
    out: str | Path, callbacks: Sequence[Callback | Tracker] = (), progress: bool | None = None
) -> TuneResult:
    """Go on with the run that a directory holds, from where its log ends.

    It may have been started by the command line, or from Python with plugins that names stand for. The log
    is replayed through a fresh optimizer; its candidates must be equal bit for bit.

    Raises:
        RunDirectoryError: there is no run, its log is damaged or belongs to another configuration, or
            a scene has changed since.
    """
    check_callbacks(callbacks)
    return _run_shown(prepare_resume(out), True, callbacks, progress)


def _run_shown(
    session: Session, resume: bool, callbacks: Sequence[Callback | Tracker], progress: bool | None
) -> TuneResult:
    """Run a session for a caller in Python: with progress where it is wanted, and Ctrl-C as a stop."""
    from isptune.tuning.progress import shown_progress

    with shown_progress(progress) as shown:
        return run_session(session, resume=resume, callbacks=[*shown, *callbacks], keep_interrupted=True)


def _check_arguments(
    pipeline: Any, objective: Any, optimizer: Any, optimizer_options: Any, out: Any, callbacks: Any
) -> None:
    """Refuse a call of ``tune`` whose arguments are of types that cannot be, before anything is made.

    Raises:
        IsptuneError: one sentence about the first mistake.
    """
    call = "isptune.tune"
    check_argument(
        f"the pipeline of {call}", pipeline, (Pipeline, str), "a pipeline, or the name of a registered one"
    )
    allowed = "an objective, the name of a registered one, or a list of these"
    several = isinstance(objective, Sequence) and not isinstance(objective, str)
    for one in objective if several else [objective]:
        check_argument(f"the objective of {call}", one, (Objective, str), allowed)
    check_argument(f"the optimizer of {call}", optimizer, (str,), "the name of a registered optimizer")
    options = {} if optimizer_options is None else optimizer_options
    check_argument(f"optimizer_options of {call}", options, (Mapping,), "a mapping of names to values")
    check_argument(f"out of {call}", out, (str, os.PathLike, type(None)), "a path, or None for no directory")
    check_callbacks(callbacks)
    check_optimizer(Component(name=optimizer, options=dict(options)))


def run_session(
    session: Session,
    *,
    resume: bool = False,
    callbacks: Sequence[Callback | Tracker] = (),
    figures: bool = True,
    notices: bool = True,
    keep_interrupted: bool = False,
) -> TuneResult:
    """Run the loop to the end of the budget and write the result.

    Args:
        session: the run.
        resume: go on with what its directory holds.
        callbacks: see ``tune``.
        figures: draw those that are missing; pictures of the scenes are made in any case.
        notices: say before the first generation which stages of the pipeline the objective is known to
            misjudge.
        keep_interrupted: a KeyboardInterrupt ends the run with the result of its whole generations.
    """
    config = session.config
    # Everything that can be refused is refused before the directory is touched.
    optimizer = session.make_optimizer()
    _check_objectives(session, optimizer)
    evaluator = Evaluator(
        session.pipeline,
        session.scoring,
        config.device,
        config.memory_gb,
        config.autocast,
        session.space,
        config.development(session.pipeline.development),
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
    if notices and len(log) < session.generations:
        for sentence in (*coverage.notices(session.scoring.objectives, session.pipeline), *_repeats(session)):
            logger.warning("%s", sentence)
    judgements: Judgements | None = None
    try:
        judgements = _judgements(session, run, len(log))
        watchers.start(_run_facts(session, run, resumed))
        with stoppable_run() as switch:
            loop = Loop(session, Proposer(optimizer), evaluator, watchers, run, switch, judgements)
            interrupt: KeyboardInterrupt | None = None
            try:
                loop.replay(log)
                loop.go_on()
            except KeyboardInterrupt as error:
                if not (keep_interrupted and loop.log):
                    raise
                interrupt = error
        result = build_result(loop.log, session.description, None if directory is None else directory.path)
        result.stopped = len(loop.log) < session.generations
        if interrupt is not None:
            logger.warning(
                "stopped by Ctrl-C after generation %d of %d; the result holds what was found",
                len(loop.log),
                session.generations,
            )
        if directory is not None:
            new = len(loop.log) > len(log)
            _write(directory, session, result, evaluator.render, new, figures)
        if interrupt is None:
            watchers.finish(result)
        else:
            watchers.failed(interrupt)
        return result
    except BaseException as error:
        watchers.failed(error)
        raise
    finally:
        evaluator.close()
        if judgements is not None:
            judgements.close()
        if directory is not None:
            directory.close()


def _judgements(session: Session, run: str, logged: int) -> Judgements:
    """What the judges of a run noted before; runs without judges have no such file."""
    directory = session.directory
    if directory is None or not session.scoring.judges:
        return Judgements()
    return Judgements(directory.file(JUDGEMENTS_NAME), run, logged)


def _repeats(session: Session) -> list[str]:
    """A sentence about a budget for more candidates than there are; none where it is not."""
    most, budget = most_candidates(session.space), session.config.budget
    if most is None or most >= budget:
        return []
    return [
        f"the parameters have {most:,} different values together and the budget is {budget:,}: "
        "what comes again is not evaluated again"
    ]


def _write(
    directory: RunDirectory,
    session: Session,
    result: TuneResult,
    render: Callable[[Tensor, Scene], Tensor],
    new: bool,
    figures: bool,
) -> None:
    """Write what a finished run leaves. The result is not lost where the disk has no room for it."""
    try:
        write_outputs(directory, session, result, render, new, figures)
    except DiskFullError as error:
        logger.warning("%s", error)
        result.unwritten = str(error)


def _run_facts(session: Session, run: str, resumed: bool) -> RunFacts:
    config = session.config
    out = None if session.directory is None else session.directory.path
    parts = f"{config.objective.shown}-{config.optimizer.shown}-seed{config.seed}"
    return RunFacts(
        name=parts if out is None else out.absolute().name,
        settings=config.model_dump(),
        fingerprint=run,
        versions={package: metadata.version(package) for package in ("isptune", "torch")},
        generations=session.generations,
        higher_is_better=all(session.scoring.orientations),
        resumed=resumed,
        out=out,
    )


def _check_objectives(session: Session, optimizer: Optimizer) -> None:
    labels = session.scoring.labels
    if len(labels) > 1 and not optimizer.is_multi_objective:
        raise one_objective_alone(session.config.optimizer.name, labels)

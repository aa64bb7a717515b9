"""Runs from Python: tune and resume."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isptune.contracts.objective import Objective
from isptune.contracts.pipeline import Pipeline
from isptune.plugins import registry
from isptune.runs.again import complete, describe, objects_of
from isptune.runs.directory import RunDirectory
from isptune.tracking.run_facts import Callback
from isptune.tracking.tracker import Tracker
from isptune.tuning.prechecks import check_argument, check_callbacks, check_optimizer
from isptune.tuning.result import TuneResult
from isptune.tuning.scoring import Scoring
from isptune.tuning.session import Session, make_session, prepare_resume
from isptune.tuning.settings import Component, component, parse_config
from isptune.tuning.sitting import run_session

logger = logging.getLogger("isptune")


def tune(
    pipeline: Pipeline | str,
    objective: Objective | str | Sequence[Objective | str],
    *,
    optimizer: str | None = None,
    optimizer_options: Mapping[str, Any] | None = None,
    budget: int | None = None,
    race: int | str | None = None,
    time_budget: str | float | None = None,
    patience: int | None = None,
    patience_gain: float = 0.01,
    population: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    device: str = "auto",
    memory_gb: float = 2.0,
    autocast: str = "none",
    vector: bool = False,
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    start: str | Path | Mapping[str, Any] | Sequence[str | Path | Mapping[str, Any]] | None = None,
    proposer: str | Path | None = None,
    guard: Objective | str | Sequence[Objective | str] | None = None,
    guard_weight: float = 2.0,
    guard_tolerance: float = 0.5,
    stay_near: float = 0.0,
    holdout: int | str | Sequence[str] | None = None,
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
        optimizer: the name of a registered optimizer, with its ``optimizer_options``; ``"es"`` if None, or
            the one that the objective asks for.
        budget: evaluations to make, a multiple of the population; if None 1500 or what suits the optimizer,
            or no limit where there is a ``time_budget``.
        race: score each generation on so many scenes first, the better half on as many more, and of these the
            better half on all of them; or, as ``"1/8"``, on windows that show that share of each scene, and
            the best quarter on whole scenes. ``budget`` then counts full evaluations (see
            ``isptune.tuning.racing``).
        time_budget: ends the run in time, such as ``"10m"``, ``"1h30m"`` or seconds: no generation is begun
            that would not be done by then. What the log holds of a run that is resumed counts.
        patience: ends the run after so many evaluations without a gain.
        patience_gain: counts as a gain what is better by more than this many typical differences of the first
            generation (see ``isptune.tuning.ending``).
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
            their defaults), a YAML or JSON file of these, or the folder of a run or of a table for its best
            candidates, up to half of the population; or a list of such: the best of each comes first, then
            the second best of each, without those that nearly equal an earlier one. None is
            ``"default"`` where a parameter that is searched declares one.
        proposer: the file or folder of a trained proposer, or ``"own"`` for the one that the pipeline brings:
            the search begins with what it suggests after a look at a few renderings, which are candidates of
            the first generation as well.
        guard: a second judge, or several: objectives that see the same renderings and optimize nothing. Gains
            that one of them contradicts are penalised, see ``isptune.tuning.doubts``.
        guard_weight: multiplies that penalty.
        guard_tolerance: by how many of its typical differences a guard may find a candidate worse before it
            is doubted.
        stay_near: the weight of the distance from the pipeline's defaults, which is added to every loss in
            typical differences of the first generation; 0 for none.
        holdout: pictures of the pipeline that only judge: how many of them, drawn by ``seed``, or their
            names, globs of names, or files. The optimizer is never told of them; ``holdout`` of the result
            says what was gained there, with a warning where the gain does not carry over (see
            ``isptune.runs.held_out``).
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
    _check_arguments(pipeline, objective, optimizer, optimizer_options, out, callbacks, guard)
    # Before any plugin is made, which may change the working folder.
    directory = None if out is None else RunDirectory(out)
    renderer: Pipeline = registry.pipelines.create(pipeline) if isinstance(pipeline, str) else pipeline
    scorers, guards = _made(objective), _made(guard)
    if optimizer is None:
        wanted = (one.default_optimizer for one in scorers)
        optimizer = next(filter(None, wanted), None) or component.default_optimizer().name
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
            "race": race,
            "time_budget": time_budget,
            "patience": patience,
            "patience_gain": patience_gain,
            "proposer": None if proposer is None else str(proposer),
            "guard": [describe(one) for one in guards],
            "guard_weight": guard_weight,
            "guard_tolerance": guard_tolerance,
            "stay_near": stay_near,
            "holdout": holdout,
            "max_failures": max_failures,
            "workers": workers,
            "timeout": timeout,
            "retries": retries,
        },
        "the call of isptune.tune",
    )
    session = make_session(renderer, Scoring(scorers, vector, guards), config, directory)
    session.started_from = "python"
    session.objects = objects_of(renderer, scorers, guards)
    if session.choice:
        logger.info("%s", session.choice)
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


def _several(given: Any) -> list[Any]:
    """One or several objectives as a list; None as none."""
    if given is None:
        return []
    return list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]


def _made(given: Any) -> list[Objective]:
    """Objectives, of which names were given or they themselves."""
    return [registry.objectives.create(one) if isinstance(one, str) else one for one in _several(given)]


def _check_arguments(
    pipeline: Any,
    objective: Any,
    optimizer: Any,
    optimizer_options: Any,
    out: Any,
    callbacks: Any,
    guard: Any,
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
    for kind, given in (("objective", [None] if objective is None else objective), ("guard", guard)):
        for one in _several(given):
            check_argument(f"the {kind} of {call}", one, (Objective, str), allowed)
    named = optimizer is not None
    if named:
        check_argument(f"the optimizer of {call}", optimizer, (str,), "the name of a registered optimizer")
    options = {} if optimizer_options is None else optimizer_options
    check_argument(f"optimizer_options of {call}", options, (Mapping,), "a mapping of names to values")
    check_argument(f"out of {call}", out, (str, os.PathLike, type(None)), "a path, or None for no directory")
    check_callbacks(callbacks)
    if named:
        check_optimizer(Component(name=optimizer, options=dict(options)))

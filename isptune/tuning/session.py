"""A run before and after its loop: its parts from a configuration, its directory, its read-back."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from isptune.contracts.objective import Objective
from isptune.contracts.optimizer import Optimizer
from isptune.contracts.pipeline import Pipeline, Scene
from isptune.errors import RunDirectoryError, UnknownNameError
from isptune.parameters import ParameterSpace
from isptune.parameters.identity import free_space
from isptune.plugins import registry
from isptune.runs.again import check_parameters, require_named
from isptune.runs.description import Description
from isptune.runs.directory import CONFIG_NAME, FORMATS, LOG_NAME, RunDirectory
from isptune.runs.generation import Generation
from isptune.tuning.evaluation import check_gradients
from isptune.tuning.prechecks import (
    check_budget,
    check_optimizer,
    check_takes_scenes,
    one_objective_alone,
    with_population,
)
from isptune.tuning.scoring import Scoring
from isptune.tuning.settings import HOW_IT_RUNS, Component, RunConfig, parse_config, settings_of
from isptune.tuning.starts import beginning


@dataclass
class Session:
    """A run that is ready to start or to go on: its parts, its settings and its directory.

    ``space`` is the pipeline's with what the settings ask of its parameters: what is searched; ``starts`` are
    the candidates in it, (S, f), where the search begins.
    """

    pipeline: Pipeline
    scoring: Scoring
    config: RunConfig
    generations: int
    directory: RunDirectory | None
    space: ParameterSpace
    starts: NDArray[np.float64]
    started_from: str = "configuration"
    objects: dict[str, str] = field(default_factory=dict)

    @property
    def notices(self) -> tuple[str, ...]:
        """What is to be said of the search before it begins."""
        more = len(self.starts) - (self.config.population or len(self.starts))
        if more <= 0:
            return self.space.notices
        return (
            *self.space.notices,
            f"start has {len(self.starts)} candidates, and a generation {self.config.population}: "
            f"the last {more} are left out",
        )

    @cached_property
    def description(self) -> Description:
        """What must be known of the parts to read the run."""
        scoring = self.scoring
        return Description.of(
            self.pipeline,
            scoring.name,
            scoring.labels,
            scoring.orientations,
            self.space,
            "pipeline" in self.objects or has_own_scenes(self.config),
        )

    def make_optimizer(self) -> Optimizer:
        """A fresh optimizer of the run, as it was at the run's start."""
        component = self.config.optimizer
        check_optimizer(component)
        optimizer: Optimizer = registry.optimizers.create(
            component.name,
            space=free_space(self.space),
            population=self.config.population,
            seed=self.config.seed,
            budget=self.config.budget,
            starts=self.starts if len(self.starts) else None,
            **component.options,
        )
        return optimizer


def prepare(
    config: RunConfig,
    out: str | Path | RunDirectory | None,
    objective: Objective | None = None,
    scenes: Sequence[Scene] | None = None,
) -> Session:
    """Build the parts that a configuration names.

    Args:
        config: of the run.
        out: the run directory, or None.
        objective: the one that is named, where it is made already.
        scenes: those that are named, where they are read already and the pipeline takes such.
    """
    # Before any plugin is made, which may change the working folder.
    directory = out if out is None or isinstance(out, RunDirectory) else RunDirectory(out)
    pipeline = make_pipeline(config, scenes)
    scoring = make_scoring(config) if objective is None else Scoring([objective], config.vector)
    return make_session(pipeline, scoring, config, directory)


def has_own_scenes(config: RunConfig) -> bool:
    """Whether no setting chooses what the pipeline renders: it brings its scenes itself."""
    try:
        return not registry.pipelines.takes(config.pipeline.name, "scenes")
    except UnknownNameError:
        # An object that a caller made.
        return True


def make_scoring(config: RunConfig) -> Scoring:
    """The objectives of a run alone."""
    made = [registry.objectives.create(part.name, **part.options) for part in config.objectives]
    return Scoring(made, config.vector)


def make_pipeline(config: RunConfig, scenes: Sequence[Scene] | None = None) -> Pipeline:
    """The pipeline of a run alone, with the run's scenes, crop and seed where it takes such options."""
    options = dict(config.pipeline.options)
    seen: dict[str, Any] = {"scenes": config.scenes, "crop": config.crop, "seed": config.seed}
    if scenes is not None:
        seen |= {"scenes": list(scenes), "crop": None}
    for key, value in seen.items():
        if registry.pipelines.takes(config.pipeline.name, key):
            options.setdefault(key, value)
    pipeline: Pipeline = registry.pipelines.create(config.pipeline.name, **options)
    return pipeline


def prepare_resume(out: str | Path, how: Mapping[str, Any] | None = None) -> Session:
    """Build the parts of the run that a directory holds.

    Args:
        out: the directory.
        how: settings of this sitting that decide how it is computed and not what it finds, such as
            ``max_failures``; None in it for what the run was started with.
    """
    directory = RunDirectory(out)
    data = directory.read_config()
    Description.read(data, directory.file(CONFIG_NAME))
    require_named(data, out)
    settings = settings_of(data) | {key: value for key, value in (how or {}).items() if value is not None}
    config = parse_config(settings, f"'{directory.file('run.yaml')}'" if not how else "the options")
    if config.fingerprint() != data.get("fingerprint"):
        raise RunDirectoryError(
            f"'{directory.file('run.yaml')}' was changed after the run was started; put it back as it was "
            "or start a new run with --config"
        )
    try:
        session = prepare(config, directory)
    except UnknownNameError as error:
        if data.get("started_from") != "python":
            raise
        raise RunDirectoryError(
            f"the run in '{out}' cannot be made again here: {error}; "
            f"call isptune.resume('{out}') in the program that registers it"
        ) from error
    check_parameters(data, session.space, out)
    return session


def best_of_run(out: str | Path, scenes: list[str] | None) -> tuple[Pipeline, dict[str, Any]]:
    """A run's pipeline on other scenes, seen whole, and the best parameters that its log holds so far.

    Args:
        out: the run directory.
        scenes: what is rendered; None for the scenes that the pipeline brings itself.

    Raises:
        RunDirectoryError: there is no run, its pipeline cannot be made here, or nothing in it has a finite
            score yet.
    """
    from isptune.runs.run import Run

    # Before any plugin is made, which may change the working folder.
    run = Run.read(out)
    require_named(run.data, out)
    check_takes_scenes(run.config.pipeline, scenes or ())
    best = run.result.best_parameters
    if not best:
        raise RunDirectoryError(f"the run in '{out}' has no candidate with a finite score yet")
    if scenes is None:
        made = make_pipeline(run.config)
        check_parameters(run.data, beginning(made.space, run.config).space, out)
        return made, best
    pipeline = run.config.pipeline
    # Those of its options would win over the ones that are wanted here.
    options = {key: value for key, value in pipeline.options.items() if key not in ("scenes", "crop")}
    pipeline = pipeline.model_copy(update={"options": options})
    config = run.config.model_copy(update={"scenes": scenes, "crop": "full", "pipeline": pipeline})
    made = make_pipeline(config)
    check_parameters(run.data, beginning(made.space, config).space, out)
    return made, best


def make_session(
    pipeline: Pipeline, scoring: Scoring, config: RunConfig, directory: RunDirectory | None
) -> Session:
    config = with_population(config)
    assert config.population is not None
    generations = check_budget(config.budget, config.population)
    if registry.optimizers.fact(config.optimizer.name, "needs_gradient", False):
        # Before anything is said about what such an optimizer leaves alone.
        if len(scoring.labels) > 1:
            raise one_objective_alone(config.optimizer.name, scoring.labels)
        check_gradients(pipeline, scoring)
    begun = beginning(pipeline.space, config)
    return Session(pipeline, scoring, config, generations, directory, begun.space, begun.starts)


def open_directory(directory: RunDirectory, session: Session, run: str, resume: bool) -> list[Generation]:
    """Create the directory, or read the log of the run that it holds; then open the log.

    The directory is locked before anything in it is written or read.
    """
    facts = _facts(session, run)
    remedy = None
    if session.started_from == "python":
        remedy = "go on with it by resume=True, or choose another folder for out"
    if not resume:
        directory.require_none(remedy)
    directory.lock()
    try:
        if not resume:
            # Another process may have ended a run in it since.
            directory.require_none(remedy)
        return _opened(directory, session, run, resume, facts)
    except BaseException:
        directory.close()
        raise


def _opened(
    directory: RunDirectory, session: Session, run: str, resume: bool, facts: dict[str, Any]
) -> list[Generation]:
    log: list[Generation] = []
    good = 0
    if resume and directory.holds_a_run:
        data = directory.read_config()
        if data.get("fingerprint") != run:
            raise RunDirectoryError(
                f"the run in '{directory.path}' was started with another configuration: "
                f"{difference(data, facts)}"
            )
        digests = data.get("scene_digests") or {}
        if not isinstance(digests, Mapping):
            raise RunDirectoryError(
                f"'{directory.file(CONFIG_NAME)}' was changed after the run was started: its "
                "scene_digests are no mapping; put it back as it was"
            )
        for name, digest in digests.items():
            if facts["scene_digests"].get(name) != digest:
                raise RunDirectoryError(
                    f"the scene '{name.partition(' ')[2]}' has changed since the run in "
                    f"'{directory.path}' was started"
                )
        log, good = directory.read_log(run)
        if len(log) > session.generations:
            raise RunDirectoryError(
                f"'{directory.file(LOG_NAME)}' holds {len(log)} generations, more than the "
                f"{session.generations} of the configuration"
            )
        if Description.read(data, directory.file(CONFIG_NAME)) is None:
            # Of isptune 0.1: from here on it can be read without its plugins.
            directory.create({**data, **session.description.to_dict()})
    else:
        directory.create(facts)
    directory.open_log(good)
    return log


def _facts(session: Session, run: str) -> dict[str, Any]:
    """What run.yaml holds: the resolved settings, then what they were resolved with."""
    packages = ("isptune", "torch", "numpy", "kornia", "deap", "cma", "nevergrad")
    return {
        **session.config.model_dump(),
        "isptune_run": FORMATS[-1],
        "fingerprint": run,
        "started_from": session.started_from,
        **({"objects": session.objects} if session.started_from == "python" else {}),
        "versions": {
            "python": platform.python_version(),
            **{package: metadata.version(package) for package in packages},
        },
        "machine": _machine(),
        **session.description.to_dict(),
        "scene_digests": _scene_digests(session.pipeline),
    }


def _machine() -> dict[str, Any]:
    """What the run was computed on, for whoever compares times."""
    facts: dict[str, Any] = {
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }
    if torch.cuda.is_available():
        facts["gpu"] = torch.cuda.get_device_name()
    return facts


def _scene_digests(pipeline: Pipeline) -> dict[str, str]:
    """By place and name, of the scenes that have a digest."""
    digests = {f"{index} {scene.name}": pipeline.digest(scene) for index, scene in enumerate(pipeline.scenes)}
    return {name: digest for name, digest in digests.items() if digest is not None}


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """The settings in which two configurations differ, for a message."""
    found = [
        f"{key} was {_short(old.get(key))} and is now {_short(new.get(key))}"
        for key in RunConfig.order
        if key not in HOW_IT_RUNS and old.get(key) != new.get(key)
    ]
    return "; ".join(found) or "its fingerprint differs"


def _short(value: Any) -> str:
    if isinstance(value, dict) and set(value) == set(Component.model_fields):
        return f"'{value['name']}' {value['options'] or ''}".strip()
    if isinstance(value, list) and value and all(isinstance(part, dict) for part in value):
        return ", ".join(_short(part) for part in value)
    return repr(value)

"""A run before and after its loop: its parts from a configuration, its directory, its read-back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isptune.contracts.objective import Objective
from isptune.contracts.optimizer import Optimizer
from isptune.contracts.pipeline import Pipeline, Scene
from isptune.errors import ConfigurationError, RunDirectoryError, UnknownNameError
from isptune.parameters import ParameterSpace
from isptune.parameters.identity import declares_defaults, free_space
from isptune.plugins import registry
from isptune.runs.again import check_parameters, require_named
from isptune.runs.description import Description
from isptune.runs.directory import CONFIG_NAME, RunDirectory
from isptune.tuning.blame import called
from isptune.tuning.choosing import with_choice
from isptune.tuning.doubts import Penalties
from isptune.tuning.evaluation import Evaluator, check_gradients
from isptune.tuning.holdout import split
from isptune.tuning.prechecks import (
    UNLIMITED,
    check_budget,
    check_guards,
    check_optimizer,
    judges_alone,
    one_objective_alone,
    with_population,
)
from isptune.tuning.race_plans import planned_generations
from isptune.tuning.racing import check_race
from isptune.tuning.scoring import Scoring
from isptune.tuning.settings import Component, RunConfig, parse_config, settings_of
from isptune.tuning.starts import beginning, room_for_starts
from isptune.tuning.suggested import Suggested, with_suggestions
from isptune.tuning.windows import windows_share


@dataclass
class Session:
    """A run that is ready to start or to go on: its parts, its settings and its directory.

    ``space`` is the pipeline's with what the settings ask of its parameters: what is searched; ``starts`` are
    the candidates in it, (S, f), where the search begins. ``held_out`` is the pipeline with the scenes that
    only judge, which ``pipeline`` then lacks; ``begun`` is what is to be said of where the search begins, and
    ``choice`` of an optimizer that was chosen for the run, ``suggested`` what of its starts is of a proposer,
    ``windows`` the share of an evaluation that a race's windows take.
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
    held_out: Pipeline | None = None
    begun: tuple[str, ...] = ()
    choice: str = ""
    suggested: Suggested | None = None
    windows: float = 0.0

    @property
    def notices(self) -> tuple[str, ...]:
        """What is to be said of the search before it begins."""
        room = room_for_starts(self.config)
        if self.suggested is not None:
            return (*self.begun, self.suggested.notice(room))
        more = len(self.starts) - room
        if more <= 0:
            return self.begun
        held = "a generation" if room == self.config.population else "the search has room for"
        return (
            *self.begun,
            f"start has {len(self.starts)} candidates, and {held} {room}: the last {more} are left out",
        )

    def evaluator(self, pipeline: Pipeline, space: ParameterSpace) -> Evaluator:
        """What scores candidates of a space on a pipeline's scenes, as the settings say; to be closed."""
        config = self.config
        return Evaluator(
            pipeline,
            self.scoring,
            config.device,
            config.memory_gb,
            config.autocast,
            space,
            config.development(pipeline.development),
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
            scoring.guard_labels,
            scoring.guard_orientations,
            self.held_out,
        )

    def place(self, generation: int) -> str:
        """Where a generation is in the run, in words: ``3 of 50``."""
        return f"{generation} of {self.generations}" if self.generations < UNLIMITED else f"{generation}"

    @property
    def penalties(self) -> Penalties:
        """What is added to the losses of candidates, from the first generation on."""
        config, scoring = self.config, self.scoring
        weights = config.guard_weight, config.guard_tolerance, config.stay_near
        return Penalties(self.space, scoring.orientations, scoring.guard_orientations, *weights)

    def make_optimizer(self) -> Optimizer:
        """A fresh optimizer of the run, as it was at the run's start."""
        component = self.config.optimizer
        check_optimizer(component)
        optimizer: Optimizer = registry.optimizers.create(
            component.name,
            space=free_space(self.space),
            population=self.config.population,
            seed=self.config.seed,
            # Of a race: the candidates that it will be asked for.
            budget=None if self.config.budget is None else self.generations * (self.config.population or 1),
            starts=self.starts[: room_for_starts(self.config)] if len(self.starts) else None,
            **component.options,
        )
        return optimizer


def prepare(
    config: RunConfig,
    out: str | Path | RunDirectory | None,
    objective: Objective | None = None,
    scenes: Sequence[Scene] | None = None,
    guards: Sequence[Objective] | None = None,
) -> Session:
    """Build the parts that a configuration names.

    Args:
        config: of the run.
        out: the run directory, or None.
        objective: the one that is named, where it is made already.
        scenes: those that are named, where they are read already and the pipeline takes such.
        guards: those that are named, where they are made already.
    """
    # Before any plugin is made, which may change the working folder.
    directory = out if out is None or isinstance(out, RunDirectory) else RunDirectory(out)
    pipeline = make_pipeline(config, scenes)
    scoring = make_scoring(config, objective, guards)
    return make_session(pipeline, scoring, config, directory)


def has_own_scenes(config: RunConfig) -> bool:
    """Whether no setting chooses what the pipeline renders: it brings its scenes itself."""
    try:
        return not registry.pipelines.takes(config.pipeline.name, "scenes")
    except UnknownNameError:
        # An object that a caller made.
        return True


def make_scoring(
    config: RunConfig, objective: Objective | None = None, guards: Sequence[Objective] | None = None
) -> Scoring:
    """The objectives and the guards of a run alone; what is given was made already."""
    made = [objective] if objective is not None else [make_objective(part) for part in config.objectives]
    seconds = guards if guards is not None else [make_objective(part) for part in config.guard]
    return Scoring(made, config.vector, seconds)


def make_objective(component: Component) -> Objective:
    """An objective, or a guard, that settings name."""
    made: Objective = registry.objectives.create(component.name, **component.options)
    return made


def make_pipeline(config: RunConfig, scenes: Sequence[Scene] | None = None) -> Pipeline:
    """The pipeline of a run alone, with the run's scenes, crop and seed where it takes such options."""
    options = dict(config.pipeline.options)
    judging = config.holdout if isinstance(config.holdout, list) else []
    sources = [*config.scenes, *judging]
    seen: dict[str, Any] = {"scenes": sources, "crop": config.crop, "seed": config.seed}
    if scenes is not None and not judging:
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


def make_session(
    pipeline: Pipeline, scoring: Scoring, config: RunConfig, directory: RunDirectory | None
) -> Session:
    config, choice = with_choice(config, pipeline, scoring)
    config = with_population(config)
    assert config.population is not None
    check_budget(config.budget, config.population)
    optimizer = config.optimizer.name
    if len(scoring.labels) > 1 and not registry.optimizers.fact(optimizer, "is_multi_objective"):
        raise one_objective_alone(optimizer, scoring.labels)
    if registry.optimizers.fact(optimizer, "needs_gradient"):
        # Before anything is said about what such an optimizer leaves alone.
        check_gradients(pipeline, scoring)
    check_guards(config)
    tuned, held_out = split(pipeline, config)
    # What only judges is not looked at.
    config, suggested = with_suggestions(tuned, config, directory)
    begun = beginning(pipeline.space, config)
    if config.stay_near and not declares_defaults(begun.space):
        raise ConfigurationError(
            f"stay_near is {config.stay_near:g}, and the pipeline '{called(pipeline)}' declares no defaults "
            "of what is searched that a search could stay near to; leave it out"
        )
    check_race(config.race, scoring, len(tuned.scenes), registry.optimizers.fact(optimizer, "needs_gradient"))
    windows = windows_share(tuned, scoring, config.race)
    generations = planned_generations(config, len(tuned.scenes), windows)
    if held_out is not None and scoring.judges:
        raise judges_alone(next(iter(scoring.judges)))
    return Session(
        tuned,
        scoring,
        config,
        generations,
        directory,
        begun.space,
        begun.starts,
        held_out=held_out,
        begun=begun.notices,
        choice=choice,
        suggested=suggested,
        windows=windows,
    )

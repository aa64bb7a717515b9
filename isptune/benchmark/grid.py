"""The grid of a benchmark: its configuration, its cells, and the configuration of each cell's run."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar

from pydantic import (
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
)

from isptune.benchmark.cell import Cell, folder_of, variant_keys
from isptune.benchmark.entries import ObjectiveEntry, OptimizerEntry, SceneSet
from isptune.contracts.variants import Variants
from isptune.errors import ConfigurationError, IsptuneError
from isptune.plugins import locations, registry
from isptune.tuning.described_settings import GRID
from isptune.tuning.prechecks import check_budget, check_components, check_holdout, check_scenes
from isptune.tuning.settings import Component, RunConfig, default_component
from isptune.tuning.settings.mistakes import first_mistake
from isptune.tuning.settings.shared import SharedSettings, Whole, field
from isptune.wording.integers import as_integer
from isptune.wording.naming import listed

DEFAULT_NAME = GRID["name"].default
# Each is a run of its own.
_MOST_SEEDS = 100_000


class BenchConfig(SharedSettings):
    """Everything that decides what a benchmark does.

    Objectives and optimizers are names, or mappings of ``name``, ``options`` and ``label``. An objective may
    have a ``guard`` of its own instead of the grid's, and an optimizer a ``proposer``. Scenes are names of
    files or generated scenes, or mappings of ``label`` and ``scenes``. ``variants`` are seeds of the
    pipeline, crossed with everything else; without them each seed has its own. In YAML, tables and folders
    they have the name that the pipeline gives them, see ``isptune.contracts.variants``.
    """

    order: ClassVar = (*GRID,)

    name: str = field(GRID["name"], min_length=1)
    objectives: list[ObjectiveEntry] = field(GRID["objectives"], min_length=1)
    optimizers: list[OptimizerEntry] = field(
        GRID["optimizers"],
        default_factory=lambda: [
            OptimizerEntry(name=default_component("optimizer").name, label=None, proposer=None)
        ],
        min_length=1,
    )
    scenes: list[SceneSet] = field(
        GRID["scenes"],
        default_factory=lambda: [SceneSet(label="chart", scenes=["chart"])],
        min_length=1,
    )
    variants: list[int] | None = field(GRID["variants"])
    seeds: list[int] = field(GRID["seeds"], min_length=1)
    targets: list[float] = field(GRID["targets"])
    threads: Whole = field(GRID["threads"], ge=1)
    _called: Variants = PrivateAttr(default_factory=Variants)

    @property
    def called(self) -> Variants:
        """What the pipeline calls its variants, and the option that holds them."""
        return self._called

    def calling(self, called: Variants) -> BenchConfig:
        """The same grid with another name for the variants."""
        changed = self.model_copy()
        changed._called = called
        return changed

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Plain data, with the pipeline's own key for the variants."""
        data = super()._as_written(handler)
        return {self._called.plural if key == "variants" else key: value for key, value in data.items()}

    @field_validator("objectives", "optimizers", "scenes", mode="before")
    @classmethod
    def _one_alone(cls, value: Any) -> Any:
        return list(value) if isinstance(value, (list, tuple)) else [value]

    @field_validator("seeds", "variants", mode="before")
    @classmethod
    def _count(cls, value: Any) -> Any:
        if isinstance(value, (list, tuple, range)) or getattr(value, "ndim", 0) == 1:
            return [as_integer(one) for one in value]
        value = as_integer(value)
        if value is None:
            return value
        # True is a number to Python, and no count.
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MOST_SEEDS:
            raise ValueError(f"a count from 1 to {_MOST_SEEDS}, or a list of whole numbers from 0")
        return list(range(value))

    @field_validator("seeds", "variants")
    @classmethod
    def _seeds(cls, value: list[int] | None) -> list[int] | None:
        if value and min(value) < 0:
            raise ValueError("whole numbers from 0")
        return value

    @field_validator("targets")
    @classmethod
    def _targets(cls, value: list[float]) -> list[float]:
        if not all(0 < target < 1 for target in value):
            raise ValueError("numbers between 0 and 1")
        return sorted(value, reverse=True)


def _called(data: Mapping[str, Any]) -> Variants:
    """What the pipeline of a grid calls its variants."""
    pipeline = data.get("pipeline")
    name = pipeline.get("name") if isinstance(pipeline, Mapping) else pipeline
    if pipeline is None:
        name = registry.pipelines.default()
    found: Any = None
    if isinstance(name, str):
        found = registry.pipelines.told(name, "variants", None)
        if locations.is_location(name):
            # What is wrong with it is said where its settings are checked.
            with suppress(IsptuneError):
                found = registry.pipelines.fact(name, "variants", None)
    return found if isinstance(found, Variants) else Variants()


def parse_bench_config(
    data: Mapping[str, Any], where: str = "the configuration", called: Variants | None = None
) -> BenchConfig:
    """A checked configuration from plain data.

    Args:
        data: as a YAML file holds it.
        where: it comes from, for messages.
        called: how its variants are called; as its pipeline says if None. Other pipelines' names for them
            are understood, too.

    Raises:
        ConfigurationError: one sentence with the field's path, its value and what is allowed; a label that
            stands for two things; a budget that is no multiple of the population.
    """
    called = called or _called(data)
    given = [key for key in dict.fromkeys([called.plural, *variant_keys()]) if key in data]
    if len(given) > 1:
        raise ConfigurationError(f"{where} has {listed(given)}, which mean the same; give one of them")
    plain = {"variants" if key in given else key: value for key, value in data.items()}
    try:
        config = BenchConfig.model_validate(plain)
    except ValidationError as error:
        keys = {"variants": called.plural}
        raise ConfigurationError(first_mistake(error, where, BenchConfig, keys)) from None
    config = config.calling(called)
    for kind, labels in (
        ("objectives", [entry.shown for entry in config.objectives]),
        ("optimizers", [entry.shown for entry in config.optimizers]),
        ("scenes", [entry.label for entry in config.scenes]),
        (called.plural, [str(number) for number in config.variants or []]),
        ("seeds", [str(number) for number in config.seeds]),
    ):
        remedy = "" if kind in (called.plural, "seeds") else "; give one of them a label of its own"
        by_folder: dict[str, str] = {}
        for label in labels:
            other = by_folder.get(folder_of(label))
            by_folder[folder_of(label)] = label
            if other == label:
                raise ConfigurationError(f"{where} has '{label}' twice among {kind}{remedy}")
            if other is not None:
                raise ConfigurationError(
                    f"{where} has '{other}' and '{label}' among {kind}, whose cells would share a "
                    f"folder{remedy}"
                )
    if config.population is not None:
        check_budget(config.budget, config.population)
    return config


def cells_of(config: BenchConfig) -> Iterator[tuple[Cell, RunConfig]]:
    """Every cell with the configuration of its run: objective by objective, so that models are shared."""
    called = config.called
    variants: Sequence[int | None] = config.variants or [None]
    for objective, optimizer, scene, number, seed in itertools.product(
        config.objectives, config.optimizers, config.scenes, variants, config.seeds
    ):
        # The pipeline's own seed; where none is given it follows the run's.
        options = dict(config.pipeline.options)
        if number is not None:
            options[called.option] = number
        label = options.get(called.option, seed)
        pipeline = Component(name=config.pipeline.name, options=options)
        yield (
            Cell(objective.shown, optimizer.shown, scene.label, str(label), seed, called.name),
            _run_of(config, objective, optimizer, pipeline=pipeline, scenes=scene.scenes, seed=seed),
        )


def _run_of(
    config: BenchConfig, objective: ObjectiveEntry, optimizer: OptimizerEntry, **own: Any
) -> RunConfig:
    """The run of an objective and an optimizer, with settings of its own over those that all runs share."""
    shared = {name: getattr(config, name) for name in SharedSettings.model_fields}
    parts = {
        kind: Component(name=one.name, options=one.options)
        for kind, one in (("objective", objective), ("optimizer", optimizer))
    }
    if objective.guard is not None:
        shared["guard"] = objective.guard
    if optimizer.proposer is not None:
        shared["proposer"] = optimizer.proposer
    return RunConfig(**{**shared, **parts, **own})


def check_grid(config: BenchConfig) -> None:
    """Refuse names, options, budgets and scenes that cannot be, before any plugin is imported.

    Raises:
        IsptuneError: one sentence about the first mistake.
    """
    for objective, optimizer in itertools.product(config.objectives, config.optimizers):
        check_components(_run_of(config, objective, optimizer))
    for scene in config.scenes:
        check_scenes(scene.scenes, config.crop, config.pipeline.name)
        run = _run_of(config, config.objectives[0], config.optimizers[0], scenes=scene.scenes)
        check_holdout(run)

"""The grid of a benchmark: its configuration, its cells, and the configuration of each cell's run."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from isptune.benchmark.cell import Cell, folder_of
from isptune.checks import check_components, check_scenes
from isptune.config import (
    MOST_CANDIDATES,
    Component,
    RunConfig,
    check_budget,
    default_component,
    first_mistake,
    parameter_settings,
)
from isptune.errors import ConfigurationError
from isptune.integers import as_integer
from isptune.paths import shown
from isptune.places import absolute_scene
from isptune.tuning.start_settings import WORDS, checked_start, read_start

DEFAULT_NAME = "benchmark"
# Each is a run of its own.
_MOST_SEEDS = 100_000


class Entry(Component):
    """A registered name with its options, under a label of its own where one name comes twice."""

    label: str | None = Field(None, min_length=1)

    @property
    def shown(self) -> str:
        return self.label or super().shown


def _default_optimizer() -> Entry:
    return Entry(name=default_component("optimizer").name, label=None)


class SceneSet(BaseModel):
    """Scenes that one run is tuned on together."""

    model_config = ConfigDict(extra="forbid", strict=True)

    label: str = Field(min_length=1)
    scenes: list[str] = Field(min_length=1)


class BenchConfig(BaseModel):
    """Everything that decides what a benchmark does.

    Objectives and optimizers are names, or mappings of ``name``, ``options`` and ``label``; scenes are names
    of files or generated scenes, or mappings of ``label`` and ``scenes``. ``maps`` are seeds of hidden maps,
    crossed with everything else; without them each seed has its own map.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(DEFAULT_NAME, min_length=1)
    objectives: list[Entry] = Field(min_length=1)
    optimizers: list[Entry] = Field(default_factory=lambda: [_default_optimizer()], min_length=1)
    scenes: list[SceneSet] = Field([SceneSet(label="chart", scenes=["chart"])], min_length=1)
    maps: list[int] | None = None
    seeds: list[int] = Field(list(range(10)), min_length=1)
    pipeline: Component = Field(default_factory=lambda: default_component("pipeline"))
    parameters: dict[str, Any] = {}
    start: str | list[dict[str, Any]] | None = None
    population: int | None = Field(None, ge=1, le=MOST_CANDIDATES)
    budget: int = Field(1500, ge=1)
    crop: str | int | None = "auto"
    targets: list[float] = [0.2, 0.1, 0.05, 0.02]
    device: str = "auto"
    autocast: Literal["none", "bfloat16", "float16"] = "none"
    memory_gb: float = Field(2.0, gt=0, strict=False, allow_inf_nan=False)
    threads: int = Field(1, ge=1)

    @field_validator("objectives", "optimizers", mode="before")
    @classmethod
    def _names_alone(cls, value: Any) -> Any:
        return [{"name": one} if isinstance(one, str) else one for one in _listed(value)]

    @field_validator("scenes", mode="before")
    @classmethod
    def _scenes_alone(cls, value: Any) -> Any:
        return [
            {"label": scene_label(one), "scenes": [one]} if isinstance(one, str) else one
            for one in _listed(value)
        ]

    @field_validator("pipeline", mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("parameters", mode="before")
    @classmethod
    def _settings(cls, value: Any) -> Any:
        return parameter_settings(value)

    @field_validator("start", mode="before")
    @classmethod
    def _start(cls, value: Any) -> Any:
        return checked_start(value)

    @model_validator(mode="after")
    def _read_start(self) -> Self:
        """Take the candidates of a file or a run into the grid, so that no cell needs either."""
        if isinstance(self.start, str) and self.start not in WORDS:
            self.start = read_start(self.start, max(1, (self.population or 30) // 2))
        return self

    @field_validator("population", "budget", "threads", mode="before")
    @classmethod
    def _any_integer(cls, value: Any) -> Any:
        return as_integer(value)

    @field_validator("seeds", "maps", mode="before")
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

    @field_validator("seeds", "maps")
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


def _listed(value: Any) -> list[Any]:
    """One entry may stand for a list of one."""
    return value if isinstance(value, list) else [value]


def scene_label(scene: str) -> str:
    """A file's name without folder and ending; a generated scene as it is written."""
    return shown(scene.replace("\\", "/").rstrip("/").rpartition("/")[2].partition(".")[0] or scene)


def parse_bench_config(data: Mapping[str, Any], where: str = "the configuration") -> BenchConfig:
    """A checked configuration from plain data.

    Raises:
        ConfigurationError: one sentence with the field's path, its value and what is allowed; a label that
            stands for two things; a budget that is no multiple of the population.
    """
    try:
        config = BenchConfig.model_validate(dict(data))
    except ValidationError as error:
        raise ConfigurationError(first_mistake(error, where, BenchConfig, Entry)) from None
    for kind, labels in (
        ("objectives", [entry.shown for entry in config.objectives]),
        ("optimizers", [entry.shown for entry in config.optimizers]),
        ("scenes", [entry.label for entry in config.scenes]),
        ("maps", [str(number) for number in config.maps or []]),
        ("seeds", [str(number) for number in config.seeds]),
    ):
        twice = next((label for label, count in Counter(labels).items() if count > 1), None)
        remedy = "" if kind in ("maps", "seeds") else "; give one of them a label of its own"
        if twice is not None:
            raise ConfigurationError(f"{where} has '{twice}' twice among {kind}{remedy}")
        by_folder: dict[str, str] = {}
        for label in labels:
            other = by_folder.setdefault(folder_of(label), label)
            if other != label:
                raise ConfigurationError(
                    f"{where} has '{other}' and '{label}' among {kind}, whose cells would share a folder"
                    f"{remedy}"
                )
    if config.population is not None:
        check_budget(config.budget, config.population)
    return config


def cells_of(config: BenchConfig) -> Iterator[tuple[Cell, RunConfig]]:
    """Every cell with the configuration of its run: objective by objective, so that models are shared."""
    maps: Sequence[int | None] = config.maps or [None]
    for objective, optimizer, scene, number, seed in itertools.product(
        config.objectives, config.optimizers, config.scenes, maps, config.seeds
    ):
        # The pipeline's own seed decides the hidden map; without maps it follows the run's.
        options = dict(config.pipeline.options)
        if number is not None:
            options["seed"] = number
        label = options.get("seed", seed)
        yield (
            Cell(objective.shown, optimizer.shown, scene.label, str(label), seed),
            RunConfig(
                scenes=scene.scenes,
                crop=config.crop,
                pipeline=Component(name=config.pipeline.name, options=options),
                parameters=config.parameters,
                start=config.start,
                objective=Component(name=objective.name, options=objective.options),
                optimizer=Component(name=optimizer.name, options=optimizer.options),
                population=config.population,
                budget=config.budget,
                seed=seed,
                device=config.device,
                autocast=config.autocast,
                memory_gb=config.memory_gb,
            ),
        )


def check_grid(config: BenchConfig) -> None:
    """Refuse names, options, budgets and scenes that cannot be, before any plugin is imported.

    Raises:
        IsptuneError: one sentence about the first mistake.
    """
    for objective, optimizer in itertools.product(config.objectives, config.optimizers):
        check_components(
            RunConfig(
                scenes=["chart"],
                pipeline=config.pipeline,
                objective=Component(name=objective.name, options=objective.options),
                optimizer=Component(name=optimizer.name, options=optimizer.options),
                population=config.population,
                budget=config.budget,
                seed=0,
                memory_gb=config.memory_gb,
            )
        )
    for scene in config.scenes:
        check_scenes(scene.scenes, config.crop)


def with_paths(config: BenchConfig) -> BenchConfig:
    """The configuration with scenes, plugins and checkpoints that mean the same from another folder."""
    return config.model_copy(
        update={
            "scenes": [
                one.model_copy(update={"scenes": [absolute_scene(scene) for scene in one.scenes]})
                for one in config.scenes
            ],
            "pipeline": config.pipeline.settled(),
            "objectives": [one.settled() for one in config.objectives],
            "optimizers": [one.settled() for one in config.optimizers],
        }
    )

"""The configuration of a run: what ``isptune tune`` takes, and ``run.yaml`` keeps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar, overload

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from isptune.contracts.development import Development
from isptune.errors import ConfigurationError
from isptune.runs import DESCRIBED
from isptune.storage.yaml_files import read_mapping
from isptune.tuning.described_settings import HOW_IT_RUNS, RUN
from isptune.tuning.settings import component
from isptune.tuning.settings.component import Component, default_component
from isptune.tuning.settings.mistakes import first_mistake
from isptune.tuning.settings.shared import Count, SharedSettings, Whole, field
from isptune.tuning.settings.suited import suited

# What run.yaml holds beside the settings of a RunConfig.
RUN_FACTS = (
    "isptune_run",
    "fingerprint",
    "versions",
    "scene_digests",
    "settled",
    "started_from",
    "objects",
    "suggested",
    "machine",
    *DESCRIBED,
)


class RunConfig(SharedSettings):
    """Everything that decides what a tuning run does.

    The fields are those of ``isptune tune``; in YAML ``pipeline``, ``objective`` and ``optimizer`` are a
    name or a mapping of ``name`` and ``options``. Several objectives are a list of those, or names with
    commas between them; here ``objective`` is then the first one, and ``more_objectives`` holds the others.
    ``workers``, as ``timeout`` and ``retries``, is for pipelines that make one picture at a time.
    """

    order: ClassVar = (*RUN,)
    silent: ClassVar = (*SharedSettings.silent, "vector", "parameters", "start", "workers")

    scenes: list[str] = field(RUN["scenes"], min_length=1)
    objective: Component = field(RUN["objective"], default_factory=lambda: default_component("objective"))
    optimizer: Component = field(RUN["optimizer"], default_factory=lambda: component.default_optimizer())
    seed: Whole = field(RUN["seed"], ge=0)
    vector: bool = field(RUN["vector"])
    workers: Count = field(RUN["workers"], ge=1)
    # Users write a list under ``objective``; excluded fields are no keys of a configuration.
    more_objectives: list[Component] = Field(default_factory=list, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _several_objectives(cls, data: Any) -> Any:
        """Take a list of objectives apart, so that every mistake in it is found at its own place."""
        if not isinstance(data, dict):
            return data
        given = data.get("objective")
        if isinstance(given, str) and "," in given:
            given = [name.strip() for name in given.split(",")]
        if not isinstance(given, (list, tuple)):
            return data
        if not given:
            raise ValueError("objective is []; allowed: at least one objective")
        return {**data, "objective": given[0], "more_objectives": list(given[1:])}

    @model_validator(mode="before")
    @classmethod
    def _suits_the_objective(cls, data: Any) -> Any:
        return suited(data) if isinstance(data, dict) else data

    @field_validator("scenes", mode="before")
    @classmethod
    def _one_scene(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Plain data, as users write it; runs of one objective look as if there could be no more."""
        data = super()._as_written(handler)
        if self.more_objectives and "objective" in data:
            data["objective"] = [component.model_dump() for component in self.objectives]
        return data

    def _own_population(self) -> int:
        from isptune.tuning.prechecks import with_population

        population = with_population(self).population
        assert population is not None
        return population

    def development(self, own: Development) -> Development:
        """How a pipeline that makes one picture at a time is run, given how it says so itself."""
        asked = {key: getattr(self, key) for key in ("workers", "timeout", "retries")}
        return replace(own, **{key: value for key, value in asked.items() if value is not None})

    @property
    def objectives(self) -> list[Component]:
        """All objectives."""
        return [self.objective, *self.more_objectives]

    def fingerprint(self) -> str:
        """Eight hexadecimal digits that change with anything that changes the results."""
        relevant = self.model_dump(exclude=set(HOW_IT_RUNS))
        # Where candidates were read is no part of them.
        relevant.pop("start_from", None)
        text = json.dumps(relevant, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


_Config = TypeVar("_Config", bound=RunConfig)


@overload
def parse_config(data: Mapping[str, Any], where: str = ...) -> RunConfig: ...
@overload
def parse_config(data: Mapping[str, Any], where: str, kind: type[_Config]) -> _Config: ...
def parse_config(
    data: Mapping[str, Any], where: str = "the configuration", kind: type[RunConfig] = RunConfig
) -> RunConfig:
    """A checked configuration from plain data, of a run or of what extends one.

    Raises:
        ConfigurationError: one sentence with the field's path, its value and what is allowed.
    """
    try:
        return kind.model_validate(dict(data))
    except ValidationError as error:
        raise ConfigurationError(first_mistake(error, where, kind)) from None


def read_config(path: str | Path) -> dict[str, Any]:
    """The plain data of a YAML configuration file, not yet checked.

    The run.yaml of another run may serve: what it holds beside settings is left out.

    Raises:
        ConfigurationError: the file is missing, is not YAML, has a key twice or does not hold a mapping.
    """
    data = read_mapping(path, f"the configuration '{path}'", ConfigurationError)
    return settings_of(data) if "isptune_run" in data else data


def settings_of(run: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in what a run.yaml holds."""
    return {key: value for key, value in run.items() if key not in RUN_FACTS}

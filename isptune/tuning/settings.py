"""The configuration of a run: one pydantic model that YAML files and the command line both fill."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from isptune.contracts.development import Development
from isptune.errors import ConfigurationError
from isptune.plugins import locations
from isptune.runs import DESCRIBED
from isptune.storage.places import settled
from isptune.storage.yaml_files import read_mapping
from isptune.tuning.start_settings import WORDS, checked_start, read_start
from isptune.wording.integers import as_integer
from isptune.wording.naming import did_you_mean, listed

# Pydantic's words for these are about its own types.
_ALLOWED = {
    "too_short": "at least one entry",
    "string_too_short": "at least one character",
    "model_type": "a name, or a mapping of name and options",
    "model_attributes_type": "a name, or a mapping of name and options",
    "list_type": "a list",
    "dict_type": "a mapping",
}

# What run.yaml holds beside the settings of a RunConfig.
RUN_FACTS = (
    "isptune_run",
    "fingerprint",
    "versions",
    "scene_digests",
    "started_from",
    "objects",
    "machine",
    *DESCRIBED,
)


# A generation is held in memory and written as one line.
MOST_CANDIDATES = 100_000

# Settings that decide how a run is computed and not what it finds; another sitting may have others.
HOW_IT_RUNS = ("device", "memory_gb", "max_failures", "workers", "timeout", "retries")


class Component(BaseModel):
    """A registered name with its options; in YAML either the name alone or both."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(min_length=1)
    options: dict[str, Any] = {}

    @property
    def written(self) -> str:
        """Name and options as a text: equal for what makes the same plugin."""
        return f"{self.name} {self.options!r}"

    @property
    def shown(self) -> str:
        """The name for tables and captions: of a plugin in a file without the file's folders."""
        return locations.shown(self.name)

    def settled(self) -> Self:
        """The same plugin, named so that it means the same from another folder."""
        return self.model_copy(
            update={"name": locations.absolute(self.name), "options": settled(self.options)}
        )


def default_component(kind: str) -> Component:
    """What is taken where no plugin of a kind is named, see ``Registry.default``.

    Raises:
        ConfigurationError: no installed package declares one, or several do.
    """
    from isptune.plugins.registry import REGISTRIES

    return Component(name=REGISTRIES[f"{kind}s"].default())


class RunConfig(BaseModel):
    """Everything that decides what a tuning run does.

    The fields are those of ``isptune tune``; in YAML ``pipeline``, ``objective`` and ``optimizer`` are a
    name or a mapping of ``name`` and ``options``. Several objectives are a list of those, or names with
    commas between them; here ``objective`` is then the first one, and ``more_objectives`` holds the others.
    ``start`` is where the search begins: ``"default"`` for the factory's defaults, ``"own"`` for wherever the
    optimizer begins, candidates as a mapping of parameters to values or a list of such, a YAML or JSON file
    of these, or the folder of a run for its best candidates, up to half of the population; here it is then
    the list. None is ``"default"`` where a parameter that is searched declares one, and ``"own"`` elsewhere.
    ``workers``, ``timeout`` and ``retries`` are for pipelines that make one picture at a time, see
    ``isptune.contracts.development``; what such a pipeline says itself holds where they are None.
    """

    model_config = ConfigDict(extra="forbid", strict=True, validate_default=False)

    scenes: list[str] = Field(["chart"], min_length=1)
    crop: str | int | None = "auto"
    pipeline: Component = Field(default_factory=lambda: default_component("pipeline"))
    objective: Component = Field(default_factory=lambda: default_component("objective"))
    optimizer: Component = Field(default_factory=lambda: default_component("optimizer"))
    population: int | None = Field(None, ge=1, le=MOST_CANDIDATES)
    budget: int = Field(1500, ge=1)
    seed: int = Field(0, ge=0)
    device: str = "auto"
    autocast: Literal["none", "bfloat16", "float16"] = "none"
    memory_gb: float = Field(2.0, gt=0, strict=False, allow_inf_nan=False)
    vector: bool = False
    parameters: dict[str, Any] = {}
    start: str | list[dict[str, Any]] | None = None
    max_failures: Annotated[float, Field(ge=0, le=1, strict=False, allow_inf_nan=False)] = 0.5
    workers: Annotated[int | None, Field(ge=1)] = None
    timeout: Annotated[float | None, Field(gt=0, strict=False, allow_inf_nan=False)] = None
    retries: Annotated[int | None, Field(ge=0)] = None
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
        parts = [{"name": part} if isinstance(part, str) else part for part in given]
        return {**data, "objective": parts[0], "more_objectives": parts[1:]}

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Plain data, as users write it; runs of one objective look as if there could be no more."""
        data: dict[str, Any] = handler(self)
        if self.more_objectives:
            data["objective"] = [component.model_dump() for component in self.objectives]
        for key in ("vector", "parameters", "start", "max_failures", "workers", "timeout", "retries"):
            # What is not asked for leaves no trace, so that fingerprints are those of earlier versions.
            if key in data and data[key] == type(self).model_fields[key].default:
                del data[key]
        return data

    def development(self, own: Development) -> Development:
        """How a pipeline that makes one picture at a time is run, given how it says so itself."""
        asked = {key: getattr(self, key) for key in ("workers", "timeout", "retries")}
        return replace(own, **{key: value for key, value in asked.items() if value is not None})

    @property
    def objectives(self) -> list[Component]:
        """All objectives."""
        return [self.objective, *self.more_objectives]

    @field_validator("pipeline", "objective", "optimizer", mode="before")
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
        """Take the candidates of a file or a run into the settings, so that nothing else needs either."""
        if isinstance(self.start, str) and self.start not in WORDS:
            from isptune.tuning.prechecks import with_population

            population = with_population(self).population
            assert population is not None
            self.start = read_start(self.start, max(1, population // 2))
        return self

    @field_validator("population", "budget", "seed", mode="before")
    @classmethod
    def _any_integer(cls, value: Any) -> Any:
        return as_integer(value)

    @field_validator("scenes", mode="before")
    @classmethod
    def _one_scene(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    def fingerprint(self) -> str:
        """Eight hexadecimal digits that change with anything that changes the results."""
        relevant = self.model_dump(exclude=set(HOW_IT_RUNS))
        text = json.dumps(relevant, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


def parameter_settings(value: Any) -> Any:
    """The settings of parameters as plain data, for a field of that name.

    Raises:
        ConfigurationError: one sentence about their form; whether a pipeline has such parameters is seen
            when there is one.
    """
    if value is None:
        return {}
    from isptune.parameters.constraints import check_settings

    check_settings(value)
    return {name: {key: _plain(given) for key, given in entry.items()} for name, entry in value.items()}


def _plain(value: Any) -> Any:
    """A value as YAML gives it back."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value


def parse_config(data: Mapping[str, Any], where: str = "the configuration") -> RunConfig:
    """A checked configuration from plain data.

    Raises:
        ConfigurationError: one sentence with the field's path, its value and what is allowed.
    """
    try:
        return RunConfig.model_validate(dict(data))
    except ValidationError as error:
        raise ConfigurationError(first_mistake(error, where, RunConfig, Component)) from None


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


def first_mistake(
    error: ValidationError,
    where: str,
    whole: type[BaseModel],
    part: type[BaseModel],
    keys: Mapping[str, str] | None = None,
) -> str:
    """The first of pydantic's complaints as one sentence, and how many more there are.

    Args:
        error: of pydantic.
        where: the configuration, for the message.
        whole, part: the models of the configuration and of what it contains, for their keys.
        keys: what fields are called, where that is not their name.
    """
    # A misspelt key also leaves the right one missing: the spelling is what to say.
    first, *others = sorted(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    place = list(first["loc"])
    keys = keys or {}
    place[:1] = [keys.get(str(part), part) for part in place[:1]]
    if place[:1] == ["more_objectives"]:
        # The second objective of a list is the first of the others.
        place[:2] = ["objective", int(place[1]) + 1] if len(place) > 1 else ["objective"]
    path = ".".join(str(part) for part in place if part not in ("str", "int"))
    if first["type"] == "extra_forbidden":
        *parents, key = place
        fields = (part if parents else whole).model_fields
        allowed = [
            name if parents else keys.get(name, name) for name, field in fields.items() if not field.exclude
        ]
        message = (
            f"{where} has the unknown key '{path}'"
            + did_you_mean(str(key), allowed)
            + f"; allowed: {listed(allowed, 20)}"
        )
    elif first["type"] == "missing":
        message = f"{where} needs the key '{path}'"
    elif isinstance(first.get("ctx", {}).get("error"), ConfigurationError):
        # It says its place itself.
        message = f"in {where}, {first['ctx']['error']}"
    elif not place:
        message = f"in {where}, {first['msg'].removeprefix('Value error, ')}"
    else:
        reason = _ALLOWED.get(first["type"], first["msg"])
        if first["type"] == "less_than_equal":
            reason = f"at most {first['ctx']['le']:g}"
        if place[0] == "scenes" and first["type"] == "model_type":
            reason = "a file, a generated scene, or a mapping of label and scenes"
        reason = reason.removeprefix("Input should be ").removeprefix("Value error, ")
        message = f"in {where}, {path} is {first['input']!r}; allowed: {reason}"
        if first["type"] == "literal_error":
            choices = [part.strip("' ") for part in reason.replace(" or ", ", ").split(",")]
            message += did_you_mean(str(first["input"]), choices)
        if first["input"] in (True, False) and first["type"] in ("string_type", "model_type"):
            message += "; YAML reads yes, no, on and off as true and false: put a text in quotes"
    if others:
        message += f" (and {len(others)} more {'mistake' if len(others) == 1 else 'mistakes'})"
    return message


def check_budget(budget: int, population: int) -> int:
    """The number of generations, refused with a ConfigurationError where it is not whole."""
    if budget % population:
        below, above = budget - budget % population, budget - budget % population + population
        nearest = f"{below} or {above}" if below else f"{above}"
        raise ConfigurationError(
            f"the budget {budget} is not a multiple of the population {population}; the nearest: {nearest}"
        )
    return budget // population

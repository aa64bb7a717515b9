"""The settings of a parameter table: those of a run, and by what its scenes are grouped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import field_validator, model_validator

from isptune.errors import ConfigurationError
from isptune.tuning.described_settings import RUN, TABLE
from isptune.tuning.settings import RunConfig
from isptune.tuning.settings.shared import NUMBER, field
from isptune.wording.allowed import shown
from isptune.wording.naming import did_you_mean, listed

ISO = "iso"
CONDITIONS = (ISO, "illuminant")
"""What scenes may be grouped by: ISO is a number, between which is interpolated; light is a name."""


class TableConfig(RunConfig):
    """Everything that decides what a parameter table does.

    ``budget`` and ``population`` are those of each of its runs, and a ``holdout`` that is a number counts
    pictures of each condition. ``conditions`` is what scenes are grouped by, ``share`` globs of parameters
    that are the same everywhere, ``smooth`` the weight of the distance from the neighbour's setting, and
    ``scene_conditions`` says by name, or glob of names, what scenes were taken under.
    """

    order: ClassVar = (*RUN, *TABLE)

    conditions: list[str] = field(TABLE["conditions"], min_length=1)
    share: list[str] = field(TABLE["share"])
    smooth: float = field(TABLE["smooth"], ge=0, **NUMBER)
    scene_conditions: dict[str, dict[str, Any]] = field(TABLE["scene_conditions"])

    @field_validator("conditions", "share", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        return [name.strip() for name in value.split(",")] if isinstance(value, str) else value

    @field_validator("conditions")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        for name in value:
            if name not in CONDITIONS:
                raise ConfigurationError(
                    f"conditions names '{name}'{did_you_mean(name, CONDITIONS)}; "
                    f"allowed: {listed(CONDITIONS)}"
                )
        return list(dict.fromkeys(value))

    @field_validator("scene_conditions", mode="before")
    @classmethod
    def _of_scenes(cls, value: Any) -> Any:
        return {} if value is None else checked_conditions(value)

    @model_validator(mode="after")
    def _one_score(self) -> TableConfig:
        if self.more_objectives or self.vector:
            raise ConfigurationError(
                "a table over conditions has one score; give one objective, without vector"
            )
        return self

    def run(self, **own: Any) -> RunConfig:
        """The configuration of one of its runs, with settings of its own."""
        shared = {name: getattr(self, name) for name in RunConfig.model_fields}
        return RunConfig(**{**shared, **own})


def checked_conditions(value: Any) -> dict[str, dict[str, Any]]:
    """By scene its conditions, refused with a ConfigurationError where they are of another form."""
    allowed = "names of scenes or globs, each with a mapping such as {iso: 800, illuminant: D65}"
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"scene_conditions is {shown(value)}; allowed: {allowed}")
    found: dict[str, dict[str, Any]] = {}
    for name, entry in value.items():
        if not isinstance(entry, Mapping) or not entry:
            raise ConfigurationError(f"scene_conditions.{name} is {shown(entry)}; allowed: {allowed}")
        found[str(name)] = {str(key): checked_condition(str(key), one) for key, one in entry.items()}
    return found


def checked_condition(name: str, value: Any) -> float | str:
    """One condition: an ISO is a number above 0, a light a text.

    Raises:
        ConfigurationError: there is no such condition, or it has no such value.
    """
    if name not in CONDITIONS:
        raise ConfigurationError(
            f"there is no condition '{name}'{did_you_mean(name, CONDITIONS)}; allowed: {listed(CONDITIONS)}"
        )
    if name != ISO:
        if isinstance(value, str) and value:
            return value
        raise ConfigurationError(f"{name} is {shown(value)}; allowed: a name such as D65")
    try:
        number = float(value) if not isinstance(value, bool) else 0.0
    except (TypeError, ValueError):
        number = 0.0
    if not 0 < number < float("inf"):
        raise ConfigurationError(f"iso is {shown(value)}; allowed: a number above 0")
    return number

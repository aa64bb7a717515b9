"""A plugin in a configuration: its registered name and its options."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from isptune.plugins import locations
from isptune.storage.places import settled

# Schemas are built where something is checked: a help text needs the fields alone.
STRICT = ConfigDict(extra="forbid", strict=True, defer_build=True)


class Component(BaseModel):
    """A registered name with its options; in YAML either the name alone or both."""

    model_config = STRICT

    name: str = Field(min_length=1)
    options: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

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


def default_component(kind: str, use: str = "") -> Component:
    """What is taken where no plugin of a kind is named, see ``Registry.default``.

    Args:
        kind: ``"pipeline"``, ``"objective"`` or ``"optimizer"``.
        use: ``"run"`` for a single run.

    Raises:
        ConfigurationError: no installed package declares one, or several do.
    """
    from isptune.plugins.registry import REGISTRIES

    return Component(name=REGISTRIES[f"{kind}s"].default(use))


def default_optimizer() -> Component:
    """What a run takes where neither the settings nor the objective name an optimizer."""
    return default_component("optimizer", "run")

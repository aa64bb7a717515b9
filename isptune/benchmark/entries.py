"""What a grid holds of each kind: objectives, optimizers and sets of scenes, each with a label."""

from __future__ import annotations

from typing import Any, Self

from pydantic import (
    BaseModel,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from isptune.storage.paths import shown
from isptune.storage.places import absolute_path, absolute_scene
from isptune.tuning.settings import Component
from isptune.tuning.settings.component import STRICT
from isptune.tuning.settings.shared import listed_guards


class Entry(Component):
    """A registered name with its options, under a label of its own where one name comes twice."""

    label: str | None = Field(None, min_length=1)

    @property
    def shown(self) -> str:
        return self.label or super().shown


class ObjectiveEntry(Entry):
    """An objective, with guards of its own where it shall have others than the grid."""

    guard: list[Component] | None = None

    @field_validator("guard", mode="before")
    @classmethod
    def _guards(cls, value: Any) -> Any:
        return None if value is None else listed_guards(value)

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Plain data, without guards where it has none of its own, as in files of earlier versions."""
        data: dict[str, Any] = handler(self)
        return {key: value for key, value in data.items() if key != "guard" or value is not None}

    def settled(self) -> Self:
        guards = None if self.guard is None else [one.settled() for one in self.guard]
        return super().settled().model_copy(update={"guard": guards})


class OptimizerEntry(Entry):
    """An optimizer, with a proposer of its own where its searches alone shall begin with one."""

    proposer: str | None = Field(None, min_length=1)

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Plain data, without a proposer where it has none of its own, as in files of earlier versions."""
        data: dict[str, Any] = handler(self)
        return {key: value for key, value in data.items() if key != "proposer" or value is not None}

    def settled(self) -> Self:
        proposer = self.proposer and absolute_path(self.proposer)
        return super().settled().model_copy(update={"proposer": proposer})


class SceneSet(BaseModel):
    """Scenes that one run is tuned on together; in YAML a file alone, or both."""

    model_config = STRICT

    label: str = Field(min_length=1)
    scenes: list[str] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _scene_alone(cls, value: Any) -> Any:
        return {"label": scene_label(value), "scenes": [value]} if isinstance(value, str) else value

    def settled(self) -> Self:
        """The same scenes, named so that they mean the same from another folder."""
        return self.model_copy(update={"scenes": [absolute_scene(scene) for scene in self.scenes]})


def scene_label(scene: str) -> str:
    """A file's name without folder and ending; a generated scene as it is written."""
    return shown(scene.replace("\\", "/").rstrip("/").rpartition("/")[2].partition(".")[0] or scene)

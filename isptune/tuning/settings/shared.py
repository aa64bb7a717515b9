"""What runs and grids share: each setting with its default, its limits and its sentence of help."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from isptune.errors import ConfigurationError
from isptune.storage.paths import user_path
from isptune.storage.places import absolute_path, absolute_scene
from isptune.tuning.described_settings import ENDING, SHARED, Setting
from isptune.tuning.race_plans import checked_race
from isptune.tuning.settings.component import STRICT, Component, default_component
from isptune.tuning.start_settings import WORDS, checked_start, read_start
from isptune.wording.allowed import shown
from isptune.wording.durations import seconds_of
from isptune.wording.integers import as_integer

# Evaluations of a run to which nothing else sets an end.
USUAL_BUDGET = 1500
# A generation is held in memory and written as one line.
MOST_CANDIDATES = 100_000
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)", re.ASCII)

Whole = Annotated[int, BeforeValidator(as_integer)]
Count = Annotated[int | None, BeforeValidator(as_integer)]
NUMBER = {"strict": False, "allow_inf_nan": False}


def field(setting: Setting, **more: Any) -> Any:
    """The field of a setting: its default and its sentence, and what else pydantic is told of it."""
    if "default_factory" not in more and not setting.required:
        more["default"] = setting.default
    return Field(description=setting.said, **more)


class SharedSettings(BaseModel):
    """The settings that a run and every run of a grid have in common.

    ``start`` is where the search begins: ``"default"`` for the factory's defaults, ``"own"`` for wherever the
    optimizer begins, candidates as a mapping of parameters to values or a list of such, a YAML or JSON file
    of these, or the folder of a run or of a table for its best candidates, up to half of the population; or a
    list of such, whose candidates come in turn. Here it is then the list of candidates, and ``start_from``
    says for each the folder of the run that it is of, or nothing. None is ``"default"`` where a parameter
    that is searched declares one, and ``"own"`` elsewhere.
    ``budget`` is None where ``time_budget`` alone ends the run.
    ``guard`` holds second judges and ``stay_near`` is a prior, see ``isptune.tuning.doubts``.
    ``timeout`` and ``retries`` are for pipelines that make one picture at a time, see
    ``isptune.contracts.development``; what such a pipeline says itself holds where they are None.
    """

    model_config = STRICT

    # The order of a model's settings in files.
    order: ClassVar[tuple[str, ...]] = (*SHARED,)
    # Settings that leave no trace in files where they are not asked for, as in those of earlier versions.
    silent: ClassVar[tuple[str, ...]] = (
        *("guard", "guard_weight", "guard_tolerance", "stay_near", "holdout"),
        *("max_failures", "timeout", "retries"),
        *ENDING,
        "race",
        "proposer",
    )

    # For each candidate of start the file or the folder that it was read from; files are noted nowhere.
    _start_places: list[str] = PrivateAttr(default_factory=list)

    pipeline: Component = field(SHARED["pipeline"], default_factory=lambda: default_component("pipeline"))
    parameters: dict[str, Any] = field(SHARED["parameters"])
    start: str | list[str | dict[str, Any]] | list[dict[str, Any]] | None = field(SHARED["start"])
    # Files hold it; it is no setting that anybody gives.
    start_from: list[str] = Field(default_factory=list, exclude=True)
    proposer: str | None = field(SHARED["proposer"], min_length=1)
    guard: list[Component] = field(SHARED["guard"])
    guard_weight: float = field(SHARED["guard_weight"], ge=0, **NUMBER)
    guard_tolerance: float = field(SHARED["guard_tolerance"], ge=0, **NUMBER)
    stay_near: float = field(SHARED["stay_near"], ge=0, **NUMBER)
    holdout: int | list[str] | None = field(SHARED["holdout"])
    population: Count = field(SHARED["population"], ge=1, le=MOST_CANDIDATES)
    budget: Count = field(SHARED["budget"], ge=1)
    race: int | str | None = field(SHARED["race"])
    time_budget: str | None = field(SHARED["time_budget"])
    patience: Count = field(SHARED["patience"], ge=1)
    patience_gain: float = field(SHARED["patience_gain"], ge=0, **NUMBER)
    crop: str | int | None = field(SHARED["crop"])
    device: str = field(SHARED["device"])
    autocast: Literal["none", "bfloat16", "float16"] = field(SHARED["autocast"])
    memory_gb: float = field(SHARED["memory_gb"], gt=0, **NUMBER)
    max_failures: float = field(SHARED["max_failures"], ge=0, le=1, **NUMBER)
    timeout: float | None = field(SHARED["timeout"], gt=0, **NUMBER)
    retries: Count = field(SHARED["retries"], ge=0)

    @field_validator("parameters", mode="before")
    @classmethod
    def _check_parameters(cls, value: Any) -> Any:
        if value is None or value == {}:
            return {}
        from isptune.parameters.constraints import check_settings

        check_settings(value)
        return {name: {key: _plain(given) for key, given in entry.items()} for name, entry in value.items()}

    @field_validator("guard", mode="before")
    @classmethod
    def _guards(cls, value: Any) -> Any:
        return listed_guards(value)

    @field_validator("holdout", mode="before")
    @classmethod
    def _held_out(cls, value: Any) -> Any:
        return checked_holdout(value)

    @field_validator("start", mode="before")
    @classmethod
    def _check_start(cls, value: Any) -> Any:
        return checked_start(value)

    @field_validator("race", mode="before")
    @classmethod
    def _check_race(cls, value: Any) -> Any:
        return checked_race(value)

    @field_validator("time_budget", mode="before")
    @classmethod
    def _check_time(cls, value: Any) -> Any:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = f"{value:.12g}s"
        if value is not None and (not isinstance(value, str) or seconds_of(value) is None):
            raise ConfigurationError(
                f"time_budget is {shown(value)}; allowed: a time above 0, such as 90s, 10m or 1h30m"
            )
        return value if value is None else value.strip()

    @model_validator(mode="after")
    def _some_budget(self) -> Self:
        if self.budget is None and self.time_budget is None:
            self.budget = USUAL_BUDGET
        return self

    @model_validator(mode="after")
    def _read_start(self) -> Self:
        """Take the candidates of files and runs into the settings, so that nothing else needs either."""
        if isinstance(self.start, str):
            unread = self.start not in WORDS
        else:
            unread = self.start is not None and any(isinstance(one, str) for one in self.start)
        if unread:
            assert self.start is not None
            found = read_start(self.start, max(1, self._own_population() // 2))
            self._start_places = [one.place for one in found]
            self.start = [one.row for one in found]
            of_runs = [one.place if one.is_found else "" for one in found]
            self.start_from = of_runs if any(of_runs) else []
        if not isinstance(self.start, list) or len(self.start_from) != len(self.start):
            self.start_from = []
        return self

    @property
    def start_places(self) -> list[str]:
        """For each candidate of ``start`` the file or the run that it was read from; else empty."""
        rows = len(self.start) if isinstance(self.start, list) else 0
        return self._start_places or self.start_from or [""] * rows

    def settled(self) -> Self:
        """The same settings, with scenes, plugins and checkpoints that mean the same from another folder."""
        held = (
            *("pipeline", "objective", "more_objectives", "objectives"),
            *("guard", "optimizer", "optimizers", "scenes"),
        )
        names = [name for name in held if name in type(self).model_fields]
        found = {name: _settled(getattr(self, name)) for name in names}
        if self.proposer is not None:
            found["proposer"] = absolute_path(self.proposer)
        if isinstance(self.holdout, list):
            found["holdout"] = [absolute_scene(one) if _is_there(one) else one for one in self.holdout]
        return self.model_copy(update=found)

    def _own_population(self) -> int:
        """The population, or what the optimizer would take."""
        return self.population or 30

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Plain data, as users write it."""
        data: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        found = {
            key: data[key]
            for key in self.order
            if key in data and not (key in self.silent and data[key] == fields[key].default)
        }
        return {**found, "start_from": self.start_from} if self.start_from else found


def listed_guards(value: Any) -> Any:
    """Guards as a list, of which users write names with commas between them, one alone, or a list."""
    if value is None:
        return []
    if isinstance(value, str):
        return [name.strip() for name in value.split(",")]
    return list(value) if isinstance(value, (list, tuple)) else [value]


def checked_holdout(value: Any) -> int | list[str] | None:
    """What is held out: a count of pictures, or names and files, of which one may stand alone.

    Raises:
        ConfigurationError: it is of another form, or no count of pictures.
    """
    texts: list[Any] | None = None
    if isinstance(value, (str, list, tuple)):
        texts = [value] if isinstance(value, str) else list(value)
        number = next((found for found in map(_number, texts) if found is not None), None)
        if len(texts) == 1 and isinstance(texts[0], str) and texts[0].isdecimal():
            value, texts = int(texts[0]), None
        elif number is not None and len(texts) > 1:
            raise ConfigurationError(
                f"holdout is a number of pictures, {number}, beside other entries; allowed: one whole number "
                "from 1, or files, folders and globs"
            )
        elif number is not None:
            value, texts = number, None
    if value is None:
        return None
    if texts is None:
        count = as_integer(value)
        if isinstance(count, int) and not isinstance(count, bool) and count >= 1:
            return count
    elif texts and all(isinstance(one, str) and one for one in texts):
        return texts
    raise ConfigurationError(
        f"holdout is {shown(value)}; allowed: a number of pictures from 1, or a file, a folder or a glob, or "
        "a list of such"
    )


def _number(text: Any) -> int | float | None:
    """The number that a text is, and that no file is called; None otherwise."""
    if not isinstance(text, str) or not _NUMBER.fullmatch(text) or _is_there(text):
        return None
    value = float(text)
    return int(value) if value.is_integer() else value


def _is_there(source: str) -> bool:
    """Whether a text names files, and not a scene of a pipeline's own."""
    return os.path.lexists(user_path(source)) or bool(glob.glob(source, recursive=True))


def _settled(value: Any) -> Any:
    """A scene, a plugin, or a list of such."""
    if isinstance(value, list):
        return [_settled(one) for one in value]
    return absolute_scene(value) if isinstance(value, str) else value.settled()


def _plain(value: Any) -> Any:
    """A value as YAML gives it back."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value

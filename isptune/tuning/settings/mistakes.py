"""One sentence for a configuration that pydantic refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from isptune.errors import ConfigurationError
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


def first_mistake(
    error: ValidationError,
    where: str,
    model: type[BaseModel],
    keys: Mapping[str, str] | None = None,
) -> str:
    """The first of pydantic's complaints as one sentence, and how many more there are.

    Args:
        error: of pydantic.
        where: the configuration, for the message.
        model: of the configuration, for its keys.
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
        inner = _model_at(model, first["loc"][:-1])
        names = getattr(inner, "order", inner.model_fields)
        allowed = list(names) if parents else [keys.get(name, name) for name in names]
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


def _model_at(model: type[BaseModel], place: Sequence[str | int]) -> type[BaseModel]:
    """The model of what stands at a place in a configuration, such as of one objective of a list."""
    for part in place:
        if isinstance(part, str) and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation) or model
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that a type is, or is a list of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)

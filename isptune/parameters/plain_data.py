"""A parameter space as plain data, constraints included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from isptune.errors import ConfigurationError
from isptune.parameters.choices import Bool, Choice
from isptune.parameters.kinds import Float, Int
from isptune.parameters.parameter import Parameter
from isptune.wording.naming import did_you_mean, listed

if TYPE_CHECKING:
    from isptune.parameters.space import ParameterSpace

_KINDS: dict[str, type[Parameter]] = {"float": Float, "int": Int, "choice": Choice, "bool": Bool}
# What other parameters or a user make of a parameter, beside what it is.
_RELATIONS = ("fixed", "tied")


def described(space: ParameterSpace) -> dict[str, dict[str, Any]]:
    """Parameter name to its type, bounds, facts and constraints; what says nothing is left out."""
    found: dict[str, dict[str, Any]] = {}
    for parameter in space:
        entry: dict[str, Any] = {"type": parameter.kind}
        for key, value in parameter.facts().items():
            entry[key] = list(value) if isinstance(value, tuple) else value
        if parameter.active_if:
            entry["active_if"] = {
                name: wanted[0] if len(wanted) == 1 else list(wanted)
                for name, wanted in parameter.active_if.items()
            }
        if parameter.name in space.fixed:
            entry["fixed"] = space.fixed[parameter.name]
        if parameter.name in space.ties:
            entry["tied"] = space.ties[parameter.name]
        found[parameter.name] = entry
    return found


def read(data: Any) -> tuple[tuple[Parameter, ...], dict[str, float], dict[str, str]]:
    """The named parameters, the encoded fixed values and the ties of what ``described`` gave.

    Raises:
        ConfigurationError: an unknown type or key, a missing bound, or bounds that make no sense.
    """
    if not isinstance(data, Mapping):
        raise ConfigurationError("a parameter space is written as a mapping of names to descriptions")
    if not data:
        raise ConfigurationError("a parameter space needs at least one parameter")
    parameters: list[Parameter] = []
    fixed: dict[str, float] = {}
    ties: dict[str, str] = {}
    for name, entry in data.items():
        if not isinstance(entry, Mapping):
            raise ConfigurationError(f"parameter '{name}' needs a mapping with type and bounds")
        options = dict(entry)
        parameter = _read_one(str(name), options)
        parameters.append(parameter)
        if "fixed" in entry:
            fixed[parameter.name] = parameter.encode(entry["fixed"])
        if "tied" in entry:
            ties[parameter.name] = str(entry["tied"])
    names = {parameter.name for parameter in parameters}
    for name, other in ties.items():
        if other not in names:
            raise ConfigurationError(
                f"parameter '{name}' cannot be tied to '{other}': there is no parameter '{other}'"
                + did_you_mean(other, names)
            )
    return tuple(parameters), fixed, ties


def _read_one(name: str, options: dict[str, Any]) -> Parameter:
    kind = options.pop("type", "float")
    if kind not in _KINDS:
        raise ConfigurationError(
            f"parameter '{name}' has the unknown type '{kind}'"
            + did_you_mean(str(kind), _KINDS)
            + f"; allowed: {listed(_KINDS)}"
        )
    allowed = _keys(kind)
    for key in options:
        if key not in (*allowed, *_RELATIONS):
            raise ConfigurationError(
                f"parameter '{name}' has the unknown key '{key}'"
                + did_you_mean(str(key), allowed)
                + f"; allowed: {listed(['type', *allowed, *_RELATIONS])}"
            )
    for key in _KINDS[kind].needed:
        if key not in options:
            raise ConfigurationError(f"parameter '{name}' needs the key '{key}'")
    return _KINDS[kind](name=name, **{key: value for key, value in options.items() if key in allowed})


def _keys(kind: str) -> list[str]:
    names = [field.name for field in fields(_KINDS[kind]) if field.init and field.name != "name"]
    return sorted(names, key=lambda name: name not in _KINDS[kind].needed)

"""What a user asks of a search space: ranges, fixed values, ties, conditions and other defaults."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from isptune.errors import ConfigurationError, ParameterError
from isptune.parameters.choices import Bool, Choice
from isptune.parameters.kinds import Float, Int, Number
from isptune.parameters.names import unknown, whole_name
from isptune.parameters.parameter import Parameter
from isptune.parameters.relations import checked_condition
from isptune.parameters.space import ParameterSpace
from isptune.wording.naming import did_you_mean, listed
from isptune.wording.showing import value_text

KEYS = ("fix", "range", "tie", "active_if", "default")

Settings = Mapping[str, Mapping[str, Any]]


def by_name(**kinds: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Settings by parameter from settings by kind."""
    found: dict[str, dict[str, Any]] = {}
    for kind, given in kinds.items():
        if given is not None and not isinstance(given, Mapping):
            raise ConfigurationError(f"{kind} is {given!r}; allowed: a mapping of parameters to what holds")
        for name, value in (given or {}).items():
            found.setdefault(name, {})[kind] = value
    return found


def check_settings(settings: Any, where: str = "parameters") -> None:
    """Refuse settings of another form with a ConfigurationError, before there is a space to hold them to."""
    if not isinstance(settings, Mapping):
        raise ConfigurationError(f"{where} is {settings!r}; allowed: a mapping of parameters to settings")
    for name, entry in settings.items():
        if not isinstance(name, str):
            raise ConfigurationError(f"{where} has the key {name!r}; allowed: names of parameters")
        if not isinstance(entry, Mapping) or not entry:
            raise ConfigurationError(
                f"{where}.{name} is {entry!r}; allowed: a mapping with some of {listed(KEYS)}, "
                "such as {fix: 2.2}"
            )
        for key in entry:
            if key not in KEYS:
                raise ConfigurationError(
                    f"{where}.{name} has the unknown key '{key}'{did_you_mean(str(key), KEYS)}; "
                    f"allowed: {listed(KEYS)}"
                )


def constrain(space: ParameterSpace, settings: Settings, more: Settings) -> ParameterSpace:
    """See ``ParameterSpace.constrained``; ``more`` is added to the settings of the same names."""
    check_settings(settings)
    whole = {name: {**settings.get(name, {}), **more.get(name, {})} for name in {**settings, **more}}
    entries = _expanded(space, whole)
    parameters = {parameter.name: parameter for parameter in space}
    fixed = {name: space[name].encode(value) for name, value in space.fixed.items()}
    ties = dict(space.ties)
    notices = list(space.notices)
    for name, entry in entries.items():
        before = _conditioned(space[name], entry.get("active_if"), space)
        parameters[name], notice = _ranged(before, entry)
        if "fix" in entry or name in fixed:
            start = parameters[name] if "default" in entry else before
            fixed[name] = _fixed(start, parameters[name], entry.get("fix", space.fixed.get(name)))
        if "tie" in entry:
            ties[name] = whole_name(str(entry["tie"]), before.group, parameters)
        if name in ties and name in fixed:
            raise ConfigurationError(f"parameter '{name}' is fixed and tied; leave one of the two out")
        if notice and name not in fixed and name not in ties:
            notices.append(notice)
    _check_ties(parameters, fixed, ties)
    return ParameterSpace.related(tuple(parameters.values()), fixed, ties, tuple(notices))


def _expanded(space: ParameterSpace, settings: Settings) -> dict[str, Mapping[str, Any]]:
    """Settings by whole name, in the order of the space; a name's own stand for what globs say of it."""
    found: dict[str, Mapping[str, Any]] = {}
    globs: dict[str, str] = {}
    for pattern, entry in settings.items():
        if not _is_glob(pattern):
            continue
        matching = [name for name in space.names if fnmatch.fnmatchcase(name, pattern)]
        if not matching:
            raise ParameterError(
                f"no parameter matches '{pattern}'; the parameters are {listed(space.names)}"
            )
        for name in matching:
            if name in globs and name not in settings:
                raise ConfigurationError(
                    f"parameter '{name}' is matched by '{globs[name]}' and by '{pattern}'; "
                    "name it, or leave one of the two out"
                )
            # Whatever a whole group is tied to cannot be tied to itself.
            if entry.get("tie") != name:
                globs[name], found[name] = pattern, entry
    for name, entry in settings.items():
        if not _is_glob(name):
            found[space[name].name] = entry
    return {name: found[name] for name in space.names if name in found}


def _is_glob(name: str) -> bool:
    return any(letter in name for letter in "*?[")


def _ranged(parameter: Parameter, entry: Mapping[str, Any]) -> tuple[Parameter, str]:
    """The parameter with its range and default of a setting, and what is to be said about the default."""
    notice = ""
    if "range" in entry:
        if isinstance(parameter, Choice):
            parameter, notice = _among(parameter, entry["range"])
        elif isinstance(parameter, Number):
            parameter, notice = _between(parameter, entry["range"])
    if "default" in entry:
        try:
            parameter.encode(entry["default"])
        except ParameterError as error:
            raise ParameterError(f"in default, {error}") from None
        return replace(parameter, default=entry["default"]), ""
    return parameter, notice


def _between(parameter: Number, given: Any) -> tuple[Parameter, str]:
    what = f"the range of parameter '{parameter.name}'"
    kinds = (int,) if isinstance(parameter, Int) else (int, float)
    pair = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else []
    if len(pair) != 2 or not all(isinstance(end, kinds) and not isinstance(end, bool) for end in pair):
        whole = "whole numbers" if isinstance(parameter, Int) else "numbers"
        raise ConfigurationError(
            f"{what} is {given!r}; allowed: two {whole} within {parameter.allowed}, the lower first"
        )
    low, high = pair
    if low > high:
        raise ConfigurationError(f"{what} is turned round: [{low}, {high}]; write the lower end first")
    if low == high:
        raise ConfigurationError(f"{what} holds one value, {low}; fix it instead")
    if not (parameter.low <= low and high <= parameter.high):
        raise ConfigurationError(f"{what} is [{low}, {high}], beyond its bounds {parameter.allowed}")
    if isinstance(parameter, Float):
        low, high = float(low), float(high)
    default = parameter.default
    moved = None if default is None else min(max(default, low), high)
    narrowed = replace(parameter, low=low, high=high, default=moved)
    if moved == default:
        return narrowed, ""
    return narrowed, _moved(narrowed, f"{default:g}", f"{moved:g}")


def _among(parameter: Choice, given: Any) -> tuple[Parameter, str]:
    what = f"the range of parameter '{parameter.name}'"
    if isinstance(parameter, Bool):
        raise ConfigurationError(f"{what} is {given!r}; it is true or false: fix it instead")
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise ConfigurationError(f"{what} is {given!r}; allowed: a list of some of {parameter.allowed}")
    try:
        left = tuple(parameter.decode(parameter.encode(option)) for option in given)
    except ParameterError as error:
        raise ParameterError(f"in range, {error}") from None
    if len(set(map(str, left))) == 1:
        raise ConfigurationError(f"{what} holds one value, {left[0]}; fix it instead")
    narrowed = replace(parameter, only=left, default=None)
    if parameter.default is None:
        return narrowed, ""
    try:
        return replace(narrowed, default=parameter.default), ""
    except ParameterError:
        # Options are in no order that is known; the first that is left is as near as any.
        narrowed = replace(narrowed, default=narrowed.only[0])
        return narrowed, _moved(narrowed, str(parameter.default), str(narrowed.default))


def _moved(parameter: Parameter, before: str, now: str) -> str:
    return (
        f"the default of '{parameter.name}' is {before}, outside its range {parameter.allowed}; "
        f"it starts at {now}"
    )


def _fixed(start: Parameter, narrowed: Parameter, value: Any) -> float:
    """The encoded value that stays; of None the start, which a range must not move silently."""
    try:
        return narrowed.encode(start.decode(start.initial) if value is None else value)
    except ParameterError as error:
        raise ParameterError(f"in fix, {error}") from None


def _conditioned(parameter: Parameter, given: Any, space: ParameterSpace) -> Parameter:
    """The parameter with the conditions of a setting beside its own."""
    if given is None:
        return parameter
    by_name = {one.name: one for one in space}
    conditions = dict(parameter.active_if)
    for short, wanted in replace(parameter, active_if=given).active_if.items():
        name = whole_name(short, parameter.group, by_name)
        values = checked_condition(parameter, name, wanted, by_name, declared=True)
        before = conditions.get(name)
        left = values if before is None else tuple(value for value in before if value in values)
        if not left:
            raise ConfigurationError(
                f"parameter '{parameter.name}' can never be active: it already needs '{name}' to be "
                f"{listed(map(value_text, before or ()))}"
            )
        conditions[name] = left
    return replace(parameter, active_if=conditions)


def _check_ties(
    parameters: Mapping[str, Parameter], fixed: Mapping[str, float], ties: Mapping[str, str]
) -> None:
    """Refuse ties that cannot be with a ConfigurationError; circles are found with the other relations."""
    for name, other in ties.items():
        what = f"parameter '{name}' cannot be tied to"
        if other == name:
            raise ConfigurationError(f"{what} itself")
        if other not in parameters:
            raise ConfigurationError(f"{what} '{other}': {unknown(other, list(parameters))}")
        one, source = parameters[name], parameters[other]
        if one.kind != source.kind:
            raise ConfigurationError(
                f"{what} '{other}': it is {_a(one.kind)}, and '{other}' {_a(source.kind)}"
            )
        if isinstance(one, Choice) and isinstance(source, Choice) and one.options != source.options:
            raise ConfigurationError(
                f"{what} '{other}': it is one of {listed(map(str, one.options))}, and '{other}' one of "
                f"{listed(map(str, source.options))}"
            )
        if not _fits(one, source, fixed.get(other)):
            where = f"{what} '{other}': it is in {one.allowed}, and '{other}'"
            if other in fixed:
                raise ConfigurationError(f"{where} fixed at {value_text(source.decode(fixed[other]), 12)}")
            raise ConfigurationError(
                f"{where} is in {source.allowed}; narrow the range of '{other}' until all its values are "
                f"allowed for '{name}'"
            )


def _fits(one: Parameter, source: Parameter, fixed: float | None) -> bool:
    """Whether every value of a source is one of the tied parameter's."""
    every = source.places if isinstance(source, Choice) else source.bounds
    return all(map(one.holds, every if fixed is None else [fixed]))


def _a(kind: str) -> str:
    return f"an {kind}" if kind == "int" else f"a {kind}"

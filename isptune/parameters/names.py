"""Names of parameters: giving them, looking them up, and writing values under them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from isptune.errors import ConfigurationError
from isptune.parameters.parameter import Parameter
from isptune.wording.naming import did_you_mean, listed
from isptune.wording.showing import value_text


def named(parameters: Mapping[str, Parameter]) -> tuple[Parameter, ...]:
    """Copies of the parameters that know their names.

    Raises:
        ConfigurationError: no parameter, a name that cannot be, or what is no parameter.
    """
    if not isinstance(parameters, Mapping):
        raise ConfigurationError(
            f"parameters are a {type(parameters).__name__}; allowed: a mapping of names to Float, Int, "
            'Choice or Bool, such as {"gain": Float(0.5, 8.0)}'
        )
    if not parameters:
        raise ConfigurationError("a parameter space needs at least one parameter")
    for name, parameter in parameters.items():
        if not isinstance(name, str) or not name:
            raise ConfigurationError(f"{name!r} cannot name a parameter: it must be text")
        if not isinstance(parameter, Parameter):
            raise ConfigurationError(
                f"parameter '{name}' is {parameter!r}; allowed: a Float, an Int, a Choice or a Bool"
            )
    return tuple(replace(parameter, name=name) for name, parameter in parameters.items())


def unknown(name: str, names: Sequence[str]) -> str:
    """The sentence about a name that no parameter has."""
    return f"there is no parameter '{name}'{did_you_mean(name, names)}; the parameters are {listed(names)}"


def whole_name(name: str, group: str, names: Mapping[str, Parameter]) -> str:
    """A name as it stands in a group: without a dot it is the group's own parameter where there is one."""
    inside = f"{group}.{name}" if group else name
    return inside if "." not in name and inside in names else name


def written(parameters: Mapping[str, Any]) -> str:
    """Parameters for a message: ``blur=0.3, mode=fast``, numbers to six digits."""
    return ", ".join(f"{name}={value_text(value)}" for name, value in parameters.items())

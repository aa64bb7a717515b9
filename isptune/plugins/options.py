"""The options of plugins: names, types and bounds, checked against the constructor before anything is made.

A plugin declares what it takes where it takes it, in the annotations of its constructor::

    def __init__(self, window: Annotated[int, Field(ge=3)] = 11, channels: Literal["rgb", "y"] = "rgb"): ...

``Field`` is pydantic's. An option without an annotation is not checked.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Union, get_args, get_origin

from isptune.errors import ConfigurationError
from isptune.wording.allowed import allowed_values, choices_of, shown
from isptune.wording.naming import did_you_mean, listed

# The longest list of names that a message gives.
_NAMES = 20


@dataclass(frozen=True)
class Option:
    """One option of a plugin.

    Attributes:
        name: of the constructor's parameter.
        annotation: the type with its bounds; Any where it is not known.
        required: whether it has no default.
    """

    name: str
    annotation: Any = Any
    required: bool = False


def options_of(factory: Callable[..., Any]) -> list[Option] | None:
    """The options of a class or factory; None where it takes any, or does not tell which."""
    if _made_by_torch(factory):
        return []
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return None
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return None
    return [
        Option(name, _evaluated(factory, parameter.annotation), parameter.default is parameter.empty)
        for name, parameter in parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]


def _made_by_torch(factory: Any) -> bool:
    """Whether a class has no constructor but that of torch's modules, which takes none of its arguments."""
    if not isinstance(factory, type):
        return False
    function: Any = vars(factory).get("__init__") or getattr(factory, "__init__")  # noqa: B009
    place = getattr(function, "__module__", None)
    return place == "torch.nn.modules.module" and function.__qualname__ == "Module.__init__"


class _Names(dict[str, Any]):
    """A module's names; those that exist for type checkers alone stand for anything."""

    def __missing__(self, name: str) -> Any:
        return Any


def _evaluated(factory: Any, annotation: Any) -> Any:
    """The annotation itself, where it is written as a text."""
    if annotation is inspect.Parameter.empty:
        return Any
    if not isinstance(annotation, str):
        return annotation
    import builtins

    function = getattr(factory, "__init__") if isinstance(factory, type) else inspect.unwrap(factory)  # noqa: B009
    names = _Names({**vars(builtins), **getattr(function, "__globals__", {})})
    try:
        return eval(annotation, {}, names)
    except Exception:
        return Any


def check_options(
    what: str, factory: Callable[..., Any] | list[Option] | None, options: Mapping[str, Any]
) -> None:
    """Refuse options that a plugin does not take, values it does not allow, and what it needs and lacks.

    Args:
        what: it is, the start of the message, such as ``"the objective 'psnr'"``.
        factory: the class or factory, or its options; one that takes any option, or does not tell which, is
            not checked.
        options: by name.

    Raises:
        ConfigurationError: one sentence with the option, its value, what is allowed and the nearest name.
    """
    known = factory if isinstance(factory, list) else None if factory is None else options_of(factory)
    if known is None:
        return
    by_name = {option.name: option for option in known}
    for key in options:
        if key not in by_name:
            raise ConfigurationError(
                f"{what} has no option '{key}'"
                + did_you_mean(key, by_name)
                + (f"; its options: {listed(by_name, _NAMES)}" if by_name else "; it has no options")
            )
    for key, value in options.items():
        check_value(f"the option {key} of {what}", by_name[key].annotation, value)
    for option in known:
        if option.required and option.name not in options:
            raise ConfigurationError(f"{what} needs the option '{option.name}'")


def check_value(what: str, annotation: Any, value: Any) -> None:
    """Refuse a value that is not of the type, or not within the bounds, of an annotation.

    Numbers are not read from texts, truth values are no numbers, and a list serves for a tuple.

    Raises:
        ConfigurationError: one sentence with the value and what is allowed.
    """
    from pydantic import ValidationError

    adapter = _adapter(annotation)
    if adapter is None:
        return
    try:
        adapter.validate_python(_plain(value))
    except ValidationError as error:
        allowed = allowed_values(annotation, value)
        if not allowed:
            message = error.errors(include_url=False)[0]["msg"]
            allowed = message.removeprefix("Input should be ").removeprefix("Value error, ")
        near = did_you_mean(value, choices_of(annotation)) if isinstance(value, str) else ""
        raise ConfigurationError(f"{what} is {shown(value)}; allowed: {allowed}{near}") from None


def _adapter(annotation: Any) -> Any:
    """Pydantic's check of a type; None where everything is allowed or pydantic does not know the type."""
    if annotation is Any:
        return None
    try:
        return _made_adapter(annotation)
    except TypeError:
        # Bounds may hold what cannot be hashed.
        return _made_adapter.__wrapped__(annotation)


@lru_cache(maxsize=512)
def _made_adapter(annotation: Any) -> Any:
    from pydantic import ConfigDict, TypeAdapter

    strict = _strict(annotation)
    for config in (ConfigDict(arbitrary_types_allowed=True), None):
        try:
            return TypeAdapter(strict, config=config)
        except Exception:
            # Of the two the second is for types with a configuration of their own.
            continue
    return None


def _strict(annotation: Any) -> Any:
    """The annotation with numbers, truth values and texts taken as they are, wherever they stand in it."""
    from pydantic import InstanceOf, Strict

    if annotation in (int, float, bool, str):
        return Annotated[annotation, Strict()]
    if isinstance(annotation, type) and dataclasses.is_dataclass(annotation):
        # Pydantic would take a mapping for one; the constructor would not.
        return InstanceOf[annotation]  # type: ignore[misc]
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return Annotated[(_strict(parts[0]), *parts[1:])]
    if origin in (Union, types.UnionType):
        return Union[tuple(_strict(part) for part in parts)]  # noqa: UP007 - made of parts
    if parts and isinstance(origin, type) and hasattr(origin, "__class_getitem__") and ... not in parts:
        try:
            return origin[tuple(_strict(part) for part in parts)]  # type: ignore[index]
        except TypeError:
            return annotation
    if origin is tuple and len(parts) == 2:
        return tuple[_strict(parts[0]), ...]  # type: ignore[misc]
    return annotation


def _plain(value: Any) -> Any:
    """Numbers of numpy and torch as Python's, without importing either."""
    if type(value).__module__ in ("numpy", "torch") and getattr(value, "ndim", None) == 0:
        return value.item()
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value] if isinstance(value, list) else tuple(map(_plain, value))
    return value


def takes_option(factory: Callable[..., Any], option: str) -> bool:
    """Whether a class or factory has a parameter of that name (or takes any)."""
    known = options_of(factory)
    return known is None or any(one.name == option for one in known)

"""What a type and its bounds allow, in words."""

from __future__ import annotations

import collections.abc
import types
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    Path: "a path",
    type(None): "null",
}
_LISTS = (
    list,
    tuple,
    set,
    frozenset,
    collections.abc.Sequence,
    collections.abc.Iterable,
    collections.abc.Collection,
)
_PLAIN = (str, int, float, bool, type(None), list, tuple, dict, Path)
_OBJECT = "an object of type"
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


def allowed_values(annotation: Any, value: Any = None) -> str:
    """What an annotation allows, such as ``"a whole number of at least 1 or null"``; empty if unknown.

    Args:
        annotation: a type with its bounds.
        value: what was given instead: where it is plain data, objects that could be given are left out.

    Example:
        >>> from typing import Annotated
        >>> from pydantic import Field
        >>> allowed_values(Annotated[int, Field(ge=1)] | None)
        'a whole number of at least 1 or null'
    """
    return _described(annotation, {}, isinstance(value, _PLAIN))


def _described(annotation: Any, bounds: Mapping[str, Any], plain: bool) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if annotation is Any:
        return ""
    if origin is Annotated:
        return _described(parts[0], _bounds(parts[1:]), plain)
    if origin in (Union, types.UnionType):
        found = [_described(part, bounds, plain) for part in parts if not (part is Path and str in parts)]
        if plain and not all(word.startswith(_OBJECT) for word in found):
            found = [word for word in found if not word.startswith(_OBJECT)]
        return _alternatives(found) if all(found) else ""
    if origin is Literal:
        return _alternatives([str(part) for part in parts if part is not None])
    if (origin or annotation) in _MAPPINGS:
        each = _described(parts[1], {}, plain) if len(parts) == 2 else ""
        return f"a mapping{_size(bounds)}" + (f" (each value {each})" if each else "")
    if (origin or annotation) in _LISTS:
        if origin is tuple and parts and parts[-1] is not ...:
            words = ", ".join(_described(part, {}, plain) or "anything" for part in parts)
            return f"a list of {len(parts)} ({words})"
        each = _described(parts[0], {}, plain) if parts else ""
        return f"a list{_size(bounds)}" + (f" (each {each})" if each else "")
    known = _WORDS.get(type(None) if annotation is None else annotation)
    if known is None:
        return f"{_OBJECT} {annotation.__name__}" if isinstance(annotation, type) else ""
    words = known
    if annotation is float and bounds.get("allow_inf_nan") is False and not {"le", "lt"} & set(bounds):
        words = "a finite number"
    return words + _range(bounds) + (_size(bounds, "character") if annotation is str else "")


def choices_of(annotation: Any) -> list[str]:
    """The texts among which an annotation lets one choose; none where it does not name them."""
    if get_origin(annotation) is Literal:
        return [part for part in get_args(annotation) if isinstance(part, str)]
    return [choice for part in get_args(annotation) for choice in choices_of(part)]


def shown(value: Any) -> str:
    """A value for a message: plain data as it is written, shortened, other objects by their type."""
    if isinstance(value, _PLAIN):
        text = repr(str(value)) if isinstance(value, Path) else repr(value)
        return text if len(text) <= 60 else f"{text[:57]}..."
    return f"{_OBJECT} {type(value).__name__}"


def _alternatives(words: Sequence[str]) -> str:
    words = list(dict.fromkeys(words))
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def _bounds(metadata: Iterable[Any]) -> dict[str, Any]:
    """The bounds among what an annotation carries: pydantic's fields, or those of annotated_types."""
    return {
        name: getattr(part, name)
        for one in metadata
        for part in [one, *getattr(one, "metadata", ())]
        for name in ("ge", "gt", "le", "lt", "min_length", "max_length", "multiple_of", "allow_inf_nan")
        if getattr(part, name, None) is not None
    }


def _range(bounds: Mapping[str, Any]) -> str:
    if {"ge", "le"} <= set(bounds):
        words = [f"from {bounds['ge']:g} to {bounds['le']:g}"]
    else:
        names = {"ge": "of at least", "gt": "above", "le": "at most", "lt": "below"}
        words = [f"{word} {bounds[name]:g}" for name, word in names.items() if name in bounds]
    if "multiple_of" in bounds:
        words.append(f"divisible by {bounds['multiple_of']:g}")
    return f" {' and '.join(words)}" if words else ""


def _size(bounds: Mapping[str, Any], what: str = "entry") -> str:
    least, most = bounds.get("min_length"), bounds.get("max_length")
    if not least and most is None:
        return ""
    words = {
        "of": least if least == most else None,
        "of at least": least if least != most else None,
        "of at most": most if least != most else None,
    }
    plural = {"entry": "entries"}.get(what, f"{what}s")
    named = [f"{word} {count} {what if count == 1 else plural}" for word, count in words.items() if count]
    return f" {' and '.join(named)}"

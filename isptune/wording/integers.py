"""Whole numbers as users give them from Python: plain ones, numpy's, and whatever else counts as one."""

from __future__ import annotations

import operator
import sys
from collections.abc import Mapping
from typing import Any

from isptune.errors import ConfigurationError


def as_integer(value: Any) -> Any:
    """A whole number of any type (``operator.index``) as an int; anything else, booleans too, as it is."""
    # Arrays and tensors of truth values count as indices where plain ones would, and are no counts either.
    if isinstance(value, (bool, int)) or "bool" in str(getattr(value, "dtype", "")):
        return value
    try:
        return operator.index(value)
    except TypeError:
        return value


def whole_number(what: str, value: Any, least: int) -> int:
    """A whole number from ``least`` as an int.

    Args:
        what: it is, the start of the message, such as ``"the population"``.
        value: of any type.
        least: the smallest that is allowed.

    Raises:
        ConfigurationError: it is none (a boolean, a number with a point, a text), or below ``least``.
    """
    number = as_integer(value)
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        shown = value if isinstance(value, (int, float)) else repr(value)
        raise ConfigurationError(f"{what} is {shown}; allowed: whole numbers of at least {least}")
    return number


def plain(value: Any) -> Any:
    """Options, however deeply they are nested, with Python's numbers in place of numpy's."""
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    if type(value) in (list, tuple):
        return type(value)(plain(entry) for entry in value)
    # Where numpy is not loaded, nothing is one of its numbers; help and refusals come without loading it.
    numpy = sys.modules.get("numpy")
    return value.item() if numpy is not None and isinstance(value, numpy.generic) else value

"""The optimizer and the budget of a run that names none: what its objective and its optimizer ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isptune.errors import IsptuneError
from isptune.plugins.registry import Registry, objectives, optimizers


def suited(data: Mapping[str, Any]) -> dict[str, Any]:
    """Plain settings of a run, with what suits its objective where they say nothing of optimizer and budget.

    What cannot be told stays open: names that nothing has are refused where names are checked.
    """
    found = dict(data)
    if found.get("optimizer") is None:
        wanted = [_fact(objectives, name, "default_optimizer") for name in _names(found.get("objective"))]
        chosen = next(filter(None, wanted), None)
        if chosen is not None:
            found["optimizer"] = chosen
    if found.get("budget") is None and found.get("time_budget") is None:
        wanted = [_fact(optimizers, name, "default_budget") for name in _names(found.get("optimizer"))]
        budget = next(filter(None, wanted), None)
        if budget is not None:
            found["budget"] = budget
    return {key: value for key, value in found.items() if value is not None or key in data}


def _names(given: Any) -> list[str]:
    """The plugins that a setting names."""
    if isinstance(given, str):
        return [name.strip() for name in given.split(",")]
    if isinstance(given, Mapping):
        return _names(given.get("name"))
    return [name for one in given for name in _names(one)] if isinstance(given, (list, tuple)) else []


def _fact(registry: Registry, name: str, key: str) -> Any:
    try:
        return registry.fact(name, key)
    except IsptuneError:
        return None

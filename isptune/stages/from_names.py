"""From what the user writes to the stages of a chain: names, or mappings with a name and options."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from isptune.contracts.stage import Stage
from isptune.errors import ConfigurationError
from isptune.plugins import registry
from isptune.wording.naming import did_you_mean, listed

KEYS = ("name", "options")

_ARTICLES = {"name": "a name", "prefix": "a prefix", "options": "options"}


def make_stages(
    items: Any, pipeline: str, keys: Sequence[str] = KEYS
) -> list[tuple[Stage, Mapping[str, Any]]]:
    """The stages that a list names, each with what else its mapping says.

    Args:
        items: names of registered stages, or mappings of ``keys``.
        pipeline: what they are for, in messages, such as ``"the pipeline 'chain'"``.
        keys: what a mapping may hold.

    Raises:
        ConfigurationError: not a list, an empty one, an unknown key, or options that a stage refuses.
        UnknownNameError: an unknown stage.
    """
    if isinstance(items, (str, Mapping)) or not isinstance(items, Sequence):
        raise ConfigurationError(
            f"stages is {items!r}; it must be a list of stage names or of mappings with "
            + _and([_ARTICLES[key] for key in keys])
        )
    if not items:
        raise ConfigurationError(f"{pipeline} needs at least one stage, got an empty list")
    return [
        (create_named(registry.stages.create, "stage", item, keys), {} if isinstance(item, str) else item)
        for item in items
    ]


def create_named(
    create: Callable[..., Any], kind: str, item: Any, keys: Sequence[str] = KEYS, **more: Any
) -> Any:
    """What a name, or a mapping with a name and options, stands for.

    Args:
        create: takes the name, the options and ``more``.
        kind: the noun for messages, such as ``"stage"``.
        item: what the user wrote.
        keys: what a mapping may hold.
        more: options that are not the user's to set.
    """
    if isinstance(item, str):
        return create(item, **more)
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
        raise ConfigurationError(
            f"a {kind} is written as its name or as a mapping with {_and(keys)}, got {item!r}"
        )
    for key in item:
        if key not in keys:
            raise ConfigurationError(
                f"the {kind} '{item['name']}' has the unknown key '{key}'"
                + did_you_mean(str(key), keys)
                + f"; allowed: {listed(keys)}"
            )
    options = item.get("options") or {}
    if not isinstance(options, Mapping):
        raise ConfigurationError(
            f"the options of the {kind} '{item['name']}' must be a mapping, got {options!r}"
        )
    for key in options:
        if key in more:
            raise ConfigurationError(
                f"the option '{key}' of the {kind} '{item['name']}' is set by the pipeline itself"
            )
    return create(item["name"], **options, **more)


def numbered(names: Sequence[str], taken: Sequence[str] = ()) -> list[str]:
    """The names, with _2, _3, ... after those that occurred before or are taken."""
    found: list[str] = []
    for name in names:
        count, candidate = 1, name
        while candidate in found or candidate in taken:
            count += 1
            candidate = f"{name}_{count}"
        found.append(candidate)
    return found


def _and(keys: Sequence[str]) -> str:
    return ", ".join(keys[:-1]) + f" and {keys[-1]}"

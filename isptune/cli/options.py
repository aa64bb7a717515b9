"""Options that several verbs share, and how ``KEY=VALUE`` is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from isptune.errors import ConfigurationError


def key_values(pairs: Iterable[str], option: str) -> dict[str, Any]:
    """``KEY=VALUE`` texts as a mapping; values are read as YAML.

    Raises:
        ConfigurationError: a text without ``=``, a repeated key, or a value that is not YAML.
    """
    import yaml

    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise ConfigurationError(f"{option} takes KEY=VALUE, got '{pair}'")
        if key in found:
            raise ConfigurationError(f"{option} gives '{key}' twice")
        try:
            found[key] = _number(text) if _number(text) is not None else yaml.safe_load(text)
        except yaml.YAMLError:
            raise ConfigurationError(f"the value of {option} {key}={text} is not valid YAML") from None
    return found


def _number(text: str) -> float | None:
    """Numbers that YAML 1.1 takes for text, such as 1e-3 and nan."""
    try:
        int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return None
    return None


def absolute_scene(source: str) -> str:
    """A scene path or glob that still means the same from another folder; ``chart`` as it is."""
    if source == "chart" or source.startswith("chart:"):
        return source
    return str(Path(source).expanduser().absolute())


def plugin_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--pipeline-option`` and its siblings."""
    for kind in ("optimizer", "objective", "pipeline"):
        function = click.option(
            f"--{kind}-option",
            f"{kind}_options",
            multiple=True,
            metavar="KEY=VALUE",
            help=f"An option of the {kind}; the value is read as YAML. May be repeated.",
        )(function)
    return function


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout, everything else on stderr."
)

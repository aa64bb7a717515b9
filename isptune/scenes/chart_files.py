"""YAML files that say which test charts a picture shows, and where."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isptune.contracts.chart import Chart
from isptune.errors import ConfigurationError
from isptune.storage.paths import shown
from isptune.storage.yaml_files import read_mapping

SUFFIX = ".chart.yaml"
"""What stands behind a picture's name, in the place of its suffix, in the file that describes its charts."""


def charts_beside(picture: Path, size: tuple[int, int]) -> tuple[Chart, ...]:
    """The charts that the file beside a picture describes: ``photo.chart.yaml`` beside ``photo.png``.

    Args:
        picture: its file.
        size: height and width of it, upright.

    Returns:
        None of them where there is no such file.

    Raises:
        ConfigurationError: see ``read_charts``.
    """
    beside = picture.with_suffix(SUFFIX)
    return read_charts(beside, size) if beside.is_file() else ()


def read_charts(file: Path, size: tuple[int, int]) -> tuple[Chart, ...]:
    """The charts that a YAML file describes.

    The file has one chart, with the keys ``kind`` and ``corners`` and those that the kind knows, or a list of
    such mappings under ``charts``.

    Args:
        file: where they are described.
        size: height and width of the picture.

    Raises:
        ConfigurationError: the file cannot be read or describes no chart, or corners cross or lie outside
            the picture; the sentence names the file.
    """
    what = f"'{shown(file)}'"
    held = read_mapping(file, what, ConfigurationError)
    entries = held.get("charts", [held])
    if "charts" in held and len(held) > 1:
        other = next(key for key in held if key != "charts")
        raise ConfigurationError(f"{what} has the key '{other}' beside charts; put it into one of the charts")
    if not isinstance(entries, list) or not entries:
        raise ConfigurationError(f"{what}: charts is no list of mappings, each with kind and corners")
    return tuple(_chart(entry, what, file, size) for entry in entries)


def _chart(entry: Any, what: str, file: Path, size: tuple[int, int]) -> Chart:
    if not isinstance(entry, Mapping):
        raise ConfigurationError(f"{what}: charts is no list of mappings, each with kind and corners")
    facts = dict(entry)
    kind, corners = facts.pop("kind", None), facts.pop("corners", None)
    for key, value in (("kind", kind), ("corners", corners)):
        if value is None:
            raise ConfigurationError(f"{what} does not say {key}; needed: kind, corners")
    if not isinstance(kind, str):
        raise ConfigurationError(f"{what}: kind is {str(kind)[:100]}; allowed: a text")
    try:
        chart = Chart(kind, corners, facts, str(file))
        require_inside(chart, size)
    except ConfigurationError as error:
        raise ConfigurationError(f"{what}: {error}") from error
    return chart


def require_inside(chart: Chart, size: tuple[int, int]) -> None:
    """Refuse with a ConfigurationError a chart that does not lie in a picture of that height and width."""
    for number, (x, y) in enumerate(chart.corners, 1):
        if not (0 <= x <= size[1] and 0 <= y <= size[0]):
            raise ConfigurationError(
                f"corner {number} of the chart '{chart.kind}' is at {x:g}, {y:g}, outside the picture of "
                f"{size[1]}x{size[0]} pixels"
            )

"""YAML files as users and isptune write them: mappings, in which a key stands once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from isptune.errors import IsptuneError


class _Loader(yaml.SafeLoader):
    """YAML's own rule, which PyYAML does not check: a key stands once in a mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[Any, int] = {}
        for key_node, _ in node.value:
            # Keys that are collections are refused below.
            if isinstance(key_node, yaml.ScalarNode):
                line = key_node.start_mark.line + 1
                if key_node.value in lines:
                    raise _RepeatedKeyError(
                        f"the key '{key_node.value}' twice, in the lines {lines[key_node.value]} and {line}"
                    )
                lines[key_node.value] = line
        return super().construct_mapping(node, deep)


class _RepeatedKeyError(Exception):
    """A key that stands twice in a mapping."""


def read_mapping(path: str | Path, what: str, error: type[IsptuneError]) -> dict[str, Any]:
    """What a YAML file holds; nothing where it is empty.

    Args:
        path: of the file.
        what: it is, for messages, such as ``"the configuration 'run.yaml'"``.
        error: the class of what is raised.

    Raises:
        IsptuneError: of that class, one sentence: the file cannot be read, is not YAML (with line and
            column), has a key twice, or does not hold a mapping with texts as keys.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        reason = failure.strerror if isinstance(failure, OSError) else "it is not text"
        raise error(f"cannot read {what}: {reason}") from failure
    try:
        data = yaml.load(text, _Loader)
    except _RepeatedKeyError as failure:
        raise error(f"{what} has {failure}") from None
    except yaml.YAMLError as failure:
        mark = getattr(failure, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(failure, "problem", None) or failure
        raise error(f"{what} is not valid YAML{place}: {problem}") from failure
    if data is None:
        return {}
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise error(f"{what} must hold a mapping of settings")
    return data

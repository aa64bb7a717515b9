"""YAML files as users and isptune write them: mappings, in which a key stands once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from isptune.errors import IsptuneError


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
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        repeated = None if node is None else _repeated_key(node)
        data = None if node is None else loader.construct_document(node)
    except (yaml.YAMLError, ValueError) as failure:
        mark = getattr(failure, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(failure, "problem", None) or failure
        raise error(f"{what} is not valid YAML{place}: {problem}") from failure
    if repeated is not None:
        key, first, second = repeated
        raise error(f"{what} has the key '{key}' twice, in the lines {first} and {second}")
    if data is None:
        return {}
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise error(f"{what} must hold a mapping of settings")
    return data


def _repeated_key(root: yaml.Node) -> tuple[str, int, int] | None:
    """The first key that stands twice in a mapping, with its lines: YAML forbids it, PyYAML does not look."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        # An alias is the same node once more.
        if id(node) in seen or isinstance(node, yaml.ScalarNode):
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += reversed(node.value)
            continue
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                line = key.start_mark.line + 1
                if key.value in lines:
                    return key.value, lines[key.value], line
                lines[key.value] = line
        waiting += [value for _, value in reversed(node.value)]
    return None

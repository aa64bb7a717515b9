"""YAML as users and isptune write it: mappings in which a key stands once, numbers that mean one thing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from isptune.errors import IsptuneError

# What PyYAML, whose YAML is 1.1, takes for a text: 1e3, 1e-3, 1.5e3.
_EXPONENT = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+$")
# What it takes for a number of base 8 or 60, or for one without its underscores.
_OCTAL = re.compile(r"[-+]?0\d+")
_CLOCK = re.compile(r"[-+]?\d[\d_]*(?::\d[\d_]*)+(?:\.[\d_]*)?")
_UNDERSCORES = re.compile(r"[-+]?(?=[\d._eE+-]*_)\.?\d[\d_]*\.?[\d_]*(?:[eE][-+]?[\d_]+)?")
# isptune 0.2 wrote a fingerprint such as 08213945 without quotes for some time.
_FINGERPRINT = re.compile(r"^fingerprint: (\d+)$", re.MULTILINE)
_BOOLEAN_WORDS = re.compile("yes|no|on|off", re.IGNORECASE)


class AmbiguousNumberError(yaml.YAMLError):
    """A number that means something else to YAML than to most readers; ``mark`` is where it stands."""

    def __init__(self, sentence: str, mark: Any) -> None:
        super().__init__(sentence)
        self.mark = mark


class _Loader(yaml.SafeLoader):
    """YAML in which ``1e3`` is a number, a date is a text, and no number means two things."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [entry for entry in entries if entry[0] != "tag:yaml.org,2002:timestamp"]
        for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_scalar_node(self, anchor: dict[Any, yaml.Node]) -> yaml.ScalarNode:
        node: yaml.ScalarNode = super().compose_scalar_node(anchor)
        if node.style is None:
            reason = _ambiguous(node.value)
            if reason:
                raise AmbiguousNumberError(reason, node.start_mark)
        return node

    def flatten_mapping(self, node: Any) -> None:
        super().flatten_mapping(node)
        # What is merged comes first and a mapping's own keys win. PyYAML keeps the first of two short keys
        # where the mapping is merged itself.
        last = {(k.tag, k.value) if isinstance(k, yaml.ScalarNode) else id(k): (k, v) for k, v in node.value}
        node.value = list(last.values())

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        # A key called on or no is a name; as a value it stays a truth value.
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:bool" and _BOOLEAN_WORDS.fullmatch(key.value):
                key.tag = "tag:yaml.org,2002:str"
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return found


class _Dumper(yaml.SafeDumper):
    """Texts that the loader would take for a number, or refuse as one, are put in quotes."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", data, style="'" if _ambiguous(data) else None)


_Dumper.add_representer(str, _Dumper.represent_str)

for _kind in (_Loader, _Dumper):
    _kind.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+.0123456789"))


def _ambiguous(text: str) -> str:
    """What is wrong with a plain scalar as a number; "" where nothing is."""
    if _OCTAL.fullmatch(text):
        wanted = text.lstrip("+").replace("-", "").lstrip("0") or "0"
        value = (
            f"could be {wanted} or, with base 8, {int(wanted, 8)}" if set(wanted) <= set("01234567") else ""
        )
        return (
            f"'{text}' {value or 'begins with a zero'}: write a number without the zero before it, "
            "or put a text in quotes"
        )
    if _CLOCK.fullmatch(text):
        return f"'{text}' is a number of base 60 to YAML: write it with base 10, or put a text in quotes"
    if _UNDERSCORES.fullmatch(text):
        return f"'{text}' has '_' in a number: write {text.replace('_', '')}, or put a text in quotes"
    return ""


def read_value(text: str) -> Any:
    """The value that a YAML text stands for.

    Raises:
        yaml.YAMLError: it is not YAML; an ``AmbiguousNumberError`` where a number could be read in two ways.
    """
    return yaml.load(text, _Loader)


def written_value(data: Any) -> str:
    """Plain data as YAML text that ``read_value`` and ``read_mapping`` read back."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return text


def read_mapping(path: str | Path, what: str, error: type[IsptuneError]) -> dict[str, Any]:
    """What a YAML file holds; nothing where it is empty.

    Raises:
        IsptuneError: of that class, as ``read_data`` does, or because it holds no mapping with texts as keys.
    """
    data = read_data(path, what, error)
    if data is None:
        return {}
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise error(f"{what} must hold a mapping of settings")
    return data


def read_data(path: str | Path, what: str, error: type[IsptuneError]) -> Any:
    """What a YAML or JSON file holds; None where it is empty.

    Args:
        path: of the file.
        what: it is, for messages, such as ``"the configuration 'run.yaml'"``.
        error: the class of what is raised.

    Raises:
        IsptuneError: of that class, one sentence: the file cannot be read, is not YAML (with line and
            column), has a key twice or a number that could be read in two ways.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        reason = failure.strerror if isinstance(failure, OSError) else "it is not text"
        raise error(f"cannot read {what}: {reason}") from failure
    text = _FINGERPRINT.sub("fingerprint: '\\1'", text)
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        repeated = None if node is None else _repeated_key(node)
        data = None if node is None else loader.construct_document(node)
    except AmbiguousNumberError as failure:
        raise error(f"in {what}, line {failure.mark.line + 1}, {failure}") from failure
    except (yaml.YAMLError, ValueError) as failure:
        mark = getattr(failure, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(failure, "problem", None) or failure
        raise error(f"{what} is not valid YAML{place}: {problem}") from failure
    if repeated is not None:
        key, first, second = repeated
        raise error(f"{what} has the key '{key}' twice, in the lines {first} and {second}")
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

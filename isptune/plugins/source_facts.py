"""Class facts read from the source: plain values, and calls of the few records that facts are made of."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import math
from typing import Any

from isptune.plugins.source_code import (
    Names,
    Source,
    UnreadableError,
    ancestry,
    evaluated,
    read_module,
    resolve,
)

# What a fact may call, by full names: light modules, and functions without side effects.
_CALLS = {
    "isptune.contracts.requirements.Download",
    "isptune.contracts.requirements.Memory",
    "isptune.contracts.requirements.Packaging",
    "isptune.contracts.variants.Variants",
    "isptune.contracts.coverage.Coverage",
    "isptune.contracts.coverage.checked_on",
    "isptune.contracts.coverage.stage_names",
}
_BUILTINS = {"float": float, "tuple": tuple}
_MISSING = object()


def class_fact(source: Source, name: str, default: Any = None) -> Any:
    """The value of a class attribute, of the class or the nearest base that has one.

    Raises:
        UnreadableError: the source does not tell: the value is computed, or a base is not known.
    """
    if not isinstance(source.node, ast.ClassDef):
        return default
    for one in ancestry(source):
        if one is None:
            raise UnreadableError(name)
        if not isinstance(one, Source):
            continue
        assert isinstance(one.node, ast.ClassDef)
        for statement in reversed(one.node.body):
            if isinstance(statement, ast.FunctionDef | ast.ClassDef) and statement.name == name:
                raise UnreadableError(name)
            value = _assigned(statement, name)
            if value is not None:
                return _fact(_FactNames(one.module), value)
    return default


def summary(source: Source) -> str:
    """The first line of the docstring, of a class its own or that of the nearest base that has one.

    Raises:
        UnreadableError: a base is not known.
    """
    for one in ancestry(source) if isinstance(source.node, ast.ClassDef) else (source,):
        if one is None:
            raise UnreadableError(source.full_name)
        text = ast.get_docstring(one.node) if isinstance(one, Source) else None
        if text is not None:
            return text.split("\n", 1)[0]
    return ""


def _assigned(statement: ast.stmt, name: str) -> ast.expr | None:
    """What a statement of a class gives to a name; None where it gives nothing."""
    targets: list[ast.expr] = []
    if isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    elif isinstance(statement, ast.Assign):
        targets = statement.targets
    given = any(isinstance(target, ast.Name) and target.id == name for target in targets)
    return statement.value if given and isinstance(statement, ast.AnnAssign | ast.Assign) else None


def _fact(names: Names, node: ast.expr) -> Any:
    """What an expression of a module means.

    Raises:
        UnreadableError: only running it tells.
    """
    try:
        found = evaluated(names, node)
    except UnreadableError:
        raise
    except Exception as error:
        # What the class itself would raise is told where it is imported.
        raise UnreadableError(names.module.name) from error
    if isinstance(found, _Module | _Class):
        raise UnreadableError(names.module.name)
    return found


class _FactNames(Names):
    """The names that a fact may use; others are unreadable."""

    def __getitem__(self, name: str) -> Any:
        if name in self.module.imports:
            origin, attribute = self.module.imports[name]
            return _Module(origin) if attribute is None else _held(origin, attribute)
        if name in _BUILTINS and name not in self.module.definitions:
            return _BUILTINS[name]
        return _held(self.module.name, name)


def _held(origin: str, name: str) -> Any:
    """What a module holds under a name."""
    if origin == "math":
        return getattr(math, name)
    if (origin, name) == ("dataclasses", "replace"):
        return dataclasses.replace
    module = read_module(origin)
    value = module.definitions.get(name)
    if isinstance(value, ast.expr):
        return _fact(_FactNames(module), value)
    if name in module.imports:
        return _FactNames(module)[name]
    found = resolve(origin, name)
    if not isinstance(found, Source):
        raise UnreadableError(name)
    if found.full_name in _CALLS:
        return getattr(importlib.import_module(origin), name)
    return _Class(found)


@dataclasses.dataclass(frozen=True)
class _Module:
    """A module that is named in a fact."""

    name: str

    def __getattr__(self, name: str) -> Any:
        return _held(self.name, name)


@dataclasses.dataclass(frozen=True)
class _Class:
    """A class that is named in a fact, for its own facts."""

    source: Source

    def __getattr__(self, name: str) -> Any:
        found = class_fact(self.source, name, _MISSING)
        if found is _MISSING:
            raise UnreadableError(name)
        return found

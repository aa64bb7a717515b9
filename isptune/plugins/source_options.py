"""Classes read from their source without importing it: bases, and what constructors take.

Importing a plugin may take seconds (torch, a model library). A misspelt name or a wrong option is to be
answered before that, so constructors are read here, and their annotations are evaluated with nothing but the
standard library's and pydantic's types. What cannot be read so is None, and is asked of the imported class.
"""

from __future__ import annotations

import ast
import builtins
import importlib
from functools import lru_cache
from typing import Any

from isptune.plugins.options import Option
from isptune.plugins.source_code import (
    FOREIGN,
    PLAIN_BASES,
    Module,
    Names,
    Source,
    UnreadableError,
    ancestry,
    evaluated,
    parsed,
    read_module,
)

# Whose names annotations may use as they are: light, and free of side effects.
_TYPES = ("typing", "collections.abc", "pathlib", "pydantic", "annotated_types", "numbers", "os")
# Bases of classes whose objects plain data may be.
_DATA = {
    *("str", "int", "float", "dict", "list", "tuple"),
    *("TypedDict", "Protocol", "BaseModel", "NamedTuple"),
}


def options_of_source(source: Source) -> list[Option] | None:
    """The options of a class or function, as ``options_of`` gives them of a loaded one."""
    try:
        found = _constructor(source)
    except UnreadableError:
        return None
    if found is None:
        return []
    owner, function, bound = found
    arguments = function.args
    if arguments.kwarg is not None:
        return None
    positional = [*arguments.posonlyargs, *arguments.args]
    without_default = len(positional) - len(arguments.defaults)
    options = [
        Option(argument.arg, _annotation(owner, argument.annotation), index < without_default)
        for index, argument in enumerate(positional)
    ][1 if bound else 0 :]
    return options + [
        Option(argument.arg, _annotation(owner, argument.annotation), default is None)
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]


def _constructor(source: Source) -> tuple[Module, ast.FunctionDef, bool] | None:
    """The function that takes the options, and its module; None for a class that takes none."""
    if isinstance(source.node, ast.FunctionDef):
        return source.module, source.node, False
    for one in ancestry(source):
        if isinstance(one, str):
            if one in PLAIN_BASES:
                continue
            raise UnreadableError(one)
        if one is None:
            raise UnreadableError
        assert isinstance(one.node, ast.ClassDef)
        # Of a metaclass or a decorator such as dataclass only running it tells.
        if one.node.keywords or any(not _registers(mark) for mark in one.node.decorator_list):
            raise UnreadableError(one.full_name)
        for statement in one.node.body:
            if isinstance(statement, ast.FunctionDef) and statement.name in ("__new__", "__init__"):
                if statement.name == "__new__" or statement.decorator_list:
                    raise UnreadableError(one.full_name)
                return one.module, statement, True
    return None


def _registers(mark: ast.expr) -> bool:
    """Whether a decorator is one of ours, which leaves the class as it is."""
    function = mark.func if isinstance(mark, ast.Call) else mark
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name.startswith("register_")


def _annotation(module: Module, node: ast.expr | None) -> Any:
    """The type that an annotation means; Any where it cannot be told."""
    if node is None:
        return Any
    try:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            tree = parsed(node.value, mode="eval")
            assert isinstance(tree, ast.Expression)
            node = tree.body
        return evaluated(_TypeNames(module), node)
    except Exception:
        return Any


class _TypeNames(Names):
    """The names that an annotation may use; others stand for anything."""

    def __getitem__(self, name: str) -> Any:
        found = self.module.definitions.get(name)
        if isinstance(found, ast.ClassDef):
            return _opaque(found)
        if isinstance(found, ast.expr):
            return _annotation(self.module, found)
        if name in self.module.imports:
            return self._imported(*self.module.imports[name])
        return getattr(builtins, name, Any)

    def _imported(self, origin: str, attribute: str | None) -> Any:
        whole = origin if attribute is None else f"{origin}.{attribute}"
        if whole in _TYPES or origin in _TYPES:
            module = importlib.import_module(whole if whole in _TYPES else origin)
            return module if attribute is None or whole in _TYPES else getattr(module, attribute)
        if origin.partition(".")[0] in FOREIGN:
            return _Foreign() if attribute is None else _opaque_type(attribute)
        if attribute is None:
            return Any
        try:
            return _TypeNames(read_module(origin))[attribute]
        except UnreadableError:
            return Any


class _Foreign:
    """A package whose types no plain data is of."""

    def __getattr__(self, name: str) -> type:
        return _opaque_type(name)


@lru_cache(maxsize=256)
def _opaque_type(name: str) -> type:
    return type(name, (), {})


def _opaque(node: ast.ClassDef) -> Any:
    """A type that stands for a class of a plugin: no plain data is one, unless the class says otherwise."""
    bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
    if node.keywords or bases & _DATA or any(base.endswith("Enum") for base in bases):
        return Any
    return _opaque_type(node.name)

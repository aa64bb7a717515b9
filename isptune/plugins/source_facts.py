"""Class facts read from the source: literals, and calls of the few records that facts are made of."""

from __future__ import annotations

import ast
import importlib
import operator
from collections.abc import Callable, Iterator
from typing import Any

from isptune.plugins.source_code import Module, Source, UnreadableError, ancestry, read_module, resolve

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
_OPERATIONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_DEEPEST = 20


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
        for statement in reversed(_body(one)):
            if isinstance(statement, ast.FunctionDef | ast.ClassDef) and statement.name == name:
                raise UnreadableError(name)
            value = _assigned(statement, name)
            if value is not None:
                return _value(one.module, value, 0)
    return default


def summary(source: Source) -> str:
    """The first line of the docstring, of a class its own or that of the nearest base that has one.

    Raises:
        UnreadableError: a base is not known.
    """
    places: Iterator[Source | str | None] = iter([source])
    if isinstance(source.node, ast.ClassDef):
        places = ancestry(source)
    for one in places:
        if one is None:
            raise UnreadableError(source.full_name)
        text = ast.get_docstring(one.node) if isinstance(one, Source) else None
        if text is not None:
            return text.split("\n", 1)[0]
    return ""


def _body(source: Source) -> list[ast.stmt]:
    assert isinstance(source.node, ast.ClassDef)
    return source.node.body


def _assigned(statement: ast.stmt, name: str) -> ast.expr | None:
    """What a statement of a class gives to a name; None where it gives nothing."""
    if isinstance(statement, ast.AnnAssign):
        is_it = isinstance(statement.target, ast.Name) and statement.target.id == name
        return statement.value if is_it else None
    if isinstance(statement, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id == name for target in statement.targets
    ):
        return statement.value
    return None


def _value(module: Module, node: ast.expr, depth: int) -> Any:
    """What an expression of a module means.

    Raises:
        UnreadableError: only running it tells.
    """
    if depth > _DEEPEST:
        raise UnreadableError(module.name)
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        kind = {ast.Tuple: tuple, ast.List: list, ast.Set: set}[type(node)]
        return kind(_values(module, node.elts, depth))
    if isinstance(node, ast.Name):
        return _named(module, node.id, depth)
    try:
        if isinstance(node, ast.Dict):
            keys = [_value(module, _given(key), depth + 1) for key in node.keys]
            return dict(zip(keys, _values(module, node.values, depth), strict=True))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -_value(module, node.operand, depth + 1)
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
            left, right = _value(module, node.left, depth + 1), _value(module, node.right, depth + 1)
            return _OPERATIONS[type(node.op)](left, right)
        if isinstance(node, ast.Subscript):
            return _value(module, node.value, depth + 1)[_value(module, node.slice, depth + 1)]
        if isinstance(node, ast.Attribute):
            return _attribute(module, node, depth)
        if isinstance(node, ast.Call):
            function = _callable(module, node.func)
            given = {_given(one.arg): _value(module, one.value, depth + 1) for one in node.keywords}
            return function(*_values(module, node.args, depth), **given)
    except UnreadableError:
        raise
    except Exception as error:
        # What the class itself would raise is told where it is imported.
        raise UnreadableError(module.name) from error
    raise UnreadableError(module.name)


def _values(module: Module, nodes: list[ast.expr], depth: int) -> list[Any]:
    found: list[Any] = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            found += _value(module, node.value, depth + 1)
        else:
            found.append(_value(module, node, depth + 1))
    return found


def _given(part: Any) -> Any:
    """A key or keyword, which is missing where a mapping is unpacked."""
    if part is None:
        raise UnreadableError
    return part


def _named(module: Module, name: str, depth: int) -> Any:
    """The value of a name of a module, followed through imports."""
    found = module.definitions.get(name)
    if isinstance(found, ast.expr):
        return _value(module, found, depth + 1)
    if name in module.imports:
        other, attribute = module.imports[name]
        if attribute is not None:
            return _named(read_module(other), attribute, depth + 1)
    raise UnreadableError(name)


def _attribute(module: Module, node: ast.Attribute, depth: int) -> Any:
    """A class fact of a class that is named, or ``math.inf``."""
    if isinstance(node.value, ast.Name):
        if module.imports.get(node.value.id) == ("math", None) and node.attr in ("inf", "pi", "e"):
            return getattr(importlib.import_module("math"), node.attr)
        owner = resolve(module.name, node.value.id)
        if isinstance(owner, Source) and isinstance(owner.node, ast.ClassDef):
            missing = object()
            value = class_fact(owner, node.attr, missing)
            if value is not missing:
                return value
    raise UnreadableError(node.attr)


def _callable(module: Module, node: ast.expr) -> Callable[..., Any]:
    """The function or record that a call names, of those that facts may call."""
    if isinstance(node, ast.Name):
        if node.id in ("float", "tuple") and node.id not in {*module.definitions, *module.imports}:
            return {"float": float, "tuple": tuple}[node.id]
        if module.imports.get(node.id) == ("dataclasses", "replace"):
            return importlib.import_module("dataclasses").replace
        found = resolve(module.name, node.id)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        whole, attribute = module.imports.get(node.value.id, ("", None))
        if not whole or attribute is not None:
            raise UnreadableError(node.attr)
        found = resolve(whole, node.attr)
    else:
        raise UnreadableError
    if not isinstance(found, Source) or found.full_name not in _CALLS:
        raise UnreadableError
    place, _, name = found.full_name.rpartition(".")
    return getattr(importlib.import_module(place), name)

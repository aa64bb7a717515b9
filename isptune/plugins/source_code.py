"""Modules read from their source without importing them: names, where they are defined, bases of classes."""

from __future__ import annotations

import ast
import builtins
import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

# Bases without a constructor of their own, and torch's, which takes no options.
PLAIN_BASES = {
    "object",
    "abc.ABC",
    "typing.Protocol",
    "typing.Generic",
    "torch.nn.Module",
    "torch.nn.modules.Module",
    "torch.nn.modules.module.Module",
}
# Packages that define no plugins and are slow to read.
FOREIGN = ("torch", "numpy", "typing", "abc")


_one_at_a_time = Lock()


class UnreadableError(Exception):
    """The source does not say: it is missing, or says it in a way that only running it tells."""


@dataclass
class Module:
    """A module's top-level names, from its source."""

    name: str
    is_package: bool
    imports: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    definitions: dict[str, ast.ClassDef | ast.FunctionDef | ast.expr] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """A class or function where it is defined."""

    module: Module
    node: ast.ClassDef | ast.FunctionDef

    @property
    def full_name(self) -> str:
        return f"{self.module.name}.{self.node.name}"


class Names(Mapping[str, Any]):
    """The names of a module, each looked up when an expression uses it."""

    def __init__(self, module: Module) -> None:
        self.module = module

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def evaluated(names: Names, node: ast.expr) -> Any:
    """What an expression of a module means, by these names alone."""
    code = compile(ast.Expression(node), names.module.name, "eval")
    return eval(code, {"__builtins__": {}}, names)


def read(place: str) -> Source | None:
    """The class or function behind an entry point's ``module:name``; None where its source does not tell."""
    module, _, name = place.partition(":")
    try:
        found = resolve(module, name.strip())
    except UnreadableError:
        return None
    return found if isinstance(found, Source) else None


def derives_from(source: Source, full_name: str) -> bool | None:
    """Whether a class has a base of that full name (``isptune.contracts.stage.Stage``); None if unknown."""
    if not isinstance(source.node, ast.ClassDef):
        return False
    bases = list(ancestry(source))
    if any(isinstance(one, Source) and one.full_name == full_name for one in bases):
        return True
    return None if None in bases else False


def ancestry(source: Source) -> Iterator[Source | str | None]:
    """The class and its bases, nearest first; a known foreign base by its name, an unknown one as None."""
    yield source
    assert isinstance(source.node, ast.ClassDef)
    for base in source.node.bases:
        node = base.value if isinstance(base, ast.Subscript) else base
        try:
            found = _named(source.module, node)
        except UnreadableError:
            yield None
            continue
        if isinstance(found, Source) and isinstance(found.node, ast.ClassDef):
            yield from ancestry(found)
        else:
            yield found if isinstance(found, str) else None


def _named(module: Module, node: ast.expr) -> Source | str:
    """What an expression such as ``isptune.Stage`` means; a class outside of plugins by its full name."""
    if isinstance(node, ast.Name):
        if node.id in module.definitions or node.id in module.imports:
            return resolve(module.name, node.id)
        if hasattr(builtins, node.id):
            return node.id
    if isinstance(node, ast.Attribute):
        parts = ast.unparse(node).split(".")
        target = module.imports.get(parts[0])
        if target is not None and all(part.isidentifier() for part in parts):
            first = target[0] if target[1] is None else f"{target[0]}.{target[1]}"
            return resolve(".".join([first, *parts[1:-1]]), parts[-1])
    raise UnreadableError


def resolve(module_name: str, name: str, depth: int = 0) -> Source | str:
    """A name of a module, followed through imports."""
    full = f"{module_name}.{name}"
    if depth > 20:
        raise UnreadableError(full)
    if full in PLAIN_BASES or module_name.partition(".")[0] in FOREIGN:
        return full
    module = read_module(module_name)
    found = module.definitions.get(name)
    if isinstance(found, ast.ClassDef | ast.FunctionDef):
        return Source(module, found)
    if name in module.imports:
        other, attribute = module.imports[name]
        if attribute is not None:
            return resolve(other, attribute, depth + 1)
    raise UnreadableError(full)


def parsed(source: str | bytes, mode: str = "exec") -> ast.AST:
    """The syntax tree of source text, also where several threads ask at once.

    Python 3.11 and 3.12 count the depth of a tree for all threads together: two that parse at the same time
    may get a SystemError.
    """
    with _one_at_a_time:
        return ast.parse(source, mode=mode)


@lru_cache(maxsize=1024)
def read_module(name: str) -> Module:
    path, is_package = _file(name)
    module = Module(name, is_package)
    # A package whose names load lazily says in its stub where they come from.
    stub = path.with_suffix(".pyi")
    for file in (path, stub) if stub.is_file() else (path,):
        try:
            tree = parsed(file.read_bytes())
        except (OSError, SyntaxError, ValueError) as error:
            raise UnreadableError(name) from error
        assert isinstance(tree, ast.Module)
        _collect(module, tree.body)
    return module


def _collect(module: Module, body: list[ast.stmt]) -> None:
    for statement in body:
        if isinstance(statement, ast.ClassDef | ast.FunctionDef):
            module.definitions[statement.name] = statement
        elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            if isinstance(statement.targets[0], ast.Name):
                module.definitions[statement.targets[0].id] = statement.value
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            if statement.value is not None:
                module.definitions[statement.target.id] = statement.value
        elif isinstance(statement, ast.Import):
            for one in statement.names:
                whole = one.name if one.asname else one.name.partition(".")[0]
                module.imports[one.asname or whole] = (whole, None)
        elif isinstance(statement, ast.ImportFrom):
            origin = _absolute(module, statement)
            for one in statement.names:
                module.imports[one.asname or one.name] = (origin, one.name)
        elif isinstance(statement, ast.If | ast.Try):
            # Names for type checkers tell as much as those that are imported.
            _collect(module, statement.body)
            _collect(module, statement.orelse)


def _absolute(module: Module, statement: ast.ImportFrom) -> str:
    if not statement.level:
        return statement.module or ""
    parents = module.name.split(".")
    parents = parents[: len(parents) - statement.level + (1 if module.is_package else 0)]
    return ".".join([*parents, *([statement.module] if statement.module else [])])


def _file(name: str) -> tuple[Path, bool]:
    """The file of a module, found without importing its package."""
    top, *rest = name.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError) as error:
        raise UnreadableError(name) from error
    if spec is None:
        raise UnreadableError(name)
    folders = list(spec.submodule_search_locations or ())
    if not rest:
        if spec.origin is None or not spec.origin.endswith(".py"):
            raise UnreadableError(name)
        return Path(spec.origin), bool(folders)
    for folder in folders:
        path = Path(folder, *rest)
        if (path / "__init__.py").is_file():
            return path / "__init__.py", True
        if path.with_suffix(".py").is_file():
            return path.with_suffix(".py"), False
    raise UnreadableError(name)

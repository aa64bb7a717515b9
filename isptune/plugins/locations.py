"""Plugins that no package registers: ``module:Class``, or ``path/to/file.py:Class``.

Nothing has to be installed for them: a file is executed as it stands, and modules of the current folder can
be imported.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import os
import re
import sys
import traceback
from collections.abc import Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from isptune.errors import ConfigurationError, IsptuneError, UnknownNameError
from isptune.storage.paths import user_path
from isptune.wording.naming import did_you_mean, listed

# Where the contract of each kind stands; it loads after the user's own module, which needs it anyway.
_CONTRACTS = {
    "stage": "isptune.contracts.stage:Stage",
    "pipeline": "isptune.contracts.pipeline:Pipeline",
    "objective": "isptune.contracts.objective:Objective",
    "optimizer": "isptune.contracts.optimizer:Optimizer",
    "learner": "isptune.iqa.training.learner:Learner",
}
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_FILE = re.compile(r"(?P<file>.+\.py):(?P<name>[^:/\\]*)")

# The files that were executed, by path and date, so that several plugins of one file share its module.
_executed: dict[str, tuple[tuple[int, int], ModuleType]] = {}


def is_location(name: str) -> bool:
    """Whether a name is written as a place: ``file.py:Class``, ``file.py`` or ``module:Class``."""
    place, colon, rest = name.rpartition(":")
    return is_file(name) or bool(colon and _MODULE.fullmatch(place) and _MODULE.fullmatch(rest))


def is_file(name: str) -> bool:
    """Whether a name is written as a file, with a class behind it or without."""
    return name.endswith(".py") or _FILE.fullmatch(name) is not None


def absolute(name: str) -> str:
    """A file's name from the root of the file system, with the class behind it; other names as they are."""
    found = _FILE.fullmatch(name)
    if found is None:
        return name
    return f"{os.path.abspath(user_path(found['file']))}:{found['name']}"


def shown(name: str) -> str:
    """A name for tables and captions: a file's without its folders."""
    found = _FILE.fullmatch(name)
    return name if found is None else f"{Path(found['file']).name}:{found['name']}"


def load(name: str, kind: str) -> Any | None:
    """The class or factory at a place.

    Args:
        name: of a place, see ``is_location``.
        kind: of plugin that is wanted, such as ``"objective"``.

    Returns:
        None where ``module:Class`` names no module at all: it may be a misspelt name of another kind.

    Raises:
        UnknownNameError: the file or what it should hold is not there.
        ConfigurationError: it is of another kind, or lacks what its contract asks for.
        IsptuneError: the file or module fails while it is imported; the message says where.
    """
    if is_file(name):
        place, _, rest = absolute(name).rpartition(":") if ":" in name else (name, "", "")
        module: ModuleType | None = _execute(user_path(place), f"the {kind} '{name}'")
        what = f"the file '{place}'"
    else:
        place, _, rest = name.rpartition(":")
        module = _import(place, f"the {kind} '{name}'")
        what = f"the module '{place}'"
    if module is None:
        return None
    if not is_file(name) and getattr(module, "__file__", None):
        what += f" ('{module.__file__}')"
    return _found(module, rest, kind, what, name)


def _found(module: ModuleType, rest: str, kind: str, what: str, name: str) -> Any:
    """The object of a module, checked against the contract of its kind."""
    contract = _contract(kind)
    fitting = [
        key
        for key, value in vars(module).items()
        if isinstance(value, type)
        and value.__module__ == module.__name__
        and not inspect.isabstract(value)
        and (contract is None or issubclass(value, contract))
    ]
    if not rest:
        example = f"{name.rstrip(':')}:{fitting[0] if fitting else 'CLASS'}"
        raise UnknownNameError(f"'{name}' names no class: write '{example}'")
    target: Any = module
    for part in rest.split("."):
        if not hasattr(target, part):
            near = did_you_mean(part, fitting) or did_you_mean(part, _public(target))
            near = near or (f"; its {kind}s: {listed(fitting)}" if fitting else f"; it has no {kind}")
            raise UnknownNameError(f"{what} has no '{rest}'{near}")
        target = getattr(target, part)
    if not callable(target):
        raise ConfigurationError(f"'{rest}' of {what} is no class: it cannot make a {kind}")
    if isinstance(target, type) and contract is not None:
        _check_class(target, contract, kind, f"'{rest}' of {what}")
    return target


def _public(target: Any) -> list[str]:
    return [key for key, value in vars(target).items() if callable(value) and not key.startswith("_")]


def make(factory: Any, options: Mapping[str, Any], kind: str, name: str) -> Any:
    """An instance of what a place holds.

    Raises:
        ConfigurationError: a factory gave what is no plugin of the kind.
        IsptuneError: it fails while it is made; the message says where.
    """
    try:
        instance = factory(**options)
    except IsptuneError:
        raise
    except (Exception, SystemExit) as error:
        folder = Path(getattr(sys.modules.get(factory.__module__), "__file__", None) or ".").parent
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        raise IsptuneError(
            f"the {kind} '{name}' cannot be made: {reason} ({_place(error, folder)})"
        ) from error
    contract = _contract(kind)
    if contract is not None and not isinstance(instance, contract):
        raise ConfigurationError(
            f"'{name}' gave an object of type {type(instance).__name__}, and not a subclass of "
            f"isptune.{contract.__name__}"
        )
    return instance


def _check_class(target: type, contract: type, kind: str, what: str) -> None:
    article = "an" if kind[0] in "aeiou" else "a"
    if not issubclass(target, contract):
        other = next((known for known in _CONTRACTS if issubclass(target, _contract(known) or ())), None)
        is_what = "not" if other is None else f"{'an' if other[0] in 'aeiou' else 'a'} {other}, not"
        raise ConfigurationError(
            f"{what} is {is_what} {article} {kind}, which is a subclass of isptune.{contract.__name__}"
        )
    if inspect.isabstract(target):
        missing = listed(sorted(getattr(target, "__abstractmethods__", ())))
        raise ConfigurationError(f"{what} is an unfinished {kind}: it lacks the method {missing}")


def _contract(kind: str) -> type | None:
    if kind not in _CONTRACTS:
        return None
    module, _, name = _CONTRACTS[kind].partition(":")
    contract: type = getattr(importlib.import_module(module), name)
    return contract


def _execute(path: Path, what: str) -> ModuleType:
    """The module of a file, executed once for each version of it."""
    try:
        facts = path.stat()
    except OSError:
        folder = path.parent
        near = ""
        if folder.is_dir():
            near = did_you_mean(path.name, [entry.name for entry in folder.glob("*.py")])
        raise UnknownNameError(f"there is no file '{path}' for {what}{near}") from None
    if not path.is_file():
        raise UnknownNameError(f"'{path}' is a folder, and {what} needs a file")
    key, version = str(path.absolute()), (facts.st_mtime_ns, facts.st_size)
    known = _executed.get(key)
    if known is not None and known[0] == version:
        return known[1]
    # Files of one name in two folders are two modules.
    name = f"{path.stem}_{hashlib.sha256(key.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, key)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # What lies beside the file can be imported from it, as where Python runs the file itself.
    _importable(str(path.absolute().parent))
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        _guarded(lambda: spec.loader.exec_module(module), f"the file '{path}'", what, path.parent)
    except BaseException:
        sys.modules.pop(name)
        if before is not None:
            sys.modules[name] = before
        raise
    _executed[key] = version, module
    return module


def _import(name: str, what: str) -> ModuleType | None:
    """A module of the current folder or of the installation, or None where there is none of that name."""
    _importable(os.getcwd())
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        part = ".".join(parts[:end])
        if part in sys.modules:
            continue
        importlib.invalidate_caches()
        parent = sys.modules.get(".".join(parts[: end - 1]))
        where = getattr(parent, "__path__", None) if parent is not None else None
        if (end > 1 and where is None) or PathFinder.find_spec(part, where) is None:
            return None
        _guarded(lambda part=part: importlib.import_module(part), f"the module '{name}'", what, Path.cwd())
    return sys.modules[name]


def _importable(folder: str) -> None:
    """Let Python import what lies in a folder, behind everything that is installed."""
    if folder not in sys.path:
        sys.path.append(folder)


def _guarded(action: Any, subject: str, what: str, folder: Path) -> None:
    """Import something of the user's; whatever it raises becomes one sentence with its file and line."""
    try:
        action()
    except IsptuneError as error:
        raise type(error)(f"{subject} of {what} cannot be imported: {error}") from error
    except (Exception, SystemExit) as error:
        text = error.msg if isinstance(error, SyntaxError) else error
        reason = f"{type(error).__name__}: {text}".rstrip(": ")
        raise IsptuneError(
            f"{subject} of {what} cannot be imported: {reason} ({_place(error, folder)})"
        ) from error


def _place(error: BaseException, folder: Path) -> str:
    """File and line of an exception: the deepest of the user's own folder."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"'{error.filename}', line {error.lineno}"
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename
    ]
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(folder.absolute())]
    frame = (own or frames)[-1]
    return f"'{frame.filename}', line {frame.lineno}"

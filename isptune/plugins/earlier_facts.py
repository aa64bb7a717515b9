"""The facts of isptune 0.1 that records hold now: a plugin that still sets them is told what to write."""

from __future__ import annotations

from typing import Any

from isptune.contracts.requirements import Memory, Packaging
from isptune.errors import ConfigurationError
from isptune.wording.naming import listed

_RECORDS: dict[str, type] = {"memory": Memory, "packaging": Packaging}

# The facts of isptune 0.1, the records that they are in now, and the types that tell them from attributes
# of a plugin's own, such as weights that are a tensor.
_OLD: dict[str, tuple[str, str, tuple[type, ...]]] = {
    "working_images": ("memory", "images", (int, float)),
    "working_images_with_gradients": ("memory", "images_with_gradients", (int, float)),
    "recorded_images": ("memory", "images_with_gradients", (int, float)),
    "working_bytes": ("memory", "bytes", (int, float)),
    "working_bytes_with_gradients": ("memory", "bytes_with_gradients", (int, float)),
    "extra": ("packaging", "extra", (str,)),
    "requires": ("packaging", "requires", (tuple, list)),
    "weights": ("packaging", "weights", (str,)),
    "downloads": ("packaging", "downloads", (tuple, list)),
}


def check_records(plugin: Any) -> None:
    """Refuse a class or factory that sets a fact of isptune 0.1, or a record that is none.

    Raises:
        ConfigurationError: one sentence that says what to write instead.
    """
    own = vars(plugin) if hasattr(plugin, "__dict__") else {}
    name = getattr(plugin, "__name__", type(plugin).__name__)
    _refuse_old(own, f"'{name}'", _OLD)
    for fact, kind in _RECORDS.items():
        value = own.get(fact, kind())
        if not isinstance(value, kind) and not hasattr(value, "__get__"):
            raise ConfigurationError(
                f"{fact} of '{name}' is {value!r}; allowed: isptune.{kind.__name__}(...)"
            )


def check_instance_records(instance: Any) -> None:
    """Refuse an object that has set a memory fact of isptune 0.1, which nothing reads any more.

    Raises:
        ConfigurationError: one sentence that says what to write instead.
    """
    memory = {old: new for old, new in _OLD.items() if new[0] == "memory"}
    _refuse_old(
        getattr(instance, "__dict__", {}), f"an object of '{type(instance).__name__}'", memory, "self."
    )


def _refuse_old(
    own: Any, who: str, old: dict[str, tuple[str, str, tuple[type, ...]]], prefix: str = ""
) -> None:
    found = {name: own[name] for name, (_, _, kinds) in old.items() if isinstance(own.get(name), kinds)}
    if not found:
        return
    records: dict[str, dict[str, Any]] = {}
    for name, value in found.items():
        record, field, _ = old[name]
        records.setdefault(record, {})[field] = tuple(value) if isinstance(value, list) else value
    written = [
        f"{prefix}{record} = isptune.{_RECORDS[record].__name__}"
        f"({', '.join(f'{field}={value!r}' for field, value in given.items())})"
        for record, given in records.items()
    ]
    raise ConfigurationError(
        f"{who} sets {listed(found)}, which isptune 0.2 reads from "
        f"{'a record' if len(records) == 1 else 'records'}; write {' and '.join(written)}"
    )

"""Reads the parameter layouts of darktable's installed modules; run as a program of its own.

A module is a library under the GPL and may crash, so this runs in a child process: ``python introspection.py
FOLDER`` prints one JSON object, by module name ``version``, ``size`` and ``fields``. It needs nothing but
Python, and no module is called but for its own description.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any

# What darktable 4 calls the description's form: another one lays out its structures in another way.
API = 8

# Numbers of dt_introspection_type_t, in their order.
TYPES = (
    *("none", "opaque", "float", "double", "floatcomplex", "char", "int8", "uint8", "short", "ushort"),
    *("int", "uint", "long", "ulong", "bool", "array", "enum", "struct", "union"),
)
_NUMBERS: dict[str, Any] = {
    "float": ctypes.c_float,
    "double": ctypes.c_double,
    "char": ctypes.c_int8,
    "int8": ctypes.c_int8,
    "uint8": ctypes.c_uint8,
    "short": ctypes.c_int16,
    "ushort": ctypes.c_uint16,
    "int": ctypes.c_int32,
    "uint": ctypes.c_uint32,
}


class _Header(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("type_name", ctypes.c_char_p),
        ("name", ctypes.c_char_p),
        ("field_name", ctypes.c_char_p),
        ("description", ctypes.c_char_p),
        ("size", ctypes.c_size_t),
        ("offset", ctypes.c_size_t),
        ("so", ctypes.c_void_p),
    )


class _Option(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("value", ctypes.c_int), ("description", ctypes.c_char_p))


class _Enum(ctypes.Structure):
    _fields_ = (("entries", ctypes.c_size_t), ("values", ctypes.POINTER(_Option)), ("default", ctypes.c_int))


class _Array(ctypes.Structure):
    _fields_ = (("count", ctypes.c_size_t), ("type", ctypes.c_int), ("field", ctypes.c_void_p))


class _Field(ctypes.Structure):
    """A header and a union of what each type has beside it."""

    _fields_ = (("header", _Header), ("rest", ctypes.c_uint64 * 3))


class _Description(ctypes.Structure):
    _fields_ = (
        ("api_version", ctypes.c_int),
        ("params_version", ctypes.c_int),
        ("type_name", ctypes.c_char_p),
        ("size", ctypes.c_size_t),
    )


def described(library: Path) -> dict[str, Any] | None:
    """The layout of a module's parameters; None where it has none, or one of another form."""
    module = ctypes.CDLL(str(library))
    for name in ("get_introspection", "get_introspection_linear", "introspection_init"):
        if not hasattr(module, name):
            return None
    module.get_introspection.restype = ctypes.POINTER(_Description)
    module.get_introspection_linear.restype = ctypes.POINTER(_Field)
    module.introspection_init.argtypes = (ctypes.c_void_p, ctypes.c_int)
    # It notes the address of what would be its module.
    owner = (ctypes.c_char * 65536)()
    if module.introspection_init(ctypes.addressof(owner), API) != 0:
        return None
    whole = module.get_introspection().contents
    if whole.api_version != API:
        return None
    fields = []
    linear = module.get_introspection_linear()
    # A field of the type "none" ends the list.
    for place in range(10_000):
        header = linear[place].header
        kind = TYPES[header.type] if 0 <= header.type < len(TYPES) else "none"
        if kind == "none":
            break
        fields.append(_field(linear[place], kind))
    return {"version": whole.params_version, "size": whole.size, "fields": fields}


def _field(field: _Field, kind: str) -> dict[str, Any]:
    header = field.header
    found: dict[str, Any] = {
        "name": _text(header.name),
        "type": kind,
        "offset": header.offset,
        "size": header.size,
        "description": _text(header.description),
    }
    rest = ctypes.byref(field.rest)
    if kind in _NUMBERS:
        low, high, default = ctypes.cast(rest, ctypes.POINTER(_NUMBERS[kind] * 3)).contents
        found |= {"min": low, "max": high, "default": default}
    elif kind == "bool":
        found["default"] = ctypes.cast(rest, ctypes.POINTER(ctypes.c_int)).contents.value
    elif kind == "enum":
        enum = ctypes.cast(rest, ctypes.POINTER(_Enum)).contents
        options = [enum.values[place] for place in range(enum.entries)]
        found["default"] = enum.default
        found["values"] = {_text(one.name): one.value for one in options if one.name}
    elif kind == "array":
        found["count"] = ctypes.cast(rest, ctypes.POINTER(_Array)).contents.count
    return found


def _text(value: bytes | None) -> str | None:
    return value.decode("utf-8", "replace") if value else None


def main(folder: str) -> None:
    place = Path(folder)
    ctypes.CDLL(str(place / "libdarktable.so"), mode=ctypes.RTLD_GLOBAL)
    found = {}
    for library in sorted((place / "plugins").glob("lib*.so")):
        layout = _apart(library)
        if layout is not None:
            found[library.stem.removeprefix("lib")] = layout
    json.dump(found, sys.stdout)


def _apart(library: Path) -> dict[str, Any] | None:
    """The layout of a module, read in a process of its own, so that a crash costs this module alone."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            with os.fdopen(writer, "w") as pipe:
                json.dump(described(library), pipe)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    try:
        layout: dict[str, Any] | None = json.loads(text)
    except ValueError:
        return None
    return layout


if __name__ == "__main__":
    main(sys.argv[1])

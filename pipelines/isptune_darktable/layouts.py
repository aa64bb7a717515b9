"""Layouts of darktable's modules: names, places, bounds and defaults of parameters, and their bytes."""

from __future__ import annotations

import json
import math
import os
import re
import struct
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isptune import Bool, Choice, Float, Int
from isptune.errors import ConfigurationError
from isptune.parameters.parameter import Parameter
from isptune.wording.naming import did_you_mean, listed

# Types of introspection as the struct module writes them.
_CODES = dict(
    zip(
        ("float", "double", "char", "int8", "uint8", "short", "ushort", "int", "uint", "enum", "bool"),
        "fdbbBhHiIii",
        strict=True,
    )
)
_WHOLE = ("char", "int8", "uint8", "short", "ushort", "int", "uint")


@dataclass(frozen=True)
class Layout:
    """The parameters of one module.

    Attributes:
        module: its name in a history, such as ``"denoiseprofile"``.
        version: of the parameters.
        size: of their structure in bytes.
        fields: by name (``"a[0]"`` is the first of an array ``"a"``) what introspection tells of each.
    """

    module: str
    version: int
    size: int
    fields: Mapping[str, Mapping[str, Any]]

    def place(self, name: str) -> tuple[int, str]:
        """Offset and type of a number: ``"strength"``, ``"a[2]"``, ``"x[1][3]"``.

        Raises:
            ConfigurationError: the module has none of that name.
        """
        indices = [int(digits) for digits in re.findall(r"\[(\d+)\]", name)]
        first = re.sub(r"\[\d+\]", "[0]", name)
        field = self.fields.get(first)
        if field is None or field["type"] not in _CODES:
            known = [known for known, one in self.fields.items() if one["type"] in _CODES]
            raise ConfigurationError(
                f"the module '{self.module}' of darktable has no field '{name}'{did_you_mean(name, known)}; "
                f"it has {listed(known, 40)}"
            )
        offset = int(field["offset"])
        for index, (count, stride) in zip(indices, self._arrays(first), strict=True):
            if index >= count:
                raise ConfigurationError(
                    f"'{name}' of darktable's module '{self.module}' is past the end; there are {count}"
                )
            offset += index * stride
        return offset, str(field["type"])

    def value(self, name: str, given: Any) -> int | float:
        """A value as the number that is stored: an option of an enum by its name."""
        field = self.fields[re.sub(r"\[\d+\]", "[0]", name)]
        return int(field["values"][given]) if field["type"] == "enum" and isinstance(given, str) else given

    def packed(self, values: Mapping[str, Any]) -> bytes:
        """The structure with these values, the others at their defaults."""
        data = bytearray(self.size)
        for name, field in self.fields.items():
            if field["type"] in _CODES and field.get("default") is not None:
                for offset in self._repeats(name, int(field["offset"])):
                    struct.pack_into("<" + _CODES[field["type"]], data, offset, field["default"])
        for name, given in values.items():
            offset, kind = self.place(name)
            struct.pack_into("<" + _CODES[kind], data, offset, self.value(name, given))
        return bytes(data)

    def parameter(self, name: str) -> Parameter:
        """A field as a parameter, with the module's own bounds and default."""
        self.place(name)
        field = self.fields[re.sub(r"\[\d+\]", "[0]", name)]
        told: Any = {"description": field["description"] or ""}
        if field["type"] == "bool":
            return Bool(default=bool(field["default"]), **told)
        if field["type"] == "enum":
            options = tuple(field["values"])
            default = next((one for one, value in field["values"].items() if value == field["default"]), None)
            return Choice(options, default=default, **told)
        low, high, default = field["min"], field["max"], field["default"]
        if field["type"] in _WHOLE:
            return Int(low, high, default=default, **told)
        # Bounds that are single numbers as people write them: 0.1 and not 0.10000000149.
        low, high, default = (float(f"{number:.7g}") for number in (low, high, default))
        if not math.isfinite(high - low) or high - low > 1e9:
            raise ConfigurationError(
                f"the field '{name}' of darktable's module '{self.module}' has no bounds; give low and high"
            )
        return Float(low, high, default=min(max(default, low), high), **told)

    def _arrays(self, first: str) -> list[tuple[int, int]]:
        """Counts and strides of the arrays around a field, the outermost first."""
        found = []
        for match in re.finditer(r"\[0\]", first):
            array = self.fields[first[: match.start()]]
            found.append((int(array["count"]), int(array["size"]) // int(array["count"])))
        return found

    def _repeats(self, first: str, offset: int) -> list[int]:
        offsets = [offset]
        for count, stride in self._arrays(first):
            offsets = [start + index * stride for start in offsets for index in range(count)]
        return offsets


def read_layouts(folder: Path) -> dict[str, Layout]:
    """The layouts of the modules that are installed in a folder of darktable, read in a child process.

    Raises:
        ConfigurationError: they cannot be read.
    """
    child = Path(__file__).with_name("introspection.py")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(child), str(folder)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
            env=environment,
        )
        described = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError(
            f"the modules of darktable in '{folder}' cannot be read; isptune knows darktable 4"
        ) from error
    return {
        name: Layout(
            name,
            entry["version"],
            entry["size"],
            {f["name"]: f for f in entry["fields"] if f["name"] is not None},
        )
        for name, entry in described.items()
    }


def modules_folder(program: str) -> Path:
    """Where the modules of a ``darktable-cli`` lie.

    Raises:
        ConfigurationError: they are not there.
    """
    root = Path(os.path.realpath(program)).parent.parent
    for library in sorted(
        {*root.glob("lib*/darktable/libdarktable.so"), *root.glob("lib*/*/darktable/libdarktable.so")}
    ):
        return library.parent
    raise ConfigurationError(f"the modules of '{program}' are not in lib/darktable beside it")

"""Argument lists with placeholders, filled without a shell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isptune.errors import ConfigurationError
from isptune.parameters.settings_files import FORMS, filled_template, plain_text, written_settings
from isptune.storage.paths import shown
from isptune.wording.naming import did_you_mean, listed

_FILES = ("input", "output", "parameters")
_KEYS = ("form", "template", "name")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][\w.-]*)\}")

# The suffix of a parameter file by its form.
_SUFFIXES = {"c-header": ".h"}


@dataclass(frozen=True)
class ParameterFile:
    """What a program reads its parameters from.

    Attributes:
        form: one of ``isptune.parameters.settings_files.FORMS``; empty where there is a template.
        template: a text in which ``{NAME}`` stands for the value of a parameter.
        name: of the file, which a program may tell the form by.
    """

    form: str
    template: str
    name: str

    def text(self, values: Mapping[str, Any]) -> str:
        return (
            filled_template(self.template, values) if self.template else written_settings(values, self.form)
        )


def parameter_file(given: Any) -> ParameterFile | None:
    """Read the option ``parameter_file``: a form, or ``{"template": PATH}``, with ``name`` where it matters.

    Raises:
        ConfigurationError: one sentence that says what is allowed.
    """
    allowed = f"{listed(FORMS)}, or {{template: FILE}}"
    if given is None:
        return None
    entry = {"form": given} if isinstance(given, str) else given
    if not isinstance(entry, Mapping) or not {"form", "template"} & set(entry):
        raise ConfigurationError(f"parameter_file is {given!r}; allowed: {allowed}")
    for key in entry:
        if key not in _KEYS:
            raise ConfigurationError(
                f"parameter_file has the unknown key '{key}'{did_you_mean(str(key), _KEYS)}; "
                f"allowed: {listed(_KEYS)}"
            )
    if "form" in entry and "template" in entry:
        raise ConfigurationError("parameter_file has a form and a template; leave one of the two out")
    name = entry.get("name")
    if name is not None and (not isinstance(name, str) or not _is_plain(name)):
        raise ConfigurationError(f"the name of parameter_file is {name!r}; allowed: a file's name, no path")
    if "form" in entry:
        form = str(entry["form"])
        if form not in FORMS:
            raise ConfigurationError(
                f"the form of parameter_file is '{form}'{did_you_mean(form, FORMS)}; allowed: {allowed}"
            )
        return ParameterFile(form, "", name or f"parameters{_SUFFIXES.get(form, f'.{form}')}")
    path = Path(str(entry["template"]))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigurationError(f"the template '{shown(path)}' cannot be read: {reason}") from error
    return ParameterFile("", text, name or f"parameters{path.suffix}")


def _is_plain(name: str) -> bool:
    return bool(name) and name not in (".", "..") and not set(name) & set("/\\\0")


def check_template(argv: Any, names: Sequence[str], file: ParameterFile | None) -> list[str]:
    """An argv template, or a ConfigurationError that says what is wrong with it.

    Every parameter has to reach the program, and so do input and output.
    """
    if isinstance(argv, str) or not isinstance(argv, Sequence) or not argv:
        raise ConfigurationError(
            f"argv is {argv!r}; allowed: a list of the program and its arguments, such as "
            "[my-isp, '{input}', '{output}', --gain, '{gain}']; no shell reads it"
        )
    parts = []
    for part in argv:
        if isinstance(part, bool) or not isinstance(part, str | int | float) or "\0" in str(part):
            raise ConfigurationError(f"argv holds {part!r}; allowed: texts and numbers")
        parts.append(str(part))
    if _PLACEHOLDER.search(parts[0]) or not parts[0]:
        raise ConfigurationError(f"argv begins with '{parts[0]}'; allowed: the name or path of a program")
    known = [*_FILES, *names]
    used = [name for part in parts for name in _PLACEHOLDER.findall(part)]
    for name in used:
        if name not in known:
            raise ConfigurationError(
                f"argv has the placeholder '{{{name}}}'{did_you_mean(name, known)}; allowed: {listed(known)}"
            )
    for name in ("input", "output"):
        if name not in used:
            raise ConfigurationError(
                f"argv has no '{{{name}}}': the program has to be told where its {name} is"
            )
    if ("parameters" in used) != (file is not None):
        raise ConfigurationError(
            "argv has no '{parameters}': the program has to be told where its parameter file is"
            if file is not None
            else "argv has '{parameters}', and there is no parameter file; say its form in parameter_file"
        )
    if file is None or file.template:
        given = {*used, *(_PLACEHOLDER.findall(file.template) if file is not None else ())}
        for name in names:
            if name not in given:
                where = "not in argv" if file is None else "neither in argv nor in the template"
                raise ConfigurationError(
                    f"the parameter '{name}' stands {where}: write '{{{name}}}' where its value belongs"
                )
    return parts


def filled(parts: Sequence[str], values: Mapping[str, Any], files: Mapping[str, Path]) -> list[str]:
    """The arguments of one candidate; what is put in is not looked into again."""
    texts = {
        **{name: plain_text(value) for name, value in values.items()},
        **{k: str(v) for k, v in files.items()},
    }
    return [_PLACEHOLDER.sub(lambda found: texts[found[1]], part) for part in parts]

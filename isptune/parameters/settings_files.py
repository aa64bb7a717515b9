"""Parameters as the files that ISPs read: JSON, YAML, TOML, INI, PP3, a C header, or a text of one's own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from isptune.errors import ConfigurationError
from isptune.storage.yaml_files import written_value
from isptune.wording.naming import did_you_mean, listed

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def written_settings(values: Mapping[str, Any], form: str) -> str:
    """Values by dotted name as the text of a file.

    Args:
        values: numbers, texts and truth values.
        form: one of ``FORMS``. ``"json"``, ``"yaml"`` and ``"toml"`` nest groups; ``"ini"`` and ``"pp3"``
            make a section of each group, what has none stands in ``[General]``; ``"c-header"`` defines a
            constant for each name, in capitals.

    Raises:
        ConfigurationError: an unknown form, or names or values that it cannot hold.

    Example:
        >>> print(written_settings({"sharpen.radius": 1.5, "sharpen.on": True}, "ini"), end="")
        [sharpen]
        radius=1.5
        on=true
    """
    return FORMS[require_form(form, FORMS)](values)


def require_form(form: str, allowed: Collection[str]) -> str:
    """The form, or a ConfigurationError where it is not allowed."""
    if form not in allowed:
        raise ConfigurationError(
            f"the parameters cannot be written as '{form}'{did_you_mean(form, allowed)}; "
            f"allowed for this pipeline: {listed(allowed)}"
        )
    return form


def filled_template(text: str, values: Mapping[str, Any]) -> str:
    """A text in which ``{NAME}`` stands for the value of a parameter; all other braces stay.

    Example:
        >>> filled_template("static const T t = { {gain} };", {"gain": 2.0})
        'static const T t = { 2.0 };'
    """
    names = "|".join(re.escape(name) for name in sorted(values, key=len, reverse=True))
    if not names:
        return text
    return re.sub(r"\{(" + names + r")\}", lambda found: plain_text(values[found[1]]), text)


def plain_text(value: Any) -> str:
    """A value as programs read it: ``true`` and ``false``, numbers to the last digit, texts as they are."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Groups as mappings of their own."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        *groups, last = name.split(".")
        place = found
        for group in groups:
            place = place.setdefault(group, {})
            if not isinstance(place, dict):
                raise _both(name)
        if last in place:
            raise _both(name)
        place[last] = value
    return found


def _both(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"the parameter '{name}' cannot be nested: a part of its name is a parameter and a group at once"
    )


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(_nested(values), indent=2, ensure_ascii=False) + "\n"


def _yaml(values: Mapping[str, Any]) -> str:
    return written_value(_nested(values))


def _toml(values: Mapping[str, Any]) -> str:
    def key(name: str) -> str:
        return name if _BARE_KEY.fullmatch(name) else json.dumps(name)

    def table(path: tuple[str, ...], entries: Mapping[str, Any]) -> list[str]:
        own = [
            f"{key(name)} = {json.dumps(value) if isinstance(value, str) else plain_text(value)}"
            for name, value in entries.items()
            if not isinstance(value, dict)
        ]
        lines = [f"[{'.'.join(map(key, path))}]", *own, ""] if path and own else own + [""] * bool(own)
        for name, value in entries.items():
            if isinstance(value, dict):
                lines += table((*path, name), value)
        return lines

    return "\n".join(table((), _nested(values)))


def _ini(values: Mapping[str, Any]) -> str:
    sections: dict[str, list[str]] = {}
    for name, value in values.items():
        group, _, last = name.rpartition(".")
        text = plain_text(value)
        if "\n" in text or "\r" in text:
            raise ConfigurationError(f"the value of '{name}' has more than one line, which INI cannot hold")
        sections.setdefault(group or "General", []).append(f"{last}={text}")
    return "\n".join("\n".join([f"[{name}]", *lines, ""]) for name, lines in sections.items())


def _c_header(values: Mapping[str, Any]) -> str:
    lines: dict[str, str] = {}
    for name, value in values.items():
        constant = re.sub(r"\W", "_", name, flags=re.ASCII).upper()
        if constant[0].isdigit():
            constant = f"_{constant}"
        if constant in lines:
            raise ConfigurationError(
                f"the parameter '{name}' and another one are both {constant} in C; rename one of them"
            )
        if isinstance(value, bool):
            text = str(int(value))
        elif isinstance(value, str):
            text = '"' + "".join(map(_c_letter, value)) + '"'
        else:
            text = plain_text(value)
        lines[constant] = f"#define {constant} {text}"
    body = "\n".join(lines.values())
    return f"#ifndef ISPTUNE_SETTINGS_H\n#define ISPTUNE_SETTINGS_H\n\n{body}\n\n#endif\n"


def _c_letter(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    if letter.isprintable() and letter.isascii() and letter != "?":
        return letter
    # Three octal digits end by themselves; a question mark could begin a trigraph.
    return "".join(f"\\{byte:03o}" for byte in letter.encode())


FORMS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "json": _json,
    "yaml": _yaml,
    "toml": _toml,
    "ini": _ini,
    "pp3": _ini,
    "c-header": _c_header,
}
"""By name, what writes each form."""

PLAIN_FORMS = tuple(form for form in FORMS if form != "pp3")
"""Those that every set of parameters has: the keys of a PP3 are one program's own."""

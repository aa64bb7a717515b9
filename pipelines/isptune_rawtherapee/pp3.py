"""PP3 profiles: sections of keys, read, laid over each other and written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from isptune.errors import ConfigurationError
from isptune.storage.paths import shown

Profile = Mapping[str, Mapping[str, str]]


def read_pp3(path: Path | str) -> dict[str, dict[str, str]]:
    """The sections of a PP3 file.

    Raises:
        ConfigurationError: it cannot be read, or a line is neither a section nor ``Key=Value``.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigurationError(f"the profile '{shown(path)}' cannot be read: {reason}") from error
    return parsed(text, f"the profile '{shown(path)}'")


def parsed(text: str, what: str) -> dict[str, dict[str, str]]:
    """The sections of a PP3 text; ``what`` it is, for messages."""
    found: dict[str, dict[str, str]] = {}
    section: dict[str, str] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            section = found.setdefault(line[1:-1], {})
            continue
        key, equals, value = line.partition("=")
        if section is None or not equals:
            raise ConfigurationError(
                f"{what} has no section and no Key=Value in line {number}: {line[:80]!r}"
            )
        section[key.strip()] = value.strip()
    return found


def layered(*profiles: Profile) -> dict[str, dict[str, str]]:
    """Profiles laid over each other: what comes later counts."""
    found: dict[str, dict[str, str]] = {}
    for profile in profiles:
        for section, keys in profile.items():
            found.setdefault(section, {}).update(keys)
    return found


def written(profile: Profile) -> str:
    """A profile as the text of a PP3 file."""
    return "\n".join(
        "\n".join([f"[{section}]", *(f"{key}={value}" for key, value in keys.items()), ""])
        for section, keys in profile.items()
    )

"""Names: natural order, globs, and the nearest known name for a misspelt one."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Iterable


def natural_key(name: str) -> tuple[tuple[int, int | str], ...]:
    """Sort key that puts ``x2`` before ``x10``."""
    parts = re.split(r"(\d+)", name.lower())
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in parts if part)


def natural_sorted(names: Iterable[str]) -> list[str]:
    """Names in natural order, each once."""
    return sorted(set(names), key=lambda name: (natural_key(name), name))


def match(names: Iterable[str], pattern: str | None) -> list[str]:
    """The names that a case-insensitive glob matches, in natural order; all of them without one."""
    ordered = natural_sorted(names)
    if not pattern:
        return ordered
    return [name for name in ordered if fnmatch.fnmatchcase(name.lower(), pattern.lower())]


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The known name that is closest to a misspelt one, or None where nothing is close.

    Case, ``-`` and ``_`` do not count; a known name that holds the given one whole (``blur`` in
    ``gaussian_blur``) is near as well.
    """

    def plain(text: str) -> str:
        return text.lower().replace("-", "").replace("_", "")

    by_plain: dict[str, str] = {}
    for known in natural_sorted(names):
        by_plain.setdefault(plain(known), known)
    wanted = plain(name)
    if wanted in by_plain:
        return by_plain[wanted]
    close = difflib.get_close_matches(wanted, by_plain, n=1, cutoff=0.6)
    if close:
        return by_plain[close[0]]
    if len(wanted) >= 3:
        holding = [known for known in by_plain if wanted in known]
        if holding:
            return by_plain[min(holding, key=len)]
    return None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for the nearest known name, or nothing."""
    found = nearest(name, names)
    return f"; did you mean '{found}'?" if found else ""


def listed(names: Iterable[str], limit: int = 12) -> str:
    """Names for an error message: ``a, b, c`` and how many more there are."""
    ordered = list(names)
    shown = ", ".join(ordered[:limit])
    return shown if len(ordered) <= limit else f"{shown} and {len(ordered) - limit} more"

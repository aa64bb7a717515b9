"""Times that people write, such as ``1h30m``."""

from __future__ import annotations

import re

_WRITTEN = re.compile(
    r"(?:(?P<h>\d+(?:\.\d+)?)h)?(?:(?P<m>\d+(?:\.\d+)?)m)?(?:(?P<s>\d+(?:\.\d+)?)s?)?", re.ASCII
)
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0}


def seconds_of(text: str) -> float | None:
    """The seconds of a time, which ``1h30m``, ``10m``, ``90s`` or ``90`` says; None where it says none.

    Example:
        >>> [seconds_of(text) for text in ("1h30m", "10m", "90s", "1.5h", "0s", "ten")]
        [5400.0, 600.0, 90.0, 5400.0, None, None]
    """
    found = _WRITTEN.fullmatch(text.strip().lower().replace(" ", ""))
    if found is None:
        return None
    seconds = sum(float(found[unit]) * length for unit, length in _SECONDS.items() if found[unit])
    return seconds if 0 < seconds < float("inf") else None


def in_words(seconds: float) -> str:
    """A time as ``seconds_of`` reads it: ``8.4s``, ``1m30s``, ``2h5m``.

    Example:
        >>> [in_words(seconds) for seconds in (0.25, 59.96, 90, 7500)]
        ['0.2s', '1m', '1m30s', '2h5m']
    """
    if seconds < 59.95:
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    parts = ((hours, "h"), (minutes, "m"), (0 if hours else rest, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count)

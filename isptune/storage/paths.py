"""Paths as users give them: from a text to a file, what of a name may be shown, and what is not there.

A name is any bytes that the system takes. Python holds bytes that are no UTF-8 as lone surrogates, which
neither a terminal nor a text file takes. What is shown goes through ``shown``; what is stored, to be opened
again, keeps them: JSON and YAML write them as escapes, which read back to the same.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from isptune.errors import ConfigurationError
from isptune.wording.naming import did_you_mean

# Control characters, line and paragraph separators, what turns the direction of text around, lone surrogates.
_UNSHOWABLE = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Longer names are of no use in a message.
_LONGEST = 160


def shown(text: str | os.PathLike[str]) -> str:
    """A name or a sentence on one line that every terminal, font and text file takes.

    Bytes that are no UTF-8 and control characters become escapes such as ``\\xe9``.

    Example:
        >>> shown("caf\\udce9.png")
        'caf\\\\xe9.png'
        >>> shown("two\\nlines.png")
        'two\\\\nlines.png'
    """
    return _UNSHOWABLE.sub(_escaped, os.fspath(text))


def _escaped(found: re.Match[str]) -> str:
    letter = found[0]
    code = ord(letter)
    # Bytes that are no UTF-8 are held as U+DC80 to U+DCFF.
    code = code - 0xDC00 if 0xDC80 <= code <= 0xDCFF else code
    return _NAMED.get(letter) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def shortened(text: str) -> str:
    """A text for a message, cut in its middle where it is very long."""
    if len(text) <= _LONGEST:
        return text
    half = (_LONGEST - 3) // 2
    return f"{text[:half]}...{text[-half:]}"


def user_path(given: str | os.PathLike[str]) -> Path:
    """The path that a user means: a file of that very name where there is one, else with ``~`` expanded."""
    path = Path(given)
    if os.path.lexists(path):
        return path
    try:
        return path.expanduser()
    except RuntimeError:
        # No such user: the tilde is the name's.
        return path


def names_chart(source: str) -> bool:
    """Whether a scene's text is the generated chart, rightly written or not, and no file of such a name."""
    if re.fullmatch(r"chart(:\d{1,9}x\d{1,9})?", source, flags=re.ASCII):
        return True
    return source.startswith("chart:") and not os.path.lexists(source)


def folder_name(text: str, longest: int = 120) -> str:
    """A text as a part of a file's name: cut where it would be too long, and then still one of its own."""
    data = os.fsencode(text)
    if len(data) <= longest:
        return text
    kept = data[: longest - 9].decode("utf-8", errors="ignore")
    return f"{kept}-{hashlib.sha256(data).hexdigest()[:8]}"


def file_name(text: str) -> str:
    """A name, such as an objective's, as part of a file's name."""
    return folder_name(re.sub(r"[^\w.+-]", "_", text))


def what_is_missing(path: Path, what: str = "file") -> str:
    """Why nothing can be opened at a path, for a message: ``"there is no such file; did you mean 'b.png'?"``.

    Args:
        path: at which nothing is.
        what: was looked for.
    """
    if os.path.islink(path):
        return f"it is a link to '{os.readlink(path)}', which is not there"
    longest = max((len(os.fsencode(part)) for part in path.parts), default=0)
    if longest > 255:
        return f"its name is too long: {longest} bytes, where systems take 255"
    if not os.path.isdir(path.parent):
        return f"there is no folder '{path.parent}'"
    return f"there is no such {what}{_near(path)}"


def _near(path: Path) -> str:
    try:
        return did_you_mean(path.name, os.listdir(path.parent))
    except OSError:
        # A folder may be entered though it may not be listed.
        return ""


def refuse_twice(directories: Sequence[str | Path]) -> None:
    """One run given twice would count twice.

    Raises:
        ConfigurationError: two directories are one.
    """
    seen: set[Path] = set()
    for directory in directories:
        if Path(directory).resolve() in seen:
            raise ConfigurationError(f"the run directory '{directory}' is given twice")
        seen.add(Path(directory).resolve())

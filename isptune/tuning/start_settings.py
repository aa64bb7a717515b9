"""The setting ``start``: what it may be, and the candidates that files, runs and tables hold."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping, Sequence
from typing import Any

from isptune.errors import ConfigurationError
from isptune.storage.paths import user_path
from isptune.storage.yaml_files import read_data
from isptune.tuning.start_runs import Source, Start, interleaved, of_folder
from isptune.wording.allowed import shown
from isptune.wording.integers import plain
from isptune.wording.naming import did_you_mean, natural_sorted

DEFAULT, OWN = WORDS = ("default", "own")
_ALLOWED = (
    "'default', 'own', the folder of a run, a YAML or JSON file, or values by parameter, or a list of such"
)

# A start as it was given: texts are yet to be read.
Given = str | list[str | dict[str, Any]] | list[dict[str, Any]]


def checked_start(value: Any) -> Given | None:
    """A start as a word, a path, or candidates as plain data and paths between them.

    Raises:
        ConfigurationError: it is of another form.
    """
    if value is None:
        return None
    if isinstance(value, (str, os.PathLike)):
        text = os.fspath(value)
        if not text.strip():
            raise ConfigurationError(f"start is an empty text; allowed: {_ALLOWED}")
        return text
    if not isinstance(value, (list, tuple)) or not any(isinstance(one, (str, os.PathLike)) for one in value):
        return _candidates(value, "start")
    found: list[str | dict[str, Any]] = []
    for number, one in enumerate(value, start=1):
        if not isinstance(one, (str, os.PathLike)):
            found += _candidates([one], "start", number)
            continue
        text = os.fspath(one)
        if not text.strip() or (text in WORDS and len(value) > 1):
            what = f"'{text}'" if text.strip() else "an empty text"
            raise ConfigurationError(
                f"entry {number} of start is {what}; allowed: the folder of a run, a YAML or JSON file, or "
                f"values by parameter{'; that word stands alone' if text in WORDS else ''}"
            )
        found.append(text)
    return found[0] if len(found) == 1 and isinstance(found[0], str) else found


def read_start(start: str | Sequence[str | dict[str, Any]], most: int) -> list[Start]:
    """The candidates that a path stands for, or several paths with candidates between them.

    Args:
        start: folders of runs or of tables, globs of such, YAML or JSON files, and candidates.
        most: how many candidates of runs are taken.

    Raises:
        ConfigurationError: there is no such file, or it holds no candidates.
        RunDirectoryError: a folder holds no run, or none of its candidates has a finite score.
    """
    entries: list[str | dict[str, Any]] = []
    for one in [start] if isinstance(start, str) else start:
        entries += [one] if isinstance(one, dict) else _expanded(one)
    if len(entries) == 1 and isinstance(entries[0], str):
        source = _source(entries[0], most)
        return [Start(row, source.place, source.space is not None) for row in source.rows]
    sources: list[Source] = []
    for one in entries:
        if isinstance(one, str):
            sources.append(_source(one))
        elif sources and not sources[-1].place:
            sources[-1].rows.append(one)
        else:
            sources.append(Source("", [one]))
    if not any(source.space for source in sources):
        return [Start(row, source.place, False) for source in sources for row in source.rows]
    return interleaved(sources, most)


def _expanded(text: str) -> list[str]:
    """The paths that a glob stands for, in natural order; a path that is there, or none at all, is itself."""
    if user_path(text).exists() or not glob.has_magic(text):
        return [text]
    return natural_sorted(glob.glob(os.fspath(user_path(text)), recursive=True)) or [text]


def _source(text: str, most: int | None = None) -> Source:
    """The candidates at a path."""
    path = user_path(text)
    if path.is_dir():
        return of_folder(path, text, most)
    if not path.exists():
        raise ConfigurationError(
            f"start is '{text}', and there is no such file or folder{did_you_mean(text, WORDS)}; "
            f"allowed: {_ALLOWED}"
        )
    what = f"the start '{text}'"
    data = read_data(path, what, ConfigurationError)
    if data is None:
        raise ConfigurationError(f"{what} is empty; allowed: values by parameter, or a list of such mappings")
    return Source(text, _candidates(data, what))


def _candidates(value: Any, what: str, first: int = 1) -> list[dict[str, Any]]:
    """Values by parameter, or a list of such, as a list of plain mappings, counted from ``first``."""
    rows = [value] if isinstance(value, Mapping) else value
    if not isinstance(rows, (list, tuple)):
        raise ConfigurationError(
            f"{what} holds {shown(value)}; allowed: values by parameter, or a list of such mappings"
            if what != "start"
            else f"start is {shown(value)}; allowed: {_ALLOWED}"
        )
    if not rows:
        raise ConfigurationError(
            f"{what} is an empty list; allowed: at least one mapping of parameters to values"
        )
    for number, row in enumerate(rows, start=first):
        whole = what if isinstance(value, Mapping) else f"candidate {number} of {what}"
        if not isinstance(row, Mapping) or not row or not all(isinstance(name, str) for name in row):
            raise ConfigurationError(
                f"{whole} is {shown(dict(row) if isinstance(row, Mapping) else row)}; allowed: a mapping of "
                "parameters to values"
            )
    return [plain(dict(row)) for row in rows]

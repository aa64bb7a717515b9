"""The folders that verbs read and write."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from isptune.errors import ConfigurationError
from isptune.storage.paths import folder_name

BENCHMARK_NAME = "bench.yaml"


def new_folder(beginning: str, what: str) -> Path:
    """A folder under runs/ that is not there yet, named after the time and what goes into it.

    Args:
        beginning: of its name.
        what: the end of its name, shortened where no folder can have it.
    """
    stem = f"{beginning}{datetime.now():%Y%m%d-%H%M%S}-{folder_name(what)}"
    path, number = Path("runs") / stem, 2
    while path.exists():
        path, number = Path("runs") / f"{stem}-{number}", number + 1
    return path


def benchmark_among(directories: Iterable[str], what: str) -> Path | None:
    """The benchmark's directory where one is given; None where all are of runs.

    Args:
        directories: that a command takes.
        what: the command makes of a benchmark, such as ``"a report of its own"``.

    Raises:
        ConfigurationError: a benchmark is given together with others.
    """
    folders = [Path(directory) for directory in directories]
    benchmark = next((folder for folder in folders if (folder / BENCHMARK_NAME).is_file()), None)
    if benchmark is not None and len(folders) > 1:
        raise ConfigurationError(f"'{benchmark}' is a benchmark, which has {what}: give it alone")
    return benchmark


def require_runs(directories: Iterable[str]) -> None:
    """Refuse folders that hold no run, before anything is imported to read it.

    Raises:
        RunDirectoryError: the first of them.
    """
    from isptune.runs.directory import CONFIG_NAME, require_file

    for directory in directories:
        require_file(Path(directory), CONFIG_NAME, "run")

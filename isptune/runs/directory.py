"""The run directory: resolved configuration, append-only log, result; and reading it back."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from isptune.errors import RunDirectoryError
from isptune.runs.generation import Generation
from isptune.runs.lines import drop_torn, whole_lines
from isptune.storage.places import Place
from isptune.storage.writing import append_whole, full_or, make_folder, unwritable, write_whole
from isptune.storage.yaml_files import read_mapping, written_value
from isptune.wording.allowed import shown
from isptune.wording.naming import listed

logger = logging.getLogger("isptune")

CONFIG_NAME = "run.yaml"
# Of run.yaml: that of isptune 0.1, and the one that is written now.
FORMATS = (1, 2)
LOG_NAME = "evaluations.jsonl"
RESULT_NAME = "result.json"
_REMEDY = "what is logged stays whole: make room, then resume"


class RunDirectory:
    """A folder that holds one run.

    ``run.yaml`` is written first and whole; ``evaluations.jsonl`` grows by one flushed line per
    generation; everything else can be made again from the two.
    """

    def __init__(self, path: str | Path) -> None:
        self._place = Place(path)
        self._log: IO[str] | None = None

    @property
    def path(self) -> Path:
        """The folder; a plugin that changes the working folder does not move it."""
        return self._place.path

    def file(self, name: str) -> Path:
        return self.path / name

    @property
    def holds_a_run(self) -> bool:
        # An empty log alone is what a start that was killed at once leaves.
        log = self.file(LOG_NAME)
        return self.file(CONFIG_NAME).exists() or (log.exists() and log.stat().st_size > 0)

    def require_none(self, remedy: str | None = None) -> None:
        """Refuse a folder that holds a run already.

        Args:
            remedy: what to do instead; the commands to use if None.

        Raises:
            RunDirectoryError: it holds one.
        """
        if self.holds_a_run:
            remedy = remedy or f"go on with it by 'isptune resume {self.path}' or choose another --out"
            raise RunDirectoryError(f"the directory '{self.path}' already holds a run; {remedy}")

    def lock(self) -> None:
        """Make the folder and keep every other process from writing in it, until ``close``.

        Nothing else may be written before: the log's file carries the lock, so that nothing of a second
        process that starts at the same moment lands beside the log of the first one.

        Raises:
            RunDirectoryError: the folder cannot be written, or another process is writing the run in it.
        """
        if self._log is not None:
            return
        make_folder(self.path, what="run directory")
        path = self.file(LOG_NAME)
        try:
            self._log = open_locked(path, f"another process is writing the run in '{self.path}'")
        except OSError as error:
            raise full_or(error, RunDirectoryError)(f"cannot write '{path}': {error.strerror}") from error

    def create(self, config: dict[str, Any]) -> None:
        """Write ``run.yaml`` into the folder, which is locked and holds no run.

        Raises:
            RunDirectoryError: it cannot be written.
        """
        self.write(CONFIG_NAME, written_value(config))

    def write(self, name: str, text: str) -> Path:
        """Write a file whole: a reader, or a run after a kill, sees the old one or the new one.

        Raises:
            RunDirectoryError: it cannot be written; a DiskFullError where there is no room for it.
        """
        return write_whole(self.file(name), text, remedy=_REMEDY)

    def read_config(self) -> dict[str, Any]:
        """What ``run.yaml`` holds.

        Raises:
            RunDirectoryError: there is no run here, or the file cannot be read, is not a run's, or was
                written by a later isptune.
        """
        require_file(self.path, CONFIG_NAME, "run")
        path = self.file(CONFIG_NAME)
        data = read_mapping(path, f"the run's {CONFIG_NAME} in '{self.path}'", RunDirectoryError)
        number = data.get("isptune_run")
        if number is None:
            # Nothing else would say so: every setting has a default.
            raise RunDirectoryError(
                f"'{path}' lacks 'isptune_run', which every run writes there: it was cut or is not a run's; "
                "put it back as it was"
            )
        if type(number) is not int or number not in FORMATS:
            raise RunDirectoryError(
                f"'{path}' says isptune_run: {shown(number)}; this isptune reads {listed(map(str, FORMATS))}"
            )
        return data

    def read_log(self, run: str | None = None) -> tuple[list[Generation], int]:
        """The generations of the log.

        Args:
            run: the fingerprint that every line must carry, or None to accept any.

        Returns:
            The generations and the number of bytes that they take: what follows is a torn last line.

        Raises:
            RunDirectoryError: a line other than a torn last one is broken, missing, or belongs to
                another run.
        """
        path = self.file(LOG_NAME)
        generations: list[Generation] = []
        good = 0
        for number, raw in whole_lines(path):
            try:
                found, generation = Generation.from_line(raw.decode())
            except (ValueError, KeyError, TypeError):
                raise RunDirectoryError(
                    f"line {number} of '{path}' is damaged; to go on from before it, delete that line "
                    "and all that follow, then resume"
                ) from None
            if run is not None and found != run:
                raise RunDirectoryError(
                    f"line {number} of '{path}' belongs to a run with another configuration "
                    f"({found} instead of {run}); put the run.yaml back that it was made with"
                )
            if generation.number != number - 1:
                raise RunDirectoryError(
                    f"line {number} of '{path}' is generation {generation.number} where "
                    f"{number - 1} was expected: lines are missing, so the run cannot be resumed"
                )
            generations.append(generation)
            good += len(raw)
        return generations, good

    def open_log(self, good_bytes: int) -> None:
        """Have the log ready for appending behind its first ``good_bytes``; a torn rest is dropped.

        Raises:
            RunDirectoryError: the log cannot be written, or another process is writing it.
        """
        self.lock()
        drop_torn(self.file(LOG_NAME), good_bytes)

    def append(self, generation: Generation, run: str) -> None:
        """Append one line and hand it to the operating system: whole, or not at all.

        Raises:
            RunDirectoryError: it cannot be written; a DiskFullError where there is no room for it.
        """
        if self._log is None:
            raise RunDirectoryError(f"the log of '{self.path}' is not open")
        try:
            append_whole(self._log.fileno(), generation.to_line(run).encode())
        except OSError as error:
            raise unwritable(self.file(LOG_NAME), error, remedy=_REMEDY) from error

    def close(self) -> None:
        """Close the log and let other processes have it."""
        if self._log is not None:
            self._log.close()
            self._log = None


def require_file(folder: Path, name: str, what: str) -> None:
    """Refuse a folder without the file that makes it a run's or a benchmark's (``what``).

    Raises:
        RunDirectoryError: the folder or the file is not there.
    """
    if not (folder / name).exists():
        lacking = f"{name} in it" if folder.is_dir() else "such folder"
        raise RunDirectoryError(f"'{folder}' holds no {what}: there is no {lacking}")


def open_locked(path: Path, refusal: str) -> IO[str]:
    """Open a file for appending and refuse a second writer; closing it, or the process's end, lets it go.

    Raises:
        RunDirectoryError: ``refusal``, where another process has the lock.
        OSError: the file cannot be opened.
    """
    while True:
        file = open(path, "a", encoding="utf-8")  # noqa: SIM115 - the caller closes it
        try:
            _lock(file, refusal)
            # Its last owner may have removed it in between, and a lock on a file without a name is none.
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except BaseException:
            file.close()
            raise
        file.close()


def _lock(file: IO[str], refusal: str) -> None:
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RunDirectoryError(refusal) from None
    except OSError:
        # Some network file systems have no locks; a run there goes on without one.
        logger.info("no file lock on '%s'", file.name)


def noted_defaults(path: Path, labels: Sequence[str]) -> dict[str, float]:
    """The scores of the defaults that a result notes, by label; empty where it notes none."""
    try:
        data = json.loads((path / RESULT_NAME).read_text(encoding="utf-8"))
        found = data.get("default_scores") or {labels[0]: data.get("default_score")}
        return {label: float(found[label]) for label in labels}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, IndexError):
        return {}

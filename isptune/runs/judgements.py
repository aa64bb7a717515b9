"""What the judges of a run noted: the file ``judgements.jsonl``, or memory where a run has no directory."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from isptune.errors import RunDirectoryError
from isptune.runs.lines import drop_torn, whole_lines
from isptune.storage.writing import append_whole, unwritable

JUDGEMENTS_NAME = "judgements.jsonl"

Note = Mapping[str, Any]

_REMEDY = "what was noted stays: make room, then resume"


class Judgements:
    """The notes of a run's judges, by judge and generation.

    The file grows by one whole line a note, written before ``note`` returns. Its first note makes it: runs
    without judges have none. Who writes in a run's directory holds the lock of its log.

    Args:
        path: of the file; None keeps the notes in memory.
        run: the fingerprint of the run.
        logged: how many generations its log holds. Notes belong to these, or to the next one.

    Raises:
        RunDirectoryError: a line other than a torn last one is broken, or belongs to another run or to a
            generation that cannot be.
    """

    def __init__(self, path: Path | None = None, run: str = "", logged: int = 0) -> None:
        self.path = path
        self._run = run
        self._lock = threading.Lock()
        self._notes: dict[str, dict[int, list[Note]]] = {}
        self._file: IO[bytes] | None = None
        self._good_bytes = 0
        if path is not None:
            self._read(path, logged)

    def notes(self, judge: str, generation: int) -> tuple[Note, ...]:
        """What a judge noted in a generation, in order."""
        with self._lock:
            return tuple(self._notes.get(judge, {}).get(generation, ()))

    def earlier(self, judge: str, generation: int) -> tuple[tuple[Note, ...], ...]:
        """What it noted in each generation before."""
        return tuple(self.notes(judge, number) for number in range(generation))

    def note(self, judge: str, generation: int, data: Note) -> None:
        """Keep a note. When this returns, a kill of the process does not take it away.

        Raises:
            RunDirectoryError: it cannot be written; a DiskFullError where there is no room for it.
        """
        line = {"run": self._run, "generation": generation, "judge": judge, "note": data}
        with self._lock:
            if self.path is not None:
                try:
                    append_whole(self._opened(self.path), (json.dumps(line) + "\n").encode())
                except OSError as error:
                    raise unwritable(self.path, error, remedy=_REMEDY) from error
            self._notes.setdefault(judge, {}).setdefault(generation, []).append(data)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _opened(self, path: Path) -> int:
        if self._file is None:
            self._file = open(path, "ab", buffering=0)  # noqa: SIM115 - close() closes it
            drop_torn(path, self._good_bytes)
        return self._file.fileno()

    def _read(self, path: Path, logged: int) -> None:
        for number, raw in whole_lines(path):
            place = f"line {number} of '{path}'"
            mend = "to go on from before it, delete that line and all that follow, then resume"
            try:
                line = json.loads(raw)
                run, generation, judge, note = (line[key] for key in ("run", "generation", "judge", "note"))
                if type(generation) is not int or generation < 0:
                    raise ValueError
                if not (isinstance(judge, str) and isinstance(note, dict)):
                    raise ValueError
            except (ValueError, KeyError, TypeError):
                raise RunDirectoryError(f"{place} is damaged; {mend}") from None
            if run != self._run:
                raise RunDirectoryError(
                    f"{place} belongs to a run with another configuration ({run} instead of {self._run}); "
                    "put the run.yaml back that it was made with"
                )
            if generation > logged:
                raise RunDirectoryError(
                    f"{place} is about generation {generation}, and the log ends before generation {logged}; "
                    f"{mend}"
                )
            self._notes.setdefault(judge, {}).setdefault(generation, []).append(note)
            self._good_bytes += len(raw)

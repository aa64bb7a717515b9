"""A cell that runs elsewhere: what it writes travels back as messages."""

from __future__ import annotations

import json
import os
import queue
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from isptune.benchmark.cell_worker import Job, Worker
from isptune.benchmark.engines.engine import Event, event_of
from isptune.errors import IsptuneError
from isptune.runs.directory import CONFIG_NAME, LOG_NAME, RESULT_NAME
from isptune.runs.judgements import JUDGEMENTS_NAME
from isptune.storage.writing import append_whole, make_folder, unwritable, write_whole
from isptune.tracking import Progress

# What judges noted goes before the log of the generation that it was noted in.
_GROWING = (JUDGEMENTS_NAME, LOG_NAME)


@dataclass(frozen=True)
class Written:
    """Bytes of a file in a run directory: the whole file, or what follows its first ``start`` bytes."""

    name: str
    data: bytes
    start: int = 0


def files_of(job: Job) -> dict[str, bytes]:
    """What the driver has of a run that began already; a torn last line stays here and is written over."""
    found = {}
    for name in (CONFIG_NAME, *_GROWING):
        path = job.directory / name
        if path.exists():
            data = path.read_bytes()
            found[name] = data[: data.rfind(b"\n") + 1] if name in _GROWING else data
    return found


def write(job: Job, written: Written) -> None:
    """Put streamed bytes into the driver's run directory."""
    make_folder(job.directory)
    path = job.directory / written.name
    data = written.data
    if written.name == RESULT_NAME:
        data = (json.dumps({**json.loads(data), "out": str(job.directory)}, indent=2) + "\n").encode()
    if not written.start:
        write_whole(path, data)
        return
    try:
        # A torn line from before is taken away.
        os.truncate(path, written.start)
        with path.open("ab", buffering=0) as file:
            append_whole(file.fileno(), data)
    except OSError as error:
        raise unwritable(path, error, remedy="make room, then go on with the same command") from error


def run_cell(
    job: Job, threads: int, files: Mapping[str, bytes], objective: Any, scenes: Any
) -> Iterator[Any]:
    """The task: run a cell in a folder of its own, and give events and what is written."""
    with tempfile.TemporaryDirectory(prefix="isptune-") as folder:
        directory = Path(folder)
        for name, data in files.items():
            (directory / name).write_bytes(data)
        messages: queue.Queue[Any] = queue.Queue()
        stream = _Stream(directory, {name: len(data) for name, data in files.items()})

        def tell(progress: Progress) -> None:
            if not progress.replayed:
                for written in stream.news():
                    messages.put(written)
                messages.put(event_of(job.cell, progress))

        def work() -> None:
            try:
                here = replace(job, directory=directory)
                outcome = Worker(threads).run(here, [tell], objective, scenes)
                for written in (*stream.news(), *stream.rest()):
                    messages.put(written)
                messages.put(Event(job.cell, outcome=outcome))
            except IsptuneError as error:
                messages.put(error)
            finally:
                messages.put(None)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        while (message := messages.get()) is not None:
            yield message
        thread.join()


class _Stream:
    """What is new in a run directory since the last look."""

    def __init__(self, directory: Path, sent: dict[str, int]) -> None:
        self._directory, self._sent = directory, sent

    def news(self) -> Iterator[Written]:
        """The configuration once, and the new lines of what grows."""
        path = self._directory / CONFIG_NAME
        if path.exists() and CONFIG_NAME not in self._sent:
            self._sent[CONFIG_NAME] = path.stat().st_size
            yield Written(CONFIG_NAME, path.read_bytes())
        for name in _GROWING:
            path = self._directory / name
            start = self._sent.get(name, 0)
            data = path.read_bytes()[start:] if path.exists() else b""
            self._sent[name] = start + len(data)
            if data:
                yield Written(name, data, start)

    def rest(self) -> Iterator[Written]:
        """All other files, when the run has ended."""
        for path in sorted(self._directory.iterdir()):
            if path.is_file() and path.name not in (CONFIG_NAME, *_GROWING):
                yield Written(path.name, path.read_bytes())

"""A small process that ends a run's workers, and what they started, when the run itself has gone.

A worker sees the end of its run by itself, unless it is inside code that never lets Python go on. The
guardian runs this file, which imports the standard library alone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path

# The variable that marks a worker and all programs that it starts, with a text of its own for each worker.
MARK = "ISPTUNE_WORKER"

# A program may start another one while it is being ended.
_ROUNDS = 50


class Guardian:
    """Watches workers for as long as this process lives, on systems that have process groups."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def watch(self, group: int, mark: str) -> None:
        """End this process group, and what else has the mark, when this process has gone."""
        with self._lock:
            if self._process is None and sys.platform != "win32":
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", __file__],
                    stdin=subprocess.PIPE,
                    text=True,
                    start_new_session=True,
                )
            self._tell(f"+{group} {mark}")

    def forget(self, group: int, mark: str) -> None:
        """This worker has ended."""
        with self._lock:
            self._tell(f"-{group} {mark}")

    def close(self) -> None:
        """End the guardian, and with it the workers that it still watches."""
        with self._lock:
            if self._process is not None:
                with contextlib.suppress(OSError):
                    self._process.communicate()
                self._process = None

    def _tell(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()


def end_group(group: int) -> None:
    """Kill a process group; one that is not there is none."""
    with contextlib.suppress(OSError):
        os.killpg(group, signal.SIGKILL)


def end_marked(marks: Collection[str], variable: str = MARK) -> None:
    """Kill the processes that workers of these marks started, also those that left their process group.

    Where the system does not show the environment of processes, nothing is killed.

    Args:
        marks: texts, one for each worker.
        variable: in which they stand; others than workers have their own.
    """
    for _ in range(_ROUNDS):
        found = list(_marked(marks, variable))
        if not found:
            return
        for process in found:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.01)


def _marked(marks: Collection[str], variable: str) -> Iterator[int]:
    wanted = {f"{variable}={mark}".encode() for mark in marks}
    for folder in Path("/proc").glob("[0-9]*"):
        # Processes end at any time, and those of other users are not shown.
        with contextlib.suppress(OSError):
            if not wanted.isdisjoint((folder / "environ").read_bytes().split(b"\0")):
                yield int(folder.name)


def main() -> None:
    """Read ``+GROUP MARK`` and ``-GROUP MARK`` of workers that come and go; when that ends, end the rest."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    watched: set[tuple[str, str]] = set()
    for line in sys.stdin:
        group, mark = line[1:].split()
        (watched.add if line[0] == "+" else watched.discard)((group, mark))
    for group, _ in watched:
        end_group(int(group))
    if watched:
        end_marked({mark for _, mark in watched})


if __name__ == "__main__":
    main()

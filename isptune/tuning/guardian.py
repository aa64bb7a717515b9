"""A small process that kills a run's workers, and what they started, when the run itself has gone.

A worker sees the end of its run by itself, unless it is inside code that never lets Python go on.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading

# It reads "+123" and "-123" for process groups that come and go; at the end of its input it kills the rest.
_LIFE = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
"""


class Guardian:
    """Watches process groups for as long as this process lives, on systems that have such groups."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def watch(self, group: int) -> None:
        """Kill this process group when this process has gone."""
        with self._lock:
            if self._process is None and sys.platform != "win32":
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", _LIFE],
                    stdin=subprocess.PIPE,
                    text=True,
                    start_new_session=True,
                )
            self._tell(f"+{group}")

    def forget(self, group: int) -> None:
        """This group has ended."""
        with self._lock:
            self._tell(f"-{group}")

    def close(self) -> None:
        """End the guardian, and with it the groups that it still watches."""
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

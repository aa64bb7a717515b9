"""``security.log`` in a study's folder: what was refused, and what the admin did."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter, deque
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

FILE = "security.log"

_WINDOW_SECONDS = 60.0
_LINES_PER_WINDOW = 600
_LARGEST = 10_000_000


class SecurityLog:
    """Lines of JSON, one an event; no token, no body, nothing of a query.

    A flood does not fill the disk: after 600 lines of a minute only the number of those left out is
    written, and a file of 10 MB becomes ``security.log.1``.

    Args:
        path: of the file, or None to keep nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._recent: dict[str, deque[float]] = {}
        self._window = 0.0
        self._written = 0
        self._left_out: Counter[str] = Counter()

    def refused(self, event: str, address: str, method: str, path: str) -> None:
        """A request that was refused, with how many of its kind came from there in the last minute."""
        now = time.monotonic()
        with self._lock:
            recent = self._recent.setdefault(f"{event} {address}", deque(maxlen=100_000))
            recent.append(now)
            while recent[0] < now - _WINDOW_SECONDS:
                recent.popleft()
            if len(self._recent) > 10_000:
                self._recent = {key: times for key, times in self._recent.items() if now - times[-1] < 60}
            times = len(recent)
            self._write(
                event,
                {"address": address, "method": method[:10], "path": path[:200], "in_last_minute": times},
            )

    def done(self, event: str, address: str = "", **facts: int | str) -> None:
        """What the admin or the server did."""
        with self._lock:
            self._write(event, {**({"address": address} if address else {}), **facts})

    def _write(self, event: str, facts: dict[str, int | str]) -> None:
        if self._path is None:
            return
        now = time.monotonic()
        lines = []
        if now - self._window > _WINDOW_SECONDS:
            lines += [_line("left out", {"of": name, "times": n}) for name, n in self._left_out.items()]
            self._window, self._written = now, 0
            self._left_out.clear()
        if self._written >= _LINES_PER_WINDOW:
            self._left_out[event] += 1
        else:
            self._written += 1
            lines.append(_line(event, facts))
        # A study goes on where its log cannot be written.
        with suppress(OSError):
            if lines:
                self._append("".join(lines).encode())

    def _append(self, data: bytes) -> None:
        assert self._path is not None
        with suppress(FileNotFoundError):
            if self._path.stat().st_size > _LARGEST:
                os.replace(self._path, self._path.with_name(FILE + ".1"))
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, data)
        finally:
            os.close(file)


def _line(event: str, facts: dict[str, int | str]) -> str:
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    # Escapes keep one event on one line, whatever was sent.
    return json.dumps({"time": stamp, "event": event, **facts}) + "\n"

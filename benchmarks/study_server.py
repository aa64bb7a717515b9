"""A study of small pictures and its server in a process that can be killed, for benchmarks and tests."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from isptune_study.storage import StudyStore
from isptune_study.study_tables import Settings, StudyImage

SECRET = "benchmark-secret-of-the-admin"
Start = Callable[[list[str], Path], Any]


def make_study(folder: Path, images: int, opponents: int, observers: int) -> dict[int, str]:
    """A study of small pictures; the observers' tokens by number."""
    (folder / "images").mkdir(parents=True)
    made = []
    for number in range(images):
        file = f"images/{number}.png"
        Image.new("RGB", (16, 16), (number % 256, 90, 120)).save(folder / file)
        made.append(StudyImage(f"{number}.png", "", file, f"{number:064d}"))
    with StudyStore.create(folder / "study.sqlite", Settings(opponents=opponents), made) as store:
        return dict(store.add_observer(f"observer {number}") for number in range(observers))


class Server:
    """A server in a process that can be killed.

    Args:
        folder: of the study.
        start: begins a process of ``isptune`` with arguments and a file for its stderr; a new interpreter if
            None.
    """

    def __init__(self, folder: Path, start: Start | None = None) -> None:
        self.folder, self._start = folder, start or _start
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        secret = folder / "secret"
        secret.touch(0o600)
        secret.write_text(SECRET)
        self._arguments = ["study", "serve", str(folder), "--port", str(self.port)]
        self._arguments += ["--admin-secret-file", str(secret)]

    def __enter__(self) -> Server:
        self.process = self._start(self._arguments, self.folder / "errors")
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"the server did not begin: {(self.folder / 'errors').read_text()}")

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(60)

    def kill_and_start(self) -> None:
        self.__exit__()
        self.__enter__()


def _start(arguments: list[str], errors: Path) -> subprocess.Popen[bytes]:
    with errors.open("ab") as file:
        command = [sys.executable, "-m", "isptune", *arguments]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=file)


def kept(folder: Path) -> dict[tuple[int, int], tuple[float, str]]:
    """(share, key) of what is in the database, by observer and trial."""
    with StudyStore(folder / "study.sqlite") as store:
        rows = store._rows("SELECT observer, trial, share, idempotency_key FROM answers")
    return {(observer, trial): (share, key.partition("/")[2]) for observer, trial, share, key in rows}

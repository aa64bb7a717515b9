"""Commands in processes of their own that begin at once: copies of one process that has imported everything.

A test that kills or stops a command needs a process; its imports would take most of the test's time. The fixture
``commands`` starts them; this file, run as a script, is the process that is copied.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any


class Command:
    """A command that was started, as ``subprocess.Popen`` has it; one at a time."""

    def __init__(self, server: subprocess.Popen[bytes], arguments: Sequence[str], errors: Path) -> None:
        assert server.stdin is not None
        self.returncode: int | None = None
        self._server = server
        asked = {"arguments": [*arguments], "errors": str(errors.absolute()), "folder": os.getcwd()}
        server.stdin.write(json.dumps(asked).encode() + b"\n")
        self.pid = self._answer()

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._server.stdout], [], [], 0)[0]:
            self.returncode = self._answer()
        return self.returncode

    def wait(self, seconds: float | None = None) -> int:
        if self.returncode is None:
            assert select.select([self._server.stdout], [], [], seconds)[0], (
                f"it still runs after {seconds} s"
            )
            self.returncode = self._answer()
        return self.returncode

    def send_signal(self, number: int) -> None:
        # Until its end is read, nobody else has its number.
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _answer(self) -> int:
        assert self._server.stdout is not None
        return int(self._server.stdout.readline())


class Commands:
    """Starts ``isptune`` with arguments in the current folder."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[bytes] | None = None
        self._latest: Command | None = None

    def __enter__(self) -> Commands:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()
        if self._server is not None:
            self._server.communicate()

    def start(self, arguments: Sequence[str], errors: Path = Path(os.devnull)) -> Command:
        """Begin a command; what it says on stderr is written to a file. An earlier one is killed if it still runs."""
        self._end()
        self._latest = Command(self._copied(), arguments, errors)
        return self._latest

    def import_first(self, *modules: str) -> None:
        """Import modules into the process that is copied: commands that need them begin at once as well."""
        self._end()
        server = self._copied()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps({"modules": modules}).encode() + b"\n")
        server.stdout.readline()

    def _copied(self) -> subprocess.Popen[bytes]:
        if self._server is None:
            self._server = subprocess.Popen(
                [sys.executable, __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # No answer waits in a buffer where select does not see it.
                bufsize=0,
            )
        return self._server

    def _end(self) -> None:
        """A test that failed may have left its command running."""
        if self._latest is not None and self._latest.poll() is None:
            self._latest.kill()
            self._latest.wait()


def serve() -> None:
    """Answer each line with the number of the process that runs it, and then with how it ended."""
    import isptune.benchmark.run_grid
    import isptune.cli.bench
    import isptune.cli.resume
    import isptune.cli.train
    import isptune.cli.tune
    import isptune.figures.style
    import isptune.tuning.sitting

    importlib.import_module("isptune_synthetic.pipeline")
    isptune.figures.style.load_matplotlib()
    for line in sys.stdin:
        asked = json.loads(line)
        if "modules" in asked:
            for module in asked["modules"]:
                importlib.import_module(module)
            print(0, flush=True)
            continue
        child = os.fork()
        if child == 0:
            run(asked)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def run(asked: dict[str, Any]) -> None:
    """The life of a command, which ends this process."""
    from isptune.cli import main

    os.chdir(asked["folder"])
    nothing = os.open(os.devnull, os.O_RDWR)
    errors = os.open(asked["errors"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    for number, file in enumerate((nothing, nothing, errors)):
        os.dup2(file, number)
    main(asked["arguments"])


if __name__ == "__main__":
    serve()

"""Worker processes that develop one picture each at a time, with time-outs; a crash costs one call alone."""

from __future__ import annotations

import contextlib
import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import cloudpickle

from isptune.errors import ConfigurationError
from isptune.runs.generation import DONE, FAILED, TIMED_OUT
from isptune.tuning.guardian import MARK, Guardian, end_group, end_marked
from isptune.tuning.worker_process import receive, send

# A worker imports from where this process does. PYTHONPATH would reach the programs that it starts, too.
_LIFE = "import sys; sys.path[:] = sys.argv[1:]; from isptune.tuning.worker_process import main; main()"

# What a worker may take to start, to make its object and to prepare it; on a busy machine imports are slow.
_STARTING_SECONDS = 300.0


@dataclass(frozen=True)
class Reply:
    """What became of one call.

    Attributes:
        status: ``"done"``, ``"failed"`` (it raised, or its process ended) or ``"timed out"``.
        value: what the method returned; None unless done.
        reason: why it is not done, in one sentence.
    """

    status: str
    value: Any = None
    reason: str = ""


class Workers:
    """A few processes that each hold a copy of one object and call its methods.

    Call ``call`` from as many threads as there are workers; each call takes a free worker. A worker that
    crashes or does not answer in time is killed with all the programs that it started, and the next call
    starts a new one. No worker outlives this process, even where it is killed, and no program that a worker
    started outlives the worker: a guardian sees to that.

    Args:
        subject: what the workers hold; its class may stand in a script or a notebook.
        count: how many workers.
        timeout: seconds that one call may take; None for no limit.
        environment: variables that are set for the workers alone.
        name: of the subject, for messages; its class if empty.
        prepare: the name of a method that is called in every worker before its first call, without the
            time-out; while it fails, calls fail with its reason.

    Raises:
        ConfigurationError: the object cannot be copied into another process.
    """

    def __init__(
        self,
        subject: Any,
        count: int = 1,
        timeout: float | None = None,
        environment: Mapping[str, str] | None = None,
        prepare: str | None = None,
        name: str = "",
    ) -> None:
        try:
            self._subject = _copied(subject)
        except Exception as error:
            raise ConfigurationError(
                f"{name or type(subject).__name__} cannot be copied into a worker process "
                f"({type(error).__name__}: {error}); keep what cannot be pickled out of it until its "
                "warm_up() runs there, or set development = Development(isolated=False) to develop in this "
                "process"
            ) from error
        self.count = count
        self.timeout = timeout
        self._prepare = prepare
        self._environment = dict(environment or {})
        self._lock = threading.Lock()
        self._closed = False
        self._all: list[_Worker] = []
        self._guardian = Guardian()
        self._free: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(count):
            self._free.put(None)

    def call(self, method: str, *arguments: Any, timeouts: int = 1) -> Reply:
        """Call a method of the object in a free worker and wait for what becomes of it.

        The call may take so many time-outs. The worker's start and preparation are no part of its time.
        Where the object cannot be made in the worker, every call fails with that reason.
        """
        worker = self._free.get()
        try:
            if worker is None or not worker.is_alive:
                worker = self._start()
                refusal = worker.set_up(self._subject)
                if refusal is not None:
                    worker.kill()
                    return refusal
            if self._prepare is not None and not worker.is_prepared:
                reply = worker.exchange(("call", self._prepare, ()), _STARTING_SECONDS)
                if reply.status != DONE:
                    return replace(reply, reason=f"{self._prepare}: {reply.reason}")
                worker.is_prepared = True
            timeout = None if self.timeout is None else timeouts * self.timeout
            return worker.exchange(("call", method, arguments), timeout)
        finally:
            self._free.put(worker if worker is not None and worker.is_alive else None)

    def close(self) -> None:
        """End all workers and what they started. Calls that are under way fail."""
        with self._lock:
            self._closed = True
            for worker in self._all:
                worker.end_group()
            end_marked([worker.mark for worker in self._all])
            for worker in self._all:
                worker.kill()
            self._all.clear()
        self._guardian.close()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _start(self) -> _Worker:
        with self._lock:
            if self._closed:
                raise RuntimeError("the workers are closed")
            # Programs that a dead worker started may live on: it is killed with them all the same.
            for worker in self._all:
                if not worker.is_alive:
                    worker.kill()
            self._all = [worker for worker in self._all if worker.is_alive]
            worker = _Worker(self._environment, self._guardian)
            self._all.append(worker)
            return worker


def _copied(subject: Any) -> bytes:
    """The object pickled, with the code of what a worker could not import."""
    strangers = list(_strangers())
    for module in strangers:
        cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(subject, protocol=5))
    finally:
        for module in strangers:
            cloudpickle.unregister_pickle_by_value(module)


def _strangers() -> Iterator[ModuleType]:
    """Loaded modules that no importer finds by their names, such as plugins that are files."""
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        if "." in name or name == "__main__" or spec is None or not spec.has_location:
            continue
        try:
            found = any(finder.find_spec(name, None) is not None for finder in sys.meta_path)
        except (ImportError, ValueError, AttributeError):
            found = False
        if not found:
            yield module


class _Worker:
    """One process and the two pipes to it."""

    def __init__(self, environment: Mapping[str, str], guardian: Guardian) -> None:
        self._guardian = guardian
        self.mark = secrets.token_hex(16)
        self.is_prepared = False
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _LIFE, *(place or os.getcwd() for place in sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Its own process group: a time-out ends the programs that it started as well.
            start_new_session=True,
            env={**os.environ, **environment, MARK: self.mark},
        )
        guardian.watch(self._process.pid, self.mark)
        self._last_words: deque[str] = deque(maxlen=5)
        self._reader = threading.Thread(target=self._read_errors, daemon=True)
        self._reader.start()
        threading.Thread(target=self._see_the_end, daemon=True).start()

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def set_up(self, subject: bytes) -> Reply | None:
        """Make the object in the worker; what is wrong, or None."""
        reply = self.exchange(("subject", subject), _STARTING_SECONDS)
        if reply.status == DONE:
            return None
        return Reply(reply.status, reason=f"a worker process could not be set up: {reply.reason}")

    def kill(self) -> None:
        """End the process and all that it started."""
        self.end_group()
        self._process.wait()
        end_marked([self.mark])
        self._guardian.forget(self._process.pid, self.mark)
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()

    def exchange(self, message: Any, timeout: float | None) -> Reply:
        """Send the worker a message and wait for what becomes of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._last_words.clear()
        late = threading.Event()

        def give_up() -> None:
            late.set()
            self.end_group()

        timer = threading.Timer(threading.TIMEOUT_MAX if timeout is None else timeout, give_up)
        timer.daemon = True
        timer.start()
        try:
            send(self._process.stdin, message)
            status, value = receive(self._process.stdout)
        except (EOFError, OSError, ValueError):
            status, value = TIMED_OUT if late.is_set() else FAILED, None
        finally:
            timer.cancel()
        if status == TIMED_OUT and value is None:
            self.kill()
            return Reply(status, reason=f"it took longer than {timeout:g} s")
        if status != DONE:
            return Reply(status, reason=value or self._ending())
        return Reply(DONE, value)

    def end_group(self) -> None:
        """End the process and those of its group."""
        if hasattr(os, "killpg"):
            end_group(self._process.pid)
        else:
            self._process.kill()

    def _see_the_end(self) -> None:
        """End what the process started when it has ended by itself.

        A copy of it, as ``os.fork`` makes one, holds the pipe on which an answer is waited for.
        """
        if not hasattr(os, "waitid"):
            return
        with contextlib.suppress(OSError):
            # It stays in the table of processes, so that its number is no other's meanwhile.
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
            self.end_group()
            end_marked([self.mark])

    def _ending(self) -> str:
        """How the process ended, with its last words."""
        self.kill()
        self._reader.join(timeout=1.0)
        code = self._process.returncode
        how = f"the worker process ended with exit code {code}"
        with contextlib.suppress(ValueError):
            how = f"the worker process was ended by {signal.Signals(-code).name}"
        return f"{how} ({self._last_words[-1]})" if self._last_words else how

    def _read_errors(self) -> None:
        """Pass on what the worker says on stderr, and keep its last words."""
        assert self._process.stderr is not None
        for raw in self._process.stderr:
            line = raw.decode(errors="replace")
            if line.strip():
                self._last_words.append(line.strip())
            # A worker is not to wait because nobody listens any more.
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(line)

"""A Ray cluster: every cell a task, scenes and weights put into the object store once.

Nodes need no shared file system: what a task adds to its run directory is streamed to the driver, which keeps
the directories. A task whose worker or node is lost starts again from the log that the driver has.
"""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from isptune.benchmark.cell_worker import Job
from isptune.benchmark.engines.engine import Listener, check_count, lost
from isptune.benchmark.engines.streaming import Written, files_of, run_cell, write
from isptune.errors import ConfigurationError, IsptuneError
from isptune.plugins import registry, require_packages

logger = logging.getLogger("isptune")


class RayEngine:
    """Cells as tasks of a Ray cluster.

    Args:
        threads: processors of each cell.
        workers: the most cells at once; as many as the cluster has room for if None.
        address: of a running cluster, ``"auto"`` or ``"HOST:PORT"``; a cluster of this machine if None.
        gpus: graphics processors of each cell, fractions allowed; several cells share one with 0.5 or less.

    Raises:
        MissingPackageError: Ray is not installed.
        ConfigurationError: an option is out of range.
    """

    elsewhere: ClassVar[bool] = True

    def __init__(
        self,
        threads: int = 1,
        workers: int | None = None,
        address: str | None = None,
        gpus: float | None = None,
    ) -> None:
        check_count("workers", workers)
        if gpus is not None and not (0 < gpus < 1 or (gpus >= 1 and gpus == int(gpus))):
            raise ConfigurationError(f"gpus is {gpus:g}; allowed: a fraction of 1, or a whole number")
        require_packages("the engine 'ray'", ["ray"], "'isptune[ray]'")
        import ray

        self._ray: Any = ray
        self._threads, self._workers, self._address, self._gpus = threads, workers, address, gpus or 0.0

    def run(self, jobs: Sequence[Job], tell: Listener) -> None:
        ray, ours = self._ray, not self._ray.is_initialized()
        if ours:
            self._connect()
        try:
            self._run(jobs, tell)
        finally:
            if ours:
                ray.shutdown()

    def _connect(self) -> None:
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if self._address is None:
            options["include_dashboard"] = False
            if self._workers is not None:
                options["num_cpus"] = self._workers * self._threads
        else:
            options["address"] = self._address
        try:
            _check_address(self._address)
            with _own_handlers():
                self._ray.init(**options)
        except (ConnectionError, ValueError, RuntimeError, OSError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ConfigurationError(f"there is no Ray cluster at '{self._address}': {reason}") from error

    def _run(self, jobs: Sequence[Job], tell: Listener) -> None:
        ray = self._ray
        task = ray.remote(run_cell).options(
            num_cpus=self._threads, num_gpus=self._gpus, num_returns="streaming", max_retries=0
        )
        store = _Store(ray)
        waiting = deque((job, 0) for job in jobs)
        running: dict[Any, tuple[Job, int]] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self._room():
                    job, losses = waiting.popleft()
                    stream = task.remote(job, self._threads, files_of(job), *store.parts(job))
                    running[stream] = job, losses
                ready, _ = ray.wait(list(running), num_returns=1, timeout=1.0, fetch_local=False)
                for stream in ready:
                    job, losses = running[stream]
                    try:
                        message = ray.get(next(stream))
                    except StopIteration:
                        del running[stream]
                        continue
                    except ray.exceptions.RayError as error:
                        del running[stream]
                        times = f"{losses + 1} times ({type(error).__name__})"
                        tell(lost(job, losses, f"the worker that ran it was lost {times}", waiting))
                        continue
                    if isinstance(message, IsptuneError):
                        raise message
                    if isinstance(message, Written):
                        write(job, message)
                    else:
                        tell(message)
        finally:
            for stream in running:
                ray.cancel(stream, force=True)

    def _room(self) -> int:
        """Cells that are given to the cluster at a time: its room, and as many waiting for their turn."""
        if self._workers is not None:
            return self._workers
        found = self._ray.cluster_resources()
        room = int(found.get("CPU", 1)) // self._threads
        if self._gpus:
            room = min(room, int(found.get("GPU", 0) / self._gpus))
        return max(1, 2 * room)


class _Store:
    """References to what several cells share, each put once."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._objectives: dict[str, Any] = {}
        self._scenes: dict[str, Any] = {}

    def parts(self, job: Job) -> tuple[Any, Any]:
        """The objective and the scenes of a cell; None for what its worker has to make itself."""
        component, config = job.config.objective, job.config
        key = component.written
        if key not in self._objectives:
            self._objectives[key] = self._put(
                lambda: registry.objectives.create(component.name, **component.options)
            )
        kind = registry.pipelines.get(config.pipeline.name)
        if not getattr(kind, "takes_scenes", False) or "scenes" in config.pipeline.options:
            return self._objectives[key], None
        crop = config.pipeline.options.get("crop", config.crop)
        seen = f"{config.scenes!r} {crop!r}"
        if seen not in self._scenes:
            from isptune.scenes import load_scenes

            self._scenes[seen] = self._put(lambda: load_scenes(config.scenes, crop=crop))
        return self._objectives[key], self._scenes[seen]

    def _put(self, make: Any) -> Any:
        """A reference; None for what cannot be made here or cannot travel: the cell then says why itself."""
        try:
            return self._ray.put(make())
        except Exception as error:
            logger.debug("not put into the object store: %s", error)
            return None


def _check_address(address: str | None) -> None:
    """Raise an OSError where nobody listens: Ray itself would try for minutes."""
    host, colon, port = (address or "").rpartition(":")
    if colon and port.isdigit() and "://" not in address:  # type: ignore[operator]
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


@contextmanager
def _own_handlers() -> Iterator[None]:
    """Keep the signal handlers that are set: Ray puts its own in their place."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""Where the cells of a benchmark run: in this process, in local processes, or on a Ray cluster."""

from __future__ import annotations

from typing import Any

from isptune.benchmark.engines.engine import Engine, Event
from isptune.errors import ConfigurationError
from isptune.wording.naming import did_you_mean, listed

NAMES = ("in-process", "processes", "ray")

# The engine of each option.
_OWN = {"address": "ray", "gpus": "ray"}

__all__ = ["NAMES", "Engine", "Event", "make_engine"]


def make_engine(name: str, threads: int, workers: int | None = None, **options: Any) -> Engine:
    """The engine of a name.

    Args:
        name: one of ``NAMES``.
        threads: of PyTorch in every cell.
        workers: how many cells at once; what fits the machine or the cluster if None.
        options: ``address`` and ``gpus`` of ``RayEngine``.

    Raises:
        ConfigurationError: there is no such engine, or an option is not its own.
    """
    if name not in NAMES:
        raise ConfigurationError(
            f"there is no engine '{name}'" + (did_you_mean(name, NAMES) or f"; the engines: {listed(NAMES)}")
        )
    given = {key: value for key, value in options.items() if value is not None}
    for key in given:
        if name != _OWN[key]:
            raise ConfigurationError(f"--{key} is for the engine '{_OWN[key]}', not for '{name}'")
    if name == "in-process":
        if workers not in (None, 1):
            raise ConfigurationError(
                f"the engine 'in-process' has one process, not {workers}; use 'processes'"
            )
        from isptune.benchmark.engines.in_process import InProcess

        return InProcess(threads)
    if name == "processes":
        from isptune.benchmark.engines.processes import Processes

        return Processes(threads, workers)
    from isptune.benchmark.engines.ray_cluster import RayEngine

    return RayEngine(threads, workers, **given)

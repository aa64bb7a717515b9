"""A benchmark's directory: run what is left of the grid, and read what there is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from isptune.benchmark.engines import Engine, Event
from isptune.benchmark.grid import BenchConfig, cells_of, parse_bench_config
from isptune.benchmark.results import FAILED, Benchmark, read_run
from isptune.benchmark.worker import Job, check_names, is_done
from isptune.errors import RunDirectoryError
from isptune.run import RunDirectory, lock

logger = logging.getLogger("isptune")

CONFIG_NAME = "bench.yaml"
_LOCK_NAME = ".lock"

Listener = Callable[[Event], None]


def run_benchmark(
    config: BenchConfig,
    out: str | Path,
    engine: Engine,
    listener: Listener | None = None,
    on_start: Callable[[int], None] | None = None,
) -> Benchmark:
    """Run the cells of a grid that are not done yet; cells that failed are tried again.

    Args:
        config: the grid.
        out: the benchmark's directory; one that holds cells of the same settings is gone on with, also for
            a grid that has grown.
        engine: where the cells run.
        listener: told of every generation and every end.
        on_start: told how many cells were done before.

    Raises:
        IsptuneError: a name is not registered, or the directory holds cells of other settings. A cell that
            fails is no exception: the benchmark's runs say which and why.
    """
    out = Path(out)
    jobs = jobs_of(config, out)
    check_names(jobs)
    directory = RunDirectory(out)
    out.mkdir(parents=True, exist_ok=True)
    with _locked(out):
        # Under the lock, so that nobody ends a cell in between.
        left = [job for job in jobs if not is_done(job)]
        directory.write(CONFIG_NAME, yaml.safe_dump(config.model_dump(), sort_keys=False, allow_unicode=True))
        if on_start is not None:
            on_start(len(jobs) - len(left))
        for event in engine.run(left):
            if event.lost:
                logger.warning("the worker of '%s' was lost; the cell goes on in another", event.cell.path)
            if event.outcome is not None and event.outcome.status == FAILED:
                logger.warning("the cell '%s' failed: %s", event.cell.path, event.outcome.error)
            if listener is not None:
                listener(event)
    return read_benchmark(out)


def jobs_of(config: BenchConfig, out: str | Path) -> list[Job]:
    """Every cell of a grid with its run directory."""
    return [Job(cell, run, Path(out, *cell.path.split("/"))) for cell, run in cells_of(config)]


def read_benchmark(out: str | Path) -> Benchmark:
    """What a benchmark's directory holds so far.

    Raises:
        RunDirectoryError: it holds none, or what it holds cannot be read.
    """
    path = Path(out) / CONFIG_NAME
    if not path.exists():
        raise RunDirectoryError(f"'{out}' holds no benchmark: there is no {CONFIG_NAME} in it")
    try:
        data: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RunDirectoryError(f"'{path}' cannot be read: {str(error).splitlines()[0]}") from error
    if not isinstance(data, dict):
        raise RunDirectoryError(f"'{path}' does not hold a mapping")
    config = parse_bench_config(data, f"'{path}'")
    runs = [read_run(job.cell, job.directory) for job in jobs_of(config, out)]
    return Benchmark(config.model_dump(), runs, Path(out))


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Refuse a second process that would run the same cells."""
    with (out / _LOCK_NAME).open("a", encoding="utf-8") as file:
        lock(file, f"another process is running the benchmark in '{out}'")
        yield

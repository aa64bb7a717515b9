"""A benchmark's directory: run what is left of the grid, and read what there is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from isptune.benchmark.cell_results import CELL_NAME, FAILED, Benchmark, read_run
from isptune.benchmark.cell_worker import Job, check_pipelines, check_settings, is_done
from isptune.benchmark.engines.engine import Engine, Event, Listener
from isptune.benchmark.grid import BenchConfig, cells_of, parse_bench_config
from isptune.contracts.variants import Variants
from isptune.errors import ConfigurationError, IsptuneError, RunDirectoryError
from isptune.plugins import registry
from isptune.runs.directory import CONFIG_NAME as RUN_CONFIG_NAME
from isptune.runs.directory import RunDirectory, open_locked, require_file
from isptune.storage.places import Place
from isptune.storage.writing import full_or, make_folder
from isptune.storage.yaml_files import read_mapping, written_value

logger = logging.getLogger("isptune")

CONFIG_NAME = "bench.yaml"
_LOCK_NAME = ".lock"


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
        IsptuneError: a name, an option or a scene is wrong, or the directory cannot be written or holds
            something else. A cell that fails is no exception: the benchmark's runs say which and why.
    """
    # A plugin may change the working folder.
    place, out = Place(out), Path(out)
    whole = out.absolute()
    if (out / CONFIG_NAME).exists():
        # Cells that are there keep their folders, whatever the pipeline calls its variants by now.
        config = config.calling(replace(config.called, name=_read_config(out).called.name))
    jobs = jobs_of(config, whole)
    check_settings(jobs, here=not engine.elsewhere)
    directory = RunDirectory(out)
    made = [folder for folder in (whole, *whole.parents) if not folder.exists()]
    _create(out)
    with _locked(out):
        # Under the lock, so that nobody ends a cell in between.
        left = [job for job in jobs if not is_done(job)]
        if not engine.elsewhere:
            with _removed_if_refused(made):
                for sentence in check_pipelines(left):
                    logger.warning("%s", sentence)
        directory.write(CONFIG_NAME, written_value(config.model_dump()))
        _tell_of_others(whole, place.path, jobs)
        if on_start is not None:
            on_start(len(jobs) - len(left))

        def tell(event: Event) -> None:
            if event.lost:
                logger.warning("the worker of '%s' was lost; the cell goes on in another", event.cell.path)
            if event.outcome is not None and event.outcome.status == FAILED:
                logger.warning("the cell '%s' failed: %s", event.cell.path, event.outcome.error)
            if listener is not None:
                listener(event)

        engine.run(left, tell)
    return read_benchmark(place.path)


def jobs_of(config: BenchConfig, out: str | Path) -> list[Job]:
    """Every cell of a grid with its run directory."""
    return [Job(cell, run, Path(out, *cell.path.split("/"))) for cell, run in cells_of(config)]


def read_benchmark(out: str | Path) -> Benchmark:
    """What a benchmark's directory holds so far.

    Raises:
        RunDirectoryError: it holds none, or what it holds cannot be read.
    """
    require_file(Path(out), CONFIG_NAME, "benchmark")
    config = _read_config(Path(out))
    runs = [read_run(job.cell, job.directory) for job in jobs_of(config, out)]
    return Benchmark(config.model_dump(), runs, Path(out))


def _read_config(out: Path) -> BenchConfig:
    path = out / CONFIG_NAME
    data = read_mapping(path, f"'{path}'", RunDirectoryError)
    return parse_bench_config(data, f"'{path}'", _called(data))


def _called(data: Mapping[str, Any]) -> Variants | None:
    """What the variants are called in a benchmark's own file, whatever its pipeline says today.

    The key of the variants is the one that no setting has; None where there is none, or where several are.
    """
    strange = [key for key in data if key not in BenchConfig.model_fields]
    if len(strange) != 1 or "variants" in data or not strange[0].endswith("s"):
        return None
    pipeline = data.get("pipeline")
    name = pipeline.get("name") if isinstance(pipeline, Mapping) else None
    own = registry.pipelines.told(str(name), "variants", Variants())
    try:
        return replace(own, name=strange[0].removesuffix("s"))
    except ConfigurationError:
        return None


def _create(out: Path) -> None:
    """Make the benchmark's directory, or see that the one that is there can be gone on with."""
    if (out / RUN_CONFIG_NAME).exists():
        raise RunDirectoryError(f"'{out}' holds a single tuning run; choose another folder for the benchmark")
    make_folder(out, what="benchmark's directory")
    if (out / CONFIG_NAME).exists():
        # A damaged one may be all that is left of somebody's grid.
        _read_config(out)


def _tell_of_others(out: Path, shown: Path, jobs: Sequence[Job]) -> None:
    """Cells that an earlier, other grid left in the same directory, which messages show so."""
    ours = {job.directory for job in jobs}
    others = [path.parent for path in out.glob(f"cells/*/*/*/*/{CELL_NAME}") if path.parent not in ours]
    if others:
        logger.warning(
            "'%s' also holds %d cell%s of another grid, such as '%s': tables, figures and report omit them",
            shown,
            len(others),
            "s" if len(others) > 1 else "",
            min(others).relative_to(out).as_posix(),
        )


@contextmanager
def _removed_if_refused(made: Sequence[Path]) -> Iterator[None]:
    """Leave none of the folders behind that were made, the innermost first, where nothing can run in them."""
    try:
        yield
    except IsptuneError:
        for folder in made:
            # Some systems do not let go of a file that is open.
            with suppress(OSError):
                (folder / _LOCK_NAME).unlink(missing_ok=True)
                folder.rmdir()
        raise


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Refuse a second process that would run the same cells."""
    try:
        file = open_locked(out / _LOCK_NAME, f"another process is running the benchmark in '{out}'")
    except OSError as error:
        raise full_or(error, RunDirectoryError)(
            f"cannot write the benchmark's directory '{out}': {error.strerror}"
        ) from error
    with file:
        yield

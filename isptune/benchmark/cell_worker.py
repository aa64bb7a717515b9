"""Run cells one after the other in this process."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from isptune.benchmark.cell_results import DONE, FAILED, Cell, read_status, write_cell
from isptune.contracts.coverage import Coverage
from isptune.contracts.objective import Objective
from isptune.contracts.pipeline import Scene
from isptune.errors import ConfigurationError, IsptuneError, RunDirectoryError
from isptune.plugins import registry
from isptune.runs.directory import LOG_NAME, RunDirectory
from isptune.tracking.run_facts import Callback
from isptune.tuning.described_settings import ENDING
from isptune.tuning.devices import resolve_device
from isptune.tuning.holdout import split
from isptune.tuning.notices import Stages, notice
from isptune.tuning.opening import difference
from isptune.tuning.prechecks import (
    check_budget,
    check_guards,
    check_optimizer,
    check_reserved,
    chooses,
    with_population,
)
from isptune.tuning.race_plans import parts_of, planned_generations, windows_in
from isptune.tuning.session import make_objective, make_pipeline, prepare
from isptune.tuning.settings import Component, RunConfig
from isptune.tuning.sitting import run_session
from isptune.tuning.starts import beginning
from isptune.tuning.suggested import as_noted, check_proposer

logger = logging.getLogger("isptune")


@dataclass(frozen=True)
class Job:
    """A cell, the configuration of its run, and where it goes."""

    cell: Cell
    config: RunConfig
    directory: Path

    @property
    def benchmark(self) -> Path:
        """The directory of the benchmark, below which the cell's lies; the cell's own on another machine."""
        parts = tuple(self.cell.path.split("/"))
        below = self.directory.parts[-len(parts) :] == parts
        return self.directory.parents[len(parts) - 1] if below else self.directory


@dataclass(frozen=True)
class Outcome:
    """How a cell ended: ``"done"``, or ``"failed"`` with the sentence that says why."""

    cell: Cell
    status: str
    error: str | None = None


class Worker:
    """Runs cells; cells of one objective that follow each other share one model.

    Args:
        threads: of PyTorch, while a cell runs. Sums depend on it in their last bits, so it belongs to the
            benchmark's configuration, not to the machine.
    """

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads
        self._made: tuple[str, Objective] | None = None
        self._guards: tuple[list[str], list[Objective]] = [], []

    def run(
        self,
        job: Job,
        callbacks: Sequence[Callback] = (),
        objective: Objective | None = None,
        scenes: Sequence[Scene] | None = None,
    ) -> Outcome:
        """Run a cell or go on with it, and note how it ended in its directory.

        Args:
            job: which one.
            callbacks: called after every generation.
            objective, scenes: those that the cell's configuration names, where they were made elsewhere.

        Raises:
            RunDirectoryError: the directory holds a run of another configuration. Other mistakes are the
                cell's outcome.
        """
        try:
            with _threads(self.threads):
                objective = objective or self._objective(job.config)
                guards = self._guards_of(job.config)
                session = prepare(job.config, job.directory, objective, scenes, guards)
                result = run_session(
                    session,
                    resume=True,
                    callbacks=callbacks,
                    figures=False,
                    notices=False,
                    verdicts=job.benchmark,
                )
        except RunDirectoryError:
            raise
        except IsptuneError as error:
            return self._failed(job, str(error))
        except Exception as error:
            logger.debug("the cell '%s' failed", job.cell.path, exc_info=True)
            return self._failed(job, f"{type(error).__name__}: {error}")
        write_cell(job.directory, job.cell, DONE, {**result.to_dict(), "out": None})
        return Outcome(job.cell, DONE)

    def _failed(self, job: Job, sentence: str) -> Outcome:
        write_cell(job.directory, job.cell, FAILED, {"error": sentence})
        return Outcome(job.cell, FAILED, sentence)

    def _objective(self, config: RunConfig) -> Objective:
        component = config.objective
        key = component.written
        if self._made is None or self._made[0] != key:
            # The old model goes before the new one comes: both may not fit.
            self._made = None
            self._made = key, registry.objectives.create(component.name, **component.options)
        return self._made[1]

    def _guards_of(self, config: RunConfig) -> list[Objective]:
        keys = [component.written for component in config.guard]
        if self._guards[0] != keys:
            self._guards = [], []
            self._guards = keys, [make_objective(component) for component in config.guard]
        return self._guards[1]


def is_done(job: Job) -> bool:
    """Whether a cell came to its end already.

    Raises:
        RunDirectoryError: its directory holds a run of another configuration.
    """
    directory = RunDirectory(job.directory)
    if not directory.holds_a_run:
        return False
    found, wanted = directory.read_config(), with_population(job.config)
    if chooses(job.config.optimizer.name):
        # The run holds what was chosen for it.
        chosen = {"optimizer": Component(**found["optimizer"]), "population": found["population"]}
        wanted = wanted.model_copy(update=chosen)
    wanted = as_noted(wanted, found)
    if found.get("fingerprint") != wanted.fingerprint():
        changed = difference(found, wanted.model_dump())
        raise RunDirectoryError(
            f"'{job.directory}' holds the cell with other settings than the benchmark's: {changed}; choose "
            "another folder for the benchmark"
        )
    if read_status(job.directory) != DONE:
        return False
    # What is lost of a log is computed again.
    log = directory.file(LOG_NAME)
    whole = log.read_bytes() if log.exists() else b""
    assert wanted.population is not None
    # How much windows of a race take is in the log alone.
    begun = [] if parts_of(wanted.race) is None else directory.read_log()[0]
    windows = windows_in(begun, wanted.race)
    if whole.count(b"\n") >= planned_generations(wanted, len(found.get("rendered") or ()), windows):
        return True
    as_before = all(found.get(key) == wanted.model_dump().get(key) for key in ENDING)
    if as_before and whole.endswith(b"\n") and b'"ended": ' in whole.splitlines()[-1]:
        return True
    logger.warning("the log of the cell '%s' is not whole: the cell goes on where it ends", job.cell.path)
    return False


def check_settings(jobs: Sequence[Job], here: bool = True) -> None:
    """Refuse names, options and budgets that cannot be, before anything runs or is written.

    Args:
        jobs: all cells of the grid.
        here: they run on this machine, so that its device, packages and options are checked as well.

    Raises:
        IsptuneError: one sentence about the first mistake.
    """
    if not jobs:
        raise ConfigurationError("the benchmark has no cells")
    # Cells differ in scene, variant and seed beside objective and optimizer.
    for config in {(job.cell.objective, job.cell.optimizer): job.config for job in jobs}.values():
        config = with_population(config)
        registry.objectives.get(config.objective.name)
        registry.pipelines.get(config.pipeline.name)
        check_reserved(config.optimizer)
        assert config.population is not None
        check_budget(config.budget, config.population)
        if here:
            resolve_device(config.device)
            registry.objectives.check(config.objective.name, config.objective.options)
            for guard in config.guard:
                registry.objectives.check(guard.name, guard.options)
            check_guards(config)
            check_optimizer(config.optimizer)


def check_pipelines(jobs: Sequence[Job]) -> list[str]:
    """Make each pipeline once, and so read its scenes and find its parameters.

    Returns:
        Sentences about the stages that objectives are known to misjudge, as ``coverage.notice`` gives them,
        and about defaults that a narrowed range moves.

    Raises:
        IsptuneError: one sentence about the first that cannot be made.
    """
    seen: dict[tuple[str, ...], Stages] = {}
    sentences: dict[str | None, None] = {}
    for job in jobs:
        options = {key: value for key, value in job.config.pipeline.options.items() if key != "seed"}
        key = (*job.config.scenes, repr(job.config.crop), repr(options), job.config.proposer or "")
        if key not in seen:
            pipeline = make_pipeline(job.config)
            seen[key] = Stages.of(pipeline)
            split(pipeline, job.config)
            check_proposer(job.config, pipeline)
            sentences |= dict.fromkeys(beginning(pipeline.space, job.config).notices)
        sentences[notice(job.cell.objective, _coverage(job.config.objective), seen[key])] = None
    return [sentence for sentence in sentences if sentence is not None]


def _coverage(objective: Component) -> Coverage | None:
    """What an objective states of itself, without making it: a model may be large."""
    kind = registry.objectives.get(objective.name)
    return kind.coverage_with(objective.options) if hasattr(kind, "coverage_with") else None


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)

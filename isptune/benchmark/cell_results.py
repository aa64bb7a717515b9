"""What became of the cells of a benchmark: read from their run directories, without any model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from isptune.benchmark.cell import Cell
from isptune.contracts.variants import Variants
from isptune.errors import RunDirectoryError
from isptune.runs.directory import RunDirectory
from isptune.runs.history import History
from isptune.runs.run import Run as TuningRun
from isptune.storage.writing import make_folder
from isptune.wording.naming import listed

CELL_NAME = "cell.json"
HISTORY_NAME = "history.npz"

DONE, FAILED, UNFINISHED = "done", "failed", "unfinished"


@dataclass
class Run:
    """A cell and what became of it.

    Attributes:
        cell: its place in the grid.
        directory: the run directory.
        status: ``"done"``, ``"failed"`` or ``"unfinished"``.
        error: the sentence of a cell that failed.
        score, l1, l1_normalised: at the best-scored candidate; None where unknown.
        levels: hidden level per stage there, in the stages' own units.
        misled: the score improved and the hidden distortion rose, see ``TuneResult``; None where unknown.
        parameters: the best-scored candidate's.
        guard: what guards said, as ``isptune.runs.guarded.Guarded`` has it; empty in a run without guards.
        holdout: what held-out scenes said, as ``isptune.runs.held_out.HeldOut`` has it; empty without such.
        evaluations, seconds: how many, and the wall time of proposing, rendering and scoring them.
        history: every evaluation with its hidden truth; None unless done.
    """

    cell: Cell
    directory: Path
    status: str = UNFINISHED
    error: str | None = None
    score: float | None = None
    l1: float | None = None
    l1_normalised: float | None = None
    levels: Mapping[str, float] | None = None
    misled: bool | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    evaluations: int = 0
    seconds: float = 0.0
    history: History | None = None
    guard: Mapping[str, Any] = field(default_factory=dict)
    holdout: Mapping[str, Any] = field(default_factory=dict)


def write_cell(directory: Path, cell: Cell, status: str, facts: Mapping[str, Any]) -> None:
    """Note in ``cell.json`` of a run directory what became of it.

    Args:
        directory: of the run.
        cell: which one it is.
        status: ``"done"`` or ``"failed"``.
        facts: of the run's ``result.json``; ``error`` of a failed one.
    """
    make_folder(directory)
    data = {"cell": cell.to_dict(), "status": status, **facts}
    # What isptune 0.1 wrote of an earlier end would be read instead of the log.
    (directory / HISTORY_NAME).unlink(missing_ok=True)
    RunDirectory(directory).write(CELL_NAME, json.dumps(data, indent=2) + "\n")


def read_status(directory: Path) -> str:
    """How a run ended, without its history; unfinished where nothing was noted.

    Raises:
        RunDirectoryError: what was noted cannot be read.
    """
    data = _noted(directory)
    return UNFINISHED if data is None else str(data["status"])


def read_run(cell: Cell, directory: Path) -> Run:
    """What became of a cell; unfinished where nothing was noted.

    Raises:
        RunDirectoryError: what was noted cannot be read.
    """
    data = _noted(directory)
    if data is None:
        return Run(cell, directory)
    status = data["status"]
    history = _history(cell, directory, data) if status == DONE else None
    return Run(
        cell,
        directory,
        status,
        data.get("error"),
        data.get("best_score"),
        data.get("l1"),
        data.get("l1_normalised"),
        data.get("levels"),
        data.get("misled"),
        data.get("best_parameters") or {},
        data.get("evaluations", 0),
        data.get("seconds", 0.0),
        history,
        data.get("guard") or {},
        data.get("holdout") or {},
    )


def _history(cell: Cell, directory: Path, data: Mapping[str, Any]) -> History:
    """The history of a cell that is done."""
    if not (directory / HISTORY_NAME).exists():
        return TuningRun.read(directory).history
    try:
        # isptune 0.1 wrote a second copy of the log, with the hidden truth.
        with np.load(directory / HISTORY_NAME) as arrays:
            return History(
                evaluations=arrays["evaluations"],
                candidates=arrays["candidates"],
                scores=arrays["scores"][:, None],
                labels=(cell.objective,),
                orientations=(bool(data["higher_is_better"]),),
                l1=arrays.get("l1"),
                l1_normalised=arrays.get("l1_normalised"),
            )
    except (OSError, ValueError, LookupError) as error:
        raise _unreadable(directory, error) from error


def _noted(directory: Path) -> dict[str, Any] | None:
    """What ``cell.json`` holds, at least a status; None where there is none."""
    path = directory / CELL_NAME
    if not path.exists():
        return None
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        data["status"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise _unreadable(directory, error) from error
    return data


def _unreadable(directory: Path, error: Exception) -> RunDirectoryError:
    return RunDirectoryError(
        f"'{directory / CELL_NAME}' cannot be read: {error}; delete it to run the cell again"
    )


@dataclass
class Benchmark:
    """A benchmark's configuration (plain data) and its runs, in the order of the grid."""

    config: dict[str, Any]
    runs: list[Run]
    directory: Path

    @property
    def word(self) -> str:
        """What the pipeline calls its variants."""
        return self.runs[0].cell.word if self.runs else Variants.name

    def done(self) -> Iterator[Run]:
        """The runs that came to their end."""
        return (run for run in self.runs if run.status == DONE)


def ended(benchmark: Benchmark) -> str:
    """``"4 of 12 runs came to their end, none of ssim"``: the objectives without a result are named."""
    done = list(benchmark.done())
    have = {run.cell.objective for run in done}
    lacking = dict.fromkeys(run.cell.objective for run in benchmark.runs if run.cell.objective not in have)
    without = f", none of {listed(list(lacking))}" if lacking else ""
    return f"{len(done):,} of {len(benchmark.runs):,} runs came to their end{without}"

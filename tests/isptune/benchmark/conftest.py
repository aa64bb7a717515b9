"""Artificial benchmarks: runs whose scores and hidden losses are given, without a pipeline or an objective."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isptune.benchmark.results import DONE, FAILED, UNFINISHED, Benchmark, Cell, Run
from isptune.result import History


def made_history(
    scores: Sequence[float], losses: Sequence[float] | None = None, higher_is_better: bool = True
) -> History:
    """The plain loss is twice the normalised one."""
    shares = None if losses is None else np.array(losses, dtype=np.float64)
    return History(
        evaluations=np.arange(1, len(scores) + 1),
        candidates=np.zeros((len(scores), 2)),
        scores=np.array(scores, dtype=np.float64),
        higher_is_better=higher_is_better,
        l1=None if shares is None else 2 * shares,
        l1_normalised=shares,
    )


def made_run(
    cell: Cell,
    scores: Sequence[float],
    losses: Sequence[float] | None = None,
    higher_is_better: bool = True,
    seconds: float = 1.0,
) -> Run:
    """A finished run."""
    history = made_history(scores, losses, higher_is_better)
    run = Run(cell, Path(cell.path), DONE, evaluations=len(scores), seconds=seconds, history=history)
    if history.best is not None:
        run.score = float(history.scores[history.best])
        if history.l1 is not None and history.l1_normalised is not None:
            run.l1 = float(history.l1[history.best])
            run.l1_normalised = float(history.l1_normalised[history.best])
    return run


def made_benchmark(
    losses: Callable[[Cell, np.random.Generator], Sequence[float]] | None = None,
    *,
    objectives: Iterable[str] = ("a", "b"),
    optimizers: Iterable[str] = ("es",),
    scenes: Iterable[str] = ("s0", "s1"),
    maps: Iterable[str] = ("0",),
    seeds: Iterable[int] = range(5),
    seed: int = 0,
    truth: bool = True,
    failed: Sequence[Cell] = (),
    unfinished: Sequence[Cell] = (),
) -> Benchmark:
    """A whole grid. Scores are minus the hidden losses and a little noise.

    Args:
        losses: of a cell's candidates; by default 40 draws that fall by and by.
        failed, unfinished: cells that did not come to their end.
    """

    def falling(cell: Cell, generator: np.random.Generator) -> Sequence[float]:
        return np.abs(np.linspace(0.6, 0.02, 40) + generator.normal(0, 0.05, 40))

    generator = np.random.default_rng(seed)
    runs = []
    for objective in objectives:
        for optimizer in optimizers:
            for scene in scenes:
                for hidden in maps:
                    for number in seeds:
                        cell = Cell(objective, optimizer, scene, hidden, number)
                        values = np.asarray((losses or falling)(cell, generator), dtype=np.float64)
                        noise = generator.normal(0, 0.05, len(values)) if len(values) > 1 else 0.0
                        if cell in failed:
                            error = f"the objective '{objective}' failed"
                            runs.append(Run(cell, Path(cell.path), FAILED, error))
                        elif cell in unfinished:
                            runs.append(Run(cell, Path(cell.path), UNFINISHED))
                        else:
                            runs.append(
                                made_run(
                                    cell, -values + noise, values if truth else None, seconds=2.0 + number
                                )
                            )
    return Benchmark({}, runs, Path("bench"))


@pytest.fixture
def history() -> Callable[..., History]:
    return made_history


@pytest.fixture
def run() -> Callable[..., Run]:
    return made_run


@pytest.fixture
def benchmark_of() -> Callable[..., Benchmark]:
    return made_benchmark


@pytest.fixture
def logs() -> Callable[[Path], dict[str, list[dict[str, Any]]]]:
    """Every log of a benchmark's directory by its cell, without timings."""

    def read(folder: Path) -> dict[str, list[dict[str, Any]]]:
        found = {}
        for path in sorted(folder.glob("cells/*/*/*/*/evaluations.jsonl")):
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            key = path.parent.relative_to(folder).as_posix()
            found[key] = [{name: line[name] for name in line if name != "seconds"} for line in lines]
        return found

    return read

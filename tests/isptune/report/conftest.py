"""Small real runs and a small real benchmark, tuned once for all tests; made-up histories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from isptune.benchmark.cell_results import DONE, FAILED, Benchmark, Cell, read_run, write_cell
from isptune.cli import run
from isptune.figures.records import Record
from isptune.runs.history import History
from isptune.tuning.session import prepare
from isptune.tuning.settings import parse_config
from isptune.tuning.sitting import run_session


@dataclass(frozen=True)
class Sheet:
    """A table as a benchmark's statistics make them."""

    title: str
    columns: list[str]
    rows: list[list[str | float | None]]


def made_record(
    scores: list[float],
    losses: list[float] | None = None,
    *,
    higher_is_better: bool = True,
    objective: str = "psnr",
    optimizer: str = "es",
    name: str = "run",
) -> Record:
    """A record with made-up scores and hidden losses; its candidates are of one parameter."""
    shares = None if losses is None else np.array(losses, dtype=np.float64)
    history = History(
        evaluations=np.arange(1, len(scores) + 1),
        candidates=np.linspace(0, 1, len(scores))[:, None],
        scores=np.array(scores, dtype=np.float64)[:, None],
        labels=(objective,),
        orientations=(higher_is_better,),
        l1=shares,
        l1_normalised=shares,
    )
    best = history.best
    return Record(
        name=name,
        objective=objective,
        optimizer=optimizer,
        scene="chart",
        variant="0",
        word="map",
        seed=0,
        directory=Path(name),
        history=history,
        scores={} if best is None else {objective: float(history.score[best])},
        l1_normalised=None if best is None or shares is None else float(shares[best]),
    )


@pytest.fixture
def record() -> Callable[..., Record]:
    return made_record


@pytest.fixture
def sheet() -> type[Sheet]:
    return Sheet


@pytest.fixture(scope="session")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a run of 60 evaluations on a small chart."""
    out = tmp_path_factory.mktemp("tuned") / "first"
    options = ["--objective", "psnr", "--optimizer", "cma", "--population", "10", "--budget", "60"]
    assert run(["tune", "chart:96x64", *options, "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="session")
def fronts(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Directories of runs of 40 evaluations on a small chart, by their number of objectives."""
    root = tmp_path_factory.mktemp("fronts")
    for count, names in ((2, "psnr,noise-level"), (3, "psnr,ssim,noise-level")):
        options = ["--objective", names, "--optimizer", "nsga2", "--population", "10", "--budget", "40"]
        assert run(["tune", "chart:96x64", *options, "--out", str(root / f"front-{count}")]) == 0
    return {count: root / f"front-{count}" for count in (2, 3)}


@pytest.fixture(scope="session")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    """Two objectives, two seeds and maps; one more cell failed."""
    root = tmp_path_factory.mktemp("bench")
    cells = [
        Cell(objective, "es", "chart", str(seed), seed, "map")
        for objective in ("psnr", "ssim")
        for seed in (0, 1)
    ]
    for cell in cells:
        config = parse_config(
            {
                "scenes": ["chart:96x64"],
                "objective": cell.objective,
                "optimizer": cell.optimizer,
                "population": 8,
                "budget": 32,
                "seed": cell.seed,
            }
        )
        result = run_session(prepare(config, root / cell.path), figures=False)
        write_cell(root / cell.path, cell, DONE, result.to_dict())
    failed = Cell("ssim", "es", "chart", "0", 7, "map")
    write_cell(root / failed.path, failed, FAILED, {"error": "out of memory"})
    runs = [read_run(cell, root / cell.path) for cell in [*cells, failed]]
    config = {"name": "small", "objectives": ["psnr", "ssim"], "seeds": [0, 1], "targets": [0.3, 0.1]}
    (root / "bench.yaml").write_text("name: small\n", encoding="utf-8")
    return Benchmark(config, runs, root)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run ``isptune`` with arguments; its exit code, stdout and stderr."""

    def run_and_capture(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_and_capture

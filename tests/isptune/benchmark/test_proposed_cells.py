"""A proposer in a grid: one for all runs, or an optimizer's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from isptune.benchmark.engines import make_engine
from isptune.benchmark.grid import cells_of, parse_bench_config
from isptune.benchmark.run_grid import run_benchmark
from isptune.errors import ConfigurationError

GRID: dict[str, Any] = {
    "objectives": "psnr",
    "optimizers": ["es", {"name": "es", "label": "proposed", "proposer": "own"}],
    "scenes": ["chart:64x64"],
    "population": 20,
    "budget": 20,
    "seeds": 1,
}


def test_an_optimizer_may_begin_with_a_proposer_of_its_own(tmp_path: Path) -> None:
    grid = parse_bench_config(GRID)
    assert [run.proposer for _, run in cells_of(grid)] == [None, "own"]
    assert [run.proposer for _, run in cells_of(parse_bench_config({**GRID, "proposer": "own"}))] == [
        "own"
    ] * 2
    written = grid.model_dump()
    assert "proposer" not in written
    assert "proposer" not in written["optimizers"][0]
    assert parse_bench_config(written) == grid
    # A folder that is there means the same from another one.
    settled = parse_bench_config({**GRID, "proposer": str(tmp_path)}).settled()
    assert (settled.proposer, settled.optimizers[1].proposer) == (str(tmp_path), "own")


def test_a_grid_with_a_proposer_goes_on_where_it_was(
    tmp_path: Path, logs: Callable[[Path], dict[str, list[dict[str, Any]]]]
) -> None:
    grid = parse_bench_config(GRID)
    run_benchmark(grid, tmp_path, make_engine("in-process", 1))
    before = logs(tmp_path)
    plain, proposed = sorted(tmp_path.glob("cells/*/*/*/*/run.yaml"))
    assert "suggested" not in yaml.safe_load(plain.read_text())
    assert yaml.safe_load(proposed.read_text())["suggested"]["candidates"] == 11
    # A look at the probes finds more than a Latin hypercube.
    best = {key.split("/")[2]: max(lines[0]["scores"])[0] for key, lines in before.items()}
    assert best["proposed"] > best["es"]
    (proposed.parent / "cell.json").unlink()
    started: list[int] = []
    run_benchmark(grid, tmp_path, make_engine("in-process", 1), on_start=started.append)
    assert logs(tmp_path) == before
    run_benchmark(grid, tmp_path, make_engine("in-process", 1), on_start=started.append)
    assert started == [1, 2]


def test_a_proposer_that_is_not_there_is_refused_before_anything_runs(tmp_path: Path) -> None:
    grid = parse_bench_config({**GRID, "proposer": "nowhere"})
    with pytest.raises(ConfigurationError, match="there is no proposer 'nowhere'; allowed: 'own', or a file"):
        run_benchmark(grid, tmp_path, make_engine("in-process", 1))
    assert not list(tmp_path.glob("cells/**/evaluations.jsonl"))

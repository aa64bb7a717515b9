"""Guards in a grid: one for all runs, or an objective's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from isptune.benchmark.benchmark_tables import benchmark_tables
from isptune.benchmark.engines import make_engine
from isptune.benchmark.grid import cells_of, check_grid, parse_bench_config
from isptune.benchmark.run_grid import read_benchmark, run_benchmark
from isptune.errors import IsptuneError
from isptune.report import report_of_benchmark

GRID: dict[str, Any] = {
    "objectives": ["contrast", {"name": "contrast", "label": "guarded", "guard": "exposure"}],
    "pipeline": {"name": "synthetic", "options": {"stages": ["darken"]}},
    "optimizers": "random",
    "scenes": ["chart:48x48"],
    "population": 10,
    "budget": 10,
    "seeds": 1,
}


def test_an_objective_may_have_guards_of_its_own() -> None:
    grid = parse_bench_config({**GRID, "guard": "sharpness", "stay_near": 0.5})
    guards = {cell.objective: [one.name for one in run.guard] for cell, run in cells_of(grid)}
    assert guards == {"contrast": ["sharpness"], "guarded": ["exposure"]}
    assert {run.stay_near for _, run in cells_of(grid)} == {0.5}
    written = parse_bench_config(grid.model_dump())
    assert [run.fingerprint() for _, run in cells_of(written)] == [
        run.fingerprint() for _, run in cells_of(grid)
    ]
    plain = parse_bench_config({**GRID, "objectives": "contrast"}).model_dump()
    assert "guard" not in plain
    assert "guard" not in plain["objectives"][0]


def test_tables_and_report_say_what_guards_doubted(tmp_path: Path) -> None:
    run_benchmark(parse_bench_config(GRID), tmp_path, make_engine("in-process", 1))
    benchmark = read_benchmark(tmp_path)
    free, guarded = benchmark.runs
    assert free.guard == {}
    table = benchmark_tables(benchmark, bootstrap=0)["guards"]
    assert table.columns == ["objective", "guard", "runs", "doubted", "best doubted"]
    share = guarded.guard["doubted"] / guarded.guard["of"]
    assert table.rows == [["guarded", "exposure", 1, share, int(bool(guarded.guard["best_doubted_by"]))]]
    assert table.title in report_of_benchmark(benchmark, {"guards": table})


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"guard": "contrast"}, "the guard 'contrast' is the objective itself with the same options"),
        ({"guard": "expsure"}, "there is no objective named 'expsure'; did you mean 'exposure'?"),
        (
            {"objectives": {"name": "contrast", "guard": {"nmae": "exposure"}}},
            "the configuration has the unknown key 'objectives.0.guard.0.nmae'; did you mean 'name'?",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(IsptuneError) as error:
        check_grid(parse_bench_config({**GRID, **settings}))
    assert sentence in str(error.value)

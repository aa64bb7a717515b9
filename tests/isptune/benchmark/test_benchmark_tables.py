"""The tables of a benchmark: which there are, what they say, and that they come out the same."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from isptune.benchmark.benchmark_tables import benchmark_tables
from isptune.benchmark.cell_results import Benchmark, Cell, Run, read_run, write_cell
from isptune.benchmark.gaming import gaming
from isptune.benchmark.paired_tests import compare_objectives
from isptune.benchmark.rank_agreement import rank_agreement
from isptune.benchmark.table import Table, write_tables
from isptune.errors import ConfigurationError

Make = Callable[..., Benchmark]


def column(table: Table, name: str) -> list[str | float | None]:
    return [row[table.columns.index(name)] for row in table.rows]


def medians(table: Table, objective: str) -> dict[str | float | None, tuple[str | float | None, ...]]:
    """Number of runs and median by statistic."""
    return {row[1]: (row[2], row[3]) for row in table.rows if row[0] == objective}


def test_which_tables_there_are(benchmark_of: Make) -> None:
    plain = ["summary", "scenes", "comparison", "targets", "agreement", "gaming", "timings"]
    assert list(benchmark_tables(benchmark_of())) == plain
    assert list(benchmark_tables(benchmark_of(optimizers=["es", "cma"]))) == [
        "summary",
        "optimizers",
        *plain[1:],
    ]
    alone = benchmark_tables(benchmark_of(objectives=["a"]))
    assert "comparison" not in alone
    assert list(benchmark_tables(benchmark_of(truth=False))) == ["summary", "scenes", "timings"]
    failed = benchmark_tables(benchmark_of(failed=[Cell("a", "es", "s1", "0", 3)]))
    assert failed["failures"].rows == [["a", "es", "s1", "0", "3", "the objective 'a' failed"]]


def test_summary_by_hand(benchmark_of: Make) -> None:
    made = benchmark_of(lambda cell, _: [0.1 * (cell.seed + 1)], objectives=["a"], scenes=["s"])
    summary = benchmark_tables(made, bootstrap=0)["summary"]
    assert summary.to_markdown() == (
        "| objective | quantity      | runs | missing | median | 95% low | 95% high | best | lower quartile | upper quartile | worst | mean |\n"
        "| --------- | ------------- | ---: | ------: | -----: | ------: | -------: | ---: | -------------: | -------------: | ----: | ---: |\n"
        "| a         | normalised l1 |    5 |       0 |    0.3 |       – |        – |  0.1 |            0.2 |            0.4 |   0.5 |  0.3 |\n"
        "| a         | l1            |    5 |       0 |    0.6 |       – |        – |  0.2 |            0.4 |            0.8 |     1 |  0.6 |\n"
    )


@pytest.mark.parametrize(("count", "whole"), [(5, True), (6, False)])
def test_intervals_of_few_runs_are_their_range(benchmark_of: Make, count: int, whole: bool) -> None:
    made = benchmark_of(
        lambda cell, _: [0.1 * (cell.seed + 1)], objectives=["a"], scenes=["s"], seeds=range(count)
    )
    summary = benchmark_tables(made, bootstrap=4000)["summary"]
    low, high = column(summary, "95% low")[0], column(summary, "95% high")[0]
    best, worst = column(summary, "best")[0], column(summary, "worst")[0]
    assert ((low, high) == (best, worst)) is whole
    assert summary.title.endswith("with fewer than 6 runs an interval is their whole range") is whole


def test_the_other_tables_say_what_the_functions_found(benchmark_of: Make) -> None:
    made = benchmark_of()
    tables = benchmark_tables(made, seed=3)
    (pair,) = compare_objectives(made, seed=3)
    assert tables["comparison"].rows == [
        [
            *("a", "b", pair.winner or "undecided", 10, 0, pair.wins, pair.losses, pair.ties),
            *(pair.difference.value, pair.difference.low, pair.difference.high, pair.p, pair.p_holm),
        ]
    ]
    scenes = tables["scenes"]
    assert scenes.columns == ["objective", "s0", "s1"]
    for row, name in zip(scenes.rows, "ab", strict=True):
        for cell, scene in zip(row[1:], ("s0", "s1"), strict=True):
            mine = [
                run.l1_normalised
                for run in made.runs
                if (run.cell.objective, run.cell.scene) == (name, scene)
            ]
            assert cell == np.median(mine)
    assert column(tables["targets"], "target") == [0.2, 0.1, 0.05, 0.02] * 2
    runs = [run for run in made.runs if run.cell.objective == "b"]
    agreements = [rank_agreement(run.history) for run in runs]
    assert medians(tables["agreement"], "b") == {
        "SRCC": (10, np.median([one.overall for one in agreements])),
        "SRCC of the last quarter": (10, np.median([one.late for one in agreements])),
    }
    games = [gaming(run.history) for run in runs]
    for name, key in (
        ("gaming index", "index"),
        ("rises", "rises"),
        ("falls", "falls"),
        ("regret", "regret"),
    ):
        values = [getattr(one, key) for one in games if not math.isnan(getattr(one, key))]
        assert medians(tables["gaming"], "b")[name] == (len(values), np.median(values))


def test_timings(benchmark_of: Make) -> None:
    made = benchmark_of(lambda cell, _: [0.5, 0.15], objectives=["a"], scenes=["s"], seeds=[0, 1, 2])
    for run in made.runs:
        run.history.score[:] = [1, 2]
    # Runs of 2, 3 and 4 seconds, two evaluations each.
    timings = benchmark_tables(made, [0.2, 0.01])["timings"]
    assert timings.columns[1:] == [
        *("runs", "evaluations", "seconds", "seconds per evaluation", "seconds to 0.2", "seconds to 0.01"),
    ]
    assert timings.rows == [["a", 3, 6, 9.0, 1.5, 3.0, None]]


def test_all_but_timings_come_out_the_same_however_long_it_took(benchmark_of: Make) -> None:
    first, second = benchmark_of(), benchmark_of()
    for run in second.runs:
        run.seconds *= 1.7
    one, other = benchmark_tables(first), benchmark_tables(second)
    assert one.pop("timings") != other.pop("timings")
    assert one == other
    assert {name: table.to_csv() for name, table in one.items()} == {
        name: table.to_csv() for name, table in other.items()
    }
    reseeded = benchmark_tables(first, seed=1)
    assert any(reseeded[name] != table for name, table in one.items())


def test_runs_that_were_written_and_read_give_the_same_tables(
    benchmark_of: Make, written_run: Callable[..., None], tmp_path: Path
) -> None:
    made = benchmark_of(failed=[Cell("a", "es", "s1", "0", 3)])
    read = []
    for run in made.runs:
        folder = tmp_path / run.cell.path
        facts = {
            "error": run.error,
            "best_score": run.score,
            "l1": run.l1,
            "l1_normalised": run.l1_normalised,
            "evaluations": run.evaluations,
            "seconds": run.seconds,
        }
        if run.history is not None:
            written_run(folder, run.history)
        write_cell(folder, run.cell, run.status, facts)
        read.append(read_run(run.cell, folder))
    assert benchmark_tables(Benchmark({}, read, tmp_path)) == benchmark_tables(made)


def test_scores_where_nobody_knows_the_truth(benchmark_of: Make) -> None:
    made = benchmark_of(truth=False)
    tables = benchmark_tables(made)
    assert column(tables["summary"], "quantity") == ["score", "score"]
    assert column(tables["summary"], "best")[0] == max(
        run.score for run in made.runs if run.cell.objective == "a"
    )
    assert tables["scenes"].title == "Median score per objective and scene"
    assert tables["timings"].columns[-1] == "seconds per evaluation"


def test_runs_without_a_finite_score_are_named(benchmark_of: Make, run: Callable[..., Run]) -> None:
    made = benchmark_of()
    made.runs[4] = run(made.runs[4].cell, [math.nan, math.nan], [0.1, 0.2])
    tables = benchmark_tables(made)
    assert tables["failures"].rows == [["a", "es", "s0", "0", "4", "no score was finite"]]
    assert column(tables["summary"], "missing") == [1, 0, 1, 0]
    # It made its evaluations and reached no target.
    assert column(tables["targets"], "runs")[0] == 10


def test_a_benchmark_of_which_nothing_is_finished(benchmark_of: Make, tmp_path: Path) -> None:
    cells = [
        Cell(name, "es", scene, "0", seed) for name in "ab" for scene in ("s0", "s1") for seed in range(5)
    ]
    for made in (benchmark_of(unfinished=cells), benchmark_of(objectives=[]), benchmark_of(failed=cells)):
        tables = benchmark_tables(made)
        assert {"summary", "scenes", "timings"} <= set(tables)
        write_tables(tables, tmp_path)
    assert len(tables["failures"].rows) == 20


def test_an_objective_of_which_nothing_is_finished(benchmark_of: Make) -> None:
    cells = [Cell("b", "es", scene, "0", seed) for scene in ("s0", "s1") for seed in range(5)]
    tables = benchmark_tables(benchmark_of(failed=cells))
    assert column(tables["summary"], "median")[1] is None
    assert tables["comparison"].rows[0][2:5] == ["undecided", 0, 10]
    assert column(tables["comparison"], "p") == [None]
    assert column(tables["targets"], "share")[4:] == [None] * 4
    assert tables["timings"].rows[1] == ["b", 0, 0, 0, *[None] * 5]


def test_the_files(benchmark_of: Make, tmp_path: Path) -> None:
    tables = benchmark_tables(benchmark_of(failed=[Cell("b", "es", "s1", "0", 3)]))
    write_tables(tables, tmp_path)
    assert len(list(tmp_path.iterdir())) == 3 * len(tables) + 1
    data = json.loads((tmp_path / "tables.json").read_text(encoding="utf-8"))
    for name, table in tables.items():
        assert Table(**data[name]) == table


@pytest.mark.parametrize(
    "options",
    [
        {"targets": [-1.0]},
        {"seed": -1},
        {"bootstrap": -1},
    ],
    ids=str,
)
def test_refusals(benchmark_of: Make, options: dict[str, object], snapshot: SnapshotAssertion) -> None:
    with pytest.raises(ConfigurationError) as caught:
        benchmark_tables(benchmark_of(truth=False), **options)
    assert str(caught.value) == snapshot

"""A grid through the engines: the same logs everywhere, whatever is killed on the way."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from isptune.benchmark.engines import Event, make_engine
from isptune.benchmark.grid import BenchConfig, cells_of, parse_bench_config
from isptune.benchmark.run_grid import read_benchmark, run_benchmark
from isptune.cli import run as command
from isptune.contracts.variants import Variants
from isptune.errors import ConfigurationError, IsptuneError, RunDirectoryError, UnknownNameError
from isptune.tuning.devices import processors

SETTINGS: dict[str, Any] = {
    "objectives": ["psnr", "contrast"],
    "scenes": ["chart:64x48"],
    "seeds": 2,
    "budget": 60,
    "population": 20,
}


def grid(**changes: Any) -> BenchConfig:
    return parse_bench_config({**SETTINGS, **changes})


Logs = Callable[[Path], dict[str, Any]]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark that was run in one process and not disturbed."""
    folder = tmp_path_factory.mktemp("plain")
    run_benchmark(grid(), folder, make_engine("in-process", 1))
    return folder


def test_a_benchmark_knows_what_every_cell_reached(plain: Path, logs: Logs) -> None:
    benchmark = read_benchmark(plain)
    assert [run.status for run in benchmark.runs] == ["done"] * 4
    for run in benchmark.runs:
        assert run.history is not None
        assert run.history.l1_normalised is not None
        assert run.history.best is not None
        assert run.evaluations == len(run.history.scores) == 60
        assert run.l1_normalised == pytest.approx(run.history.l1_normalised[run.history.best])
    assert len(logs(plain)) == 4


# Whatever can be told from the options is refused before; a checkpoint that is none is found by the cell.
BAD = {"name": "severity", "options": {"checkpoint": "no-such-file"}}


def test_processes_give_the_same_logs_also_when_one_is_killed_and_a_cell_fails(
    plain: Path, tmp_path: Path, logs: Logs
) -> None:
    lost: list[Event] = []
    killed = False

    def listener(event: Event) -> None:
        nonlocal killed
        if event.lost:
            lost.append(event)
        if event.generation == 1 and not killed:
            killed = True
            for child in multiprocessing.active_children():
                assert child.pid is not None
                os.kill(child.pid, signal.SIGKILL)

    config = grid(objectives=[BAD, *SETTINGS["objectives"]])
    benchmark = run_benchmark(config, tmp_path, make_engine("processes", 1, 2), listener)
    assert killed
    assert 1 <= len(lost) <= 2
    assert [run.status for run in benchmark.runs] == ["failed"] * 2 + ["done"] * 4
    for failed in benchmark.runs[:2]:
        assert failed.error is not None
        assert failed.error.startswith("there is no checkpoint 'no-such-file'")
    assert list(benchmark.done()) == benchmark.runs[2:]
    assert logs(tmp_path) == logs(plain)


def test_there_are_as_many_processes_as_processors_for_their_threads() -> None:
    for threads in (1, 2, 1000):
        assert make_engine("processes", threads)._count == max(1, processors() // threads)


def test_a_killed_command_goes_on_where_it_was(
    plain: Path, tmp_path: Path, logs: Logs, commands: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "grid.yaml"
    config.write_text(json.dumps({**SETTINGS, "name": "small"}))
    out = tmp_path / "out"
    arguments = ["bench", str(config), "--out", str(out)]
    here, workers = ["--engine", "in-process"], ["--workers", "2"]
    # Killed in one process, resumed by several and killed again, resumed in one.
    for engine in (here, workers):
        seen = sum(len(lines) for lines in logs_so_far(out))
        process = commands.start([*arguments, *engine])
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if sum(len(lines) for lines in logs_so_far(out)) > seen:
                break
            time.sleep(0.002)
        process.kill()
        process.wait()
    assert command([*arguments, *here]) == 0
    assert "psnr" in capsys.readouterr().out
    assert logs(out) == logs(plain)
    # Its figures are there already.
    assert command([*arguments, "--json", "--no-report"]) == 0
    again = capsys.readouterr()
    done, earlier = again.err.splitlines()
    assert done == "4 of 4 cells are done already"
    assert earlier == f"isptune: the figures and the report in {out} are those of an earlier call"
    tables = json.loads(again.out)
    assert set(tables) >= {"summary", "comparison", "targets", "agreement", "timings"}
    for name in tables:
        assert (out / "tables" / f"{name}.md").exists()
    assert {path.name for path in (out / "figures").iterdir()} >= {"convergence.png", "losses.pdf"}
    assert (out / "report.html").exists()


def logs_so_far(folder: Path) -> list[list[bytes]]:
    return [path.read_bytes().splitlines() for path in folder.glob("cells/*/*/*/*/evaluations.jsonl")]


def test_a_grid_that_has_grown_runs_the_new_cells_only(plain: Path, tmp_path: Path, logs: Logs) -> None:
    run_benchmark(grid(seeds=1), tmp_path, make_engine("in-process", 1))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("cells/**/cell.json")}
    ended: list[str] = []
    run_benchmark(
        grid(),
        tmp_path,
        make_engine("in-process", 1),
        lambda event: ended.append(event.cell.path) if event.outcome is not None else None,
    )
    assert len(before) == len(ended) == 2
    assert all(path.endswith("seed-1") for path in ended)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert logs(tmp_path) == logs(plain)


def test_a_cell_that_fails_is_noted_and_the_rest_goes_on(tmp_path: Path) -> None:
    # The second time what is done stays, and what failed is tried again.
    for _ in range(2):
        benchmark = run_benchmark(
            grid(objectives=[BAD, "psnr"], seeds=1), tmp_path, make_engine("in-process", 1)
        )
        failed, done = benchmark.runs
        assert (failed.status, done.status) == ("failed", "done")
        assert failed.error is not None
        assert failed.error.startswith("there is no checkpoint 'no-such-file'")
        assert list(benchmark.done()) == [done]


def test_a_benchmark_says_itself_what_its_variants_are_called(plain: Path, tmp_path: Path) -> None:
    engine, folder = make_engine("in-process", 1), tmp_path / "old"
    shutil.copytree(plain, folder)
    file = folder / "bench.yaml"
    assert "\nmaps: null\n" in file.read_text()
    # Without its pipeline, and with one that calls them something else.
    file.write_text(file.read_text().replace("name: synthetic", "name: no-longer-there"))
    benchmark = read_benchmark(folder)
    assert benchmark.word == "map"
    assert [run.status for run in benchmark.runs] == ["done"] * 4
    assert json.loads((folder / benchmark.runs[0].cell.path / "cell.json").read_text())["cell"] == {
        "objective": "psnr",
        "optimizer": "es",
        "scene": "chart:64x48",
        "map": "0",
        "seed": 0,
    }
    other = grid().calling(Variants(name="sample"))
    assert [cell.word for cell, _ in cells_of(other)] == ["sample"] * 4
    left: list[int] = []
    assert run_benchmark(other, folder, engine, on_start=left.append).word == "map"
    assert left == [4]


def test_what_cannot_be_run_is_one_sentence(plain: Path, tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError) as caught:
        run_benchmark(grid(budget=80), plain, make_engine("in-process", 1))
    cell = plain / "cells" / "psnr" / "es" / "chart_64x48" / "map-0-seed-0"
    assert str(caught.value) == (
        f"'{cell}' holds the cell with other settings than the benchmark's: budget was 60 and is now 80; choose "
        "another folder for the benchmark"
    )
    with pytest.raises(UnknownNameError, match="there is no objective named 'pnsr'"):
        run_benchmark(grid(objectives=["pnsr"]), tmp_path / "new", make_engine("in-process", 1))
    assert not (tmp_path / "new").exists()
    with pytest.raises(RunDirectoryError) as caught:
        read_benchmark(tmp_path)
    assert str(caught.value) == f"'{tmp_path}' holds no benchmark: there is no bench.yaml in it"
    for arguments, options, message in (
        (("rya", 1), {}, "there is no engine 'rya'; did you mean 'ray'?"),
        (("in-process", 1, 4), {}, "the engine 'in-process' has one process, not 4; use 'processes'"),
        (("processes", 1), {"gpus": 0.5}, "--gpus is for the engine 'ray', not for 'processes'"),
        (("processes", 1, 0), {}, "workers is 0; allowed: from 1"),
        (("ray", 1), {"gpus": 1.5}, "gpus is 1.5; allowed: a fraction of 1, or a whole number"),
    ):
        with pytest.raises(ConfigurationError) as wrong:
            make_engine(*arguments, **options)
        assert str(wrong.value) == message


@pytest.mark.parametrize(
    "changes",
    [
        {"scenes": ["nofile.png"]},
        {"scenes": ["chart:96by64"]},
        {"pipeline": {"name": "synthetic", "options": {"stages": ["gausian_blur"]}}},
        {"objectives": ["psnr", {"name": "severity", "options": {"dtipe": 3}}]},
        {"optimizers": [{"name": "es", "options": {"initial_sgma": 1}}]},
    ],
    ids=str,
)
def test_mistakes_of_the_grid_are_found_before_anything_runs(
    tmp_path: Path, changes: dict[str, Any], snapshot: SnapshotAssertion
) -> None:
    with pytest.raises(IsptuneError) as caught:
        run_benchmark(grid(**changes), tmp_path / "new", make_engine("in-process", 1))
    assert str(caught.value) == snapshot
    assert not (tmp_path / "new").exists()


def test_the_log_of_a_done_cell_is_made_whole_again(
    plain: Path, tmp_path: Path, logs: Logs, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(plain, folder)
    cut, gone = sorted(folder.glob("cells/psnr/*/*/*/evaluations.jsonl"))
    cut.write_bytes(cut.read_bytes()[:400])
    gone.unlink()
    benchmark = run_benchmark(grid(), folder, make_engine("in-process", 1))
    assert [run.status for run in benchmark.runs] == ["done"] * 4
    assert logs(folder) == logs(plain)
    for seed in (0, 1):
        assert (
            f"the log of the cell 'cells/psnr/es/chart_64x48/map-{seed}-seed-{seed}' is not whole: "
            "the cell goes on where it ends"
        ) in caplog.text


def test_cells_of_another_grid_are_named(
    plain: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "shrunk"
    shutil.copytree(plain, folder)
    benchmark = run_benchmark(grid(objectives=["psnr"]), folder, make_engine("in-process", 1))
    assert len(benchmark.runs) == 2
    assert (
        f"'{folder}' also holds 2 cells of another grid, such as "
        "'cells/contrast/es/chart_64x48/map-0-seed-0': tables, figures and report omit them"
    ) in caplog.text


def test_folders_that_hold_something_else(plain: Path, tmp_path: Path) -> None:
    engine = make_engine("in-process", 1)
    file = tmp_path / "file"
    file.write_text("")
    single = tmp_path / "single"
    single.mkdir()
    (single / "run.yaml").write_text("isptune_run: 1")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "bench.yaml").write_text("name: [\n")
    for folder, message in (
        (file, f"cannot write the benchmark's directory '{file}': File exists"),
        (single, f"'{single}' holds a single tuning run; choose another folder for the benchmark"),
        (broken, f"'{broken / 'bench.yaml'}' is not valid YAML at line 2, column 1: "),
    ):
        with pytest.raises(RunDirectoryError) as caught:
            run_benchmark(grid(), folder, engine)
        assert str(caught.value).startswith(message)
    assert (broken / "bench.yaml").read_text() == "name: [\n"
    assert not (single / "cells").exists()
    with pytest.raises(RunDirectoryError) as caught:
        read_benchmark(tmp_path / "nowhere")
    assert str(caught.value) == f"'{tmp_path / 'nowhere'}' holds no benchmark: there is no such folder"


def test_a_stop_in_this_process_ends_the_run_which_goes_on_later(
    tmp_path: Path, logs: Callable[[Path], Any]
) -> None:
    config = parse_bench_config(
        {"objectives": ["contrast"], "scenes": ["chart:64x48"], "seeds": 4, "budget": 60, "population": 20}
    )
    run_benchmark(config, tmp_path / "whole", make_engine("in-process", 1))

    def stop(event: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_benchmark(config, tmp_path / "stopped", make_engine("in-process", 1), stop)
    # The cell that ran when it was stopped may have come to its end; no other began.
    statuses = [run.status for run in read_benchmark(tmp_path / "stopped").runs]
    assert statuses[1:] == ["unfinished"] * 3
    run_benchmark(config, tmp_path / "stopped", make_engine("in-process", 1))
    assert logs(tmp_path / "stopped") == logs(tmp_path / "whole")

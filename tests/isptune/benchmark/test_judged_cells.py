"""Judged cells: beside each other in one process, and streamed from another machine with their notes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from isptune.benchmark.cell import Cell
from isptune.benchmark.cell_worker import Job
from isptune.benchmark.engines import Event, make_engine
from isptune.benchmark.engines.streaming import Written, files_of, run_cell, write
from isptune.benchmark.grid import parse_bench_config
from isptune.benchmark.run_grid import run_benchmark
from isptune.tuning.settings import parse_config

SMALL: dict[str, Any] = {
    "scenes": ["chart:64x48"],
    "pipeline": {"name": "synthetic", "options": {"stages": ["brighten", "white_noise"], "compile": False}},
    "budget": 12,
    "population": 6,
}
OBSERVER = {"name": "simulated-observer", "options": {"comparisons": 2}}


def notes_of(folder: Path) -> list[Any]:
    return [json.loads(line)["note"] for line in (folder / "judgements.jsonl").read_text().splitlines()]


def test_the_cells_of_a_judge(tmp_path: Path) -> None:
    config = parse_bench_config({**SMALL, "objectives": [OBSERVER], "optimizers": ["random"], "seeds": 2})
    benchmark = run_benchmark(config, tmp_path, make_engine("in-process", 1))
    assert [run.status for run in benchmark.runs] == ["done", "done"]
    # Six contenders, two comparisons each: six, and in the second generation six with the leader and three.
    for path in tmp_path.rglob("judgements.jsonl"):
        assert len(notes_of(path.parent)) == 6 + 9


def test_notes_travel_before_the_log_and_back(tmp_path: Path) -> None:
    config = parse_config({**SMALL, "objective": OBSERVER, "optimizer": "random"})
    job = Job(Cell("observer", "random", "chart", "0", 0), config, tmp_path / "cell")
    job.directory.mkdir()
    news = [one for one in run_cell(job, 1, {}, None, None) if isinstance(one, Written)]
    order = [one.name for one in news if one.name in ("judgements.jsonl", "evaluations.jsonl")]
    assert order == ["judgements.jsonl", "evaluations.jsonl"] * 2
    for one in news:
        write(job, one)
    whole, log = notes_of(job.directory), (job.directory / "evaluations.jsonl").read_text()
    assert len(whole) == 6 + 9
    # The machine is lost in the middle of the second generation, while a line arrives.
    path = job.directory / "judgements.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:10]) + '{"run"')
    first = log.splitlines(keepends=True)[0]
    (job.directory / "evaluations.jsonl").write_text(first)
    sent = files_of(job)
    assert sent["judgements.jsonl"].count(b"\n") == 10
    assert sent["judgements.jsonl"].endswith(b"}\n")
    ended = []
    for one in run_cell(job, 1, sent, None, None):
        if isinstance(one, Written):
            write(job, one)
        elif isinstance(one, Event) and one.outcome is not None:
            ended.append(one.outcome.status)
    assert ended == ["done"]
    assert notes_of(job.directory) == whole
    again = (job.directory / "evaluations.jsonl").read_text().splitlines()
    assert [json.loads(line)["scores"] for line in again] == [
        json.loads(line)["scores"] for line in log.splitlines()
    ]

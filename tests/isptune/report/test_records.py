"""Reading runs and benchmarks: what the report knows of them, and what it refuses."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

import isptune
from isptune.benchmark.cell_results import Benchmark
from isptune.errors import RunDirectoryError
from isptune.figures.levels import levels_of_records
from isptune.figures.records import read_record, records_of_benchmark
from isptune.tuning.session import make_pipeline


@pytest.fixture
def copy(tuned: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tuned, tmp_path / "copy"))


class TestARun:
    def test_it_is_what_the_run_said(self, tuned: Path) -> None:
        record = read_record(tuned)
        said = json.loads((tuned / "result.json").read_text())
        assert (record.name, record.objective, record.optimizer) == ("first", "psnr", "cma")
        assert (record.scene, record.variant, record.seed) == ("chart:96x64", "0", 0)
        assert record.score == said["best_score"]
        assert record.parameters == said["best_parameters"]
        assert record.levels == pytest.approx(said["levels"])
        assert record.l1 == pytest.approx(said["l1"])
        assert record.l1_normalised == pytest.approx(said["l1_normalised"])
        history = isptune.Run.read(tuned).history
        for name in ("evaluations", "candidates", "scores", "l1", "l1_normalised"):
            np.testing.assert_array_equal(getattr(record.history, name), getattr(history, name))
        assert record.history.higher_is_better is True

    def test_one_that_is_not_finished_counts_as_far_as_its_log_goes(self, copy: Path) -> None:
        (copy / "result.json").unlink()
        log = (copy / "evaluations.jsonl").read_bytes().splitlines(keepends=True)
        (copy / "evaluations.jsonl").write_bytes(b"".join(log[:2]) + log[2][:30])
        record = read_record(copy, "half")
        assert record.name == "half"
        assert len(record.history.score) == 20
        assert record.score == record.history.score.max()

    @pytest.mark.parametrize("finished", [True, False])
    def test_one_of_several_objectives_is_its_best_compromise(
        self, fronts: dict[int, Path], tmp_path: Path, finished: bool
    ) -> None:
        run = Path(shutil.copytree(fronts[3], tmp_path / "run"))
        said = json.loads((run / "result.json").read_text())
        if not finished:
            (run / "result.json").unlink()
        record = read_record(run)
        assert (record.objective, record.score, record.answer) == (
            "psnr+ssim+noise-level",
            None,
            "best compromise",
        )
        assert record.scores == said["best_scores"]
        assert record.parameters == said["best_parameters"]
        assert record.levels == pytest.approx(said["levels"])
        assert record.l1_normalised == pytest.approx(said["l1_normalised"])
        assert record.history.labels == ("psnr", "ssim", "noise-level")
        assert record.history.orientations == (True, True, False)
        front = record.history.pareto
        assert (front.indices + 1).tolist() == [row["evaluation"] for row in said["pareto"]]

    def test_a_front_needs_a_candidate_with_all_scores(self, fronts: dict[int, Path], tmp_path: Path) -> None:
        run = Path(shutil.copytree(fronts[2], tmp_path / "run"))
        log = run / "evaluations.jsonl"
        first = json.loads(log.read_text().splitlines()[0])
        log.write_text(json.dumps({**first, "scores": [[1.0, None] for _ in first["scores"]]}) + "\n")
        with pytest.raises(RunDirectoryError, match="has no candidate with a finite score yet"):
            read_record(run)

    def test_what_is_refused(self, copy: Path, tmp_path: Path) -> None:
        with pytest.raises(RunDirectoryError, match=r"'.*nowhere' holds no run: there is no such folder"):
            read_record(tmp_path / "nowhere")
        log = copy / "evaluations.jsonl"
        lines = log.read_text().splitlines()
        log.write_text("")
        with pytest.raises(RunDirectoryError, match="has no finished generation yet"):
            read_record(copy)
        first = json.loads(lines[0])
        log.write_text(json.dumps({**first, "scores": [None] * len(first["scores"])}) + "\n")
        with pytest.raises(RunDirectoryError, match="has no candidate with a finite score yet"):
            read_record(copy)
        data = yaml.safe_load((copy / "run.yaml").read_text())
        data["scores"][0] = {"label": "psnr"}
        (copy / "run.yaml").write_text(yaml.safe_dump(data))
        with pytest.raises(RunDirectoryError) as caught:
            read_record(copy)
        assert str(caught.value) == (
            f"'{copy / 'run.yaml'}' was changed after the run was started: what it notes of the run's "
            "parameters and scores cannot be read (it lacks 'higher_is_better'); put it back as it was"
        )


class TestABenchmark:
    def test_the_finished_runs_in_the_order_of_the_grid(self, benchmark: Benchmark) -> None:
        records = records_of_benchmark(benchmark)
        assert [(record.objective, record.seed) for record in records] == [
            ("psnr", 0),
            ("psnr", 1),
            ("ssim", 0),
            ("ssim", 1),
        ]
        assert records[1].name == "es, chart, map 1, seed 1"
        assert records[1].levels == benchmark.runs[1].levels
        assert len(records[1].history.score) == 32

    def test_nothing_done_is_refused(self, benchmark: Benchmark) -> None:
        empty = Benchmark({}, benchmark.runs[-1:], Path("b"))
        with pytest.raises(RunDirectoryError, match="no run of the benchmark in 'b' came to its end with a"):
            records_of_benchmark(empty)

    def test_recovered_levels_are_those_of_the_pipelines(self, benchmark: Benchmark) -> None:
        records = records_of_benchmark(benchmark)
        levels = levels_of_records(records)
        assert levels is not None
        made = [make_pipeline(record.run.config) for record in records]
        assert levels.labels == made[0].truth_labels
        assert levels.maxima.tolist() == list(made[0].truth_maxima)
        starts = [abs(p.truth(p.space.start())[0].numpy()) for p in made]
        np.testing.assert_allclose(levels.start.median, np.median(starts, axis=0))
        found = [list(record.levels.values()) for record in records[:2] if record.levels]
        np.testing.assert_allclose(levels.found["psnr"].median, np.median(np.abs(found), axis=0))
        assert levels.runs == {"psnr": 2, "ssim": 2}

    def test_runs_whose_directory_is_gone_are_left_out(self, benchmark: Benchmark, tmp_path: Path) -> None:
        records = records_of_benchmark(benchmark)
        assert levels_of_records([replace(record, run=None) for record in records]) is None
        lost = Benchmark({}, [replace(run, directory=tmp_path / "gone") for run in benchmark.runs], tmp_path)
        assert [record.run for record in records_of_benchmark(lost)] == [None] * 4

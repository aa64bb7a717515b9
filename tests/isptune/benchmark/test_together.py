"""Runs of one objective that go on at the same time, their populations scored in one batch."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import isptune
from isptune.benchmark.engines import make_engine
from isptune.benchmark.grid import BenchConfig, parse_bench_config
from isptune.benchmark.running import read_benchmark, run_benchmark
from isptune.contracts.objective import Objective

Logs = Callable[[Path], dict[str, Any]]

SETTINGS: dict[str, Any] = {
    "scenes": ["chart:64x48"],
    "seeds": 5,
    "budget": 60,
    "population": 20,
}


@isptune.register_objective("counted-brightness")
class Brightness(Objective):
    """Counts the images of every call; refuses pictures of one size where it is told to."""

    calls: list[int] = []  # noqa: RUF012
    broken_width: int | None = None

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        type(self).calls.append(len(images))
        if images.shape[-1] == self.broken_width:
            raise RuntimeError("too wide")
        return images.mean(dim=(1, 2, 3))


@pytest.fixture(autouse=True)
def counted_anew() -> None:
    Brightness.calls, Brightness.broken_width = [], None


def grid(**changes: Any) -> BenchConfig:
    return parse_bench_config({**SETTINGS, **changes})


@pytest.mark.parametrize("optimizer", ["es", "cma", "adam"])
@pytest.mark.parametrize("objective", ["psnr", "contrast"])
def test_runs_that_share_batches_have_the_logs_of_runs_alone(
    objective: str, optimizer: str, tmp_path: Path, logs: Logs
) -> None:
    config = grid(objectives=[objective], optimizers=[optimizer], seeds=3)
    run_benchmark(config, tmp_path / "alone", make_engine("in-process", 1))
    run_benchmark(config, tmp_path / "together", make_engine("in-process", 1, together=3))
    assert logs(tmp_path / "together") == logs(tmp_path / "alone")


def test_populations_are_scored_in_one_batch(tmp_path: Path) -> None:
    events: list[tuple[str, int]] = []
    run_benchmark(
        grid(objectives=["counted-brightness"]),
        tmp_path,
        make_engine("in-process", 1, together=2),
        lambda event: events.append((event.cell.path, event.generation)),
    )
    # Five runs of three generations: two pairs, and one run that is left.
    assert Brightness.calls == [40] * 6 + [20] * 3
    assert len(events) == 5 * (3 + 1)
    assert [run.status for run in read_benchmark(tmp_path).runs] == ["done"] * 5


def test_scenes_of_different_sizes_are_scored_apart(tmp_path: Path) -> None:
    config = grid(objectives=["counted-brightness"], scenes=["chart:64x48", "chart:80x48"], seeds=1)
    run_benchmark(config, tmp_path, make_engine("in-process", 1, together=2))
    assert Brightness.calls == [20] * 6


def test_one_run_that_fails_stops_no_other(tmp_path: Path) -> None:
    Brightness.broken_width = 80
    config = grid(objectives=["counted-brightness"], scenes=["chart:64x48", "chart:80x48"], seeds=2)
    benchmark = run_benchmark(config, tmp_path, make_engine("in-process", 1, together=4))
    assert [run.status for run in benchmark.runs] == ["done", "done", "failed", "failed"]
    assert all("too wide" in str(run.error) for run in benchmark.runs[2:])


def test_a_batch_that_fails_is_scored_run_by_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    score = Brightness.score

    def scarce(self: Brightness, images: Tensor, reference: Tensor | None = None) -> Tensor:
        if len(images) > 20:
            raise torch.OutOfMemoryError("out of memory")
        return score(self, images, reference)

    monkeypatch.setattr(Brightness, "score", scarce)
    config = grid(objectives=["counted-brightness"], seeds=2)
    benchmark = run_benchmark(config, tmp_path, make_engine("in-process", 1, together=2))
    assert [run.status for run in benchmark.runs] == ["done", "done"]
    assert Brightness.calls == [20] * 6


def test_a_stop_ends_all_runs_and_they_go_on_later(tmp_path: Path, logs: Logs) -> None:
    config = grid(objectives=["contrast"], seeds=3)
    run_benchmark(config, tmp_path / "whole", make_engine("in-process", 1))

    def stop(event: Any) -> None:
        raise KeyboardInterrupt

    started = time.monotonic()
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run_benchmark(config, tmp_path / "stopped", make_engine("in-process", 1, together=3), stop)
    assert time.monotonic() - started < 30
    assert "done" not in [run.status for run in read_benchmark(tmp_path / "stopped").runs]
    run_benchmark(config, tmp_path / "stopped", make_engine("in-process", 1, together=2))
    assert logs(tmp_path / "stopped") == logs(tmp_path / "whole")

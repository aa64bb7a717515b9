"""Disks that are full at any byte: what is there stays readable, and a run goes on to the log of an unbroken one."""

from __future__ import annotations

import errno
import json
import logging
import os
import random
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

import isptune
from isptune.benchmark.engines import make_engine
from isptune.benchmark.grid import parse_bench_config
from isptune.benchmark.run_grid import run_benchmark
from isptune.cli import run
from isptune.cli import run_and_print as running
from isptune.errors import DiskFullError, ImageError
from isptune.iqa.evaluation.evaluation_files import JSON_NAME
from isptune.runs.directory import LOG_NAME, RESULT_NAME, RunDirectory
from isptune.scenes import chart, write_image
from isptune.storage.writing import append_whole, write_whole
from isptune.tuning.scoring import Scoring
from isptune.tuning.session import make_session
from isptune.tuning.settings import parse_config
from isptune.tuning.sitting import run_session

Maker = Callable[..., Any]
Call = Callable[..., tuple[int, str, str]]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow further, as under ``ulimit -f``."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def logged(out: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (Path(out) / LOG_NAME).read_text(encoding="utf-8").splitlines()]
    return [{**line, "seconds": None} for line in lines]


def tuned(flat: Maker, target: Maker, out: str, resume: bool = False) -> isptune.TuneResult:
    config = parse_config(
        {"pipeline": "flat", "objective": "target", "optimizer": "random", "budget": 20, "population": 4}
    )
    session = make_session(flat(), Scoring([target()]), config, RunDirectory(out))
    return run_session(session, resume=resume, figures=False)


def test_a_run_on_a_disk_that_is_full_at_any_byte(
    flat: Maker, target: Maker, disk: Callable[[int | None], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="isptune")
    tuned(flat, target, "whole")
    sizes = {name: (Path("whole") / name).stat().st_size for name in ("run.yaml", LOG_NAME, RESULT_NAME)}
    total = sum(sizes.values())
    chosen = random.Random(0)
    # Among them the edges: nothing at all, a byte before and behind the end of each file.
    edges = [0, sizes["run.yaml"] - 1, sizes["run.yaml"], sizes["run.yaml"] + sizes[LOG_NAME] + 20]
    # The seconds in the log and in the result take some letters more or less.
    for number, room in enumerate([*edges, *(chosen.randrange(total - 60) for _ in range(25))]):
        out = f"run{number}"
        disk(room)
        full = None
        try:
            full = tuned(flat, target, out).unwritten
        except DiskFullError as error:
            full = str(error)
        assert full is not None
        assert full.endswith(
            "cannot be written: No space left on device; what is logged stays whole: make room, then resume"
        )
        left = {path.name for path in Path(out).iterdir()}
        assert left <= {"run.yaml", LOG_NAME}
        assert logged(out) == logged("whole")[: len(logged(out))]
        assert caplog.messages[-1:] == ([full] if len(logged(out)) == 5 else [])
        disk(None)
        result = tuned(flat, target, out, resume=True)
        assert result.unwritten is None
        assert logged(out) == logged("whole")
        # Nothing was torn, so nothing had to be dropped.
        assert not any("torn" in message for message in caplog.messages)
        caplog.clear()


def test_a_limit_of_the_system_is_the_same(flat: Maker, target: Maker) -> None:
    tuned(flat, target, "whole")
    with (
        largest_file(1000),
        pytest.raises(DiskFullError, match="'run/evaluations.jsonl' cannot be written: F"),
    ):
        tuned(flat, target, "run")
    assert 0 < len(logged("run")) < 5
    tuned(flat, target, "run", resume=True)
    assert logged("run") == logged("whole")


def test_a_file_is_the_old_one_or_the_new_one(tmp_path: Path, disk: Callable[[int | None], None]) -> None:
    path = tmp_path / ("x" * 250 + ".txt")
    write_whole(path, "old")
    disk(2)
    with pytest.raises(DiskFullError) as caught:
        write_whole(path, "new", ImageError, remedy="buy a disk")
    assert str(caught.value) == f"'{path}' cannot be written: No space left on device; buy a disk"
    assert caught.value.exit_code == 1
    assert [entry.read_text() for entry in tmp_path.iterdir()] == ["old"]
    # Bad input stays bad input.
    with pytest.raises(ImageError, match="cannot be written: No such file or directory"):
        write_whole(tmp_path / "no" / "file", "new", ImageError)


def test_a_line_goes_in_whole_or_not_at_all(tmp_path: Path, disk: Callable[[int | None], None]) -> None:
    path = tmp_path / "log"
    with path.open("ab", buffering=0) as file:
        append_whole(file.fileno(), b"first\n")
        disk(3)
        with pytest.raises(OSError, match="No space left"):
            append_whole(file.fileno(), b"second\n")
        disk(None)
        append_whole(file.fileno(), b"third\n")
    assert path.read_text() == "first\nthird\n"


def test_a_run_whose_pictures_do_not_fit_is_printed_and_fails(
    flat: Maker, target: Maker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise DiskFullError("'run/convergence.png' cannot be written: No space left on device")

    monkeypatch.setattr("isptune.tuning.sitting.write_outputs", refuse)
    config = parse_config({"pipeline": "flat", "objective": "target", "budget": 30})
    session = make_session(flat(), Scoring([target()]), config, RunDirectory("run"))
    assert running.run_and_print(lambda: session, as_json=True, resume=False) == 1
    assert json.loads(capsys.readouterr().out)["evaluations"] == 30


def test_a_benchmark_on_a_full_disk_ends_with_one_sentence_and_goes_on() -> None:
    config = parse_bench_config(
        {"objectives": ["psnr"], "scenes": ["chart:64x48"], "seeds": 2, "budget": 2, "population": 1}
        | {"optimizers": ["random"], "pipeline": {"name": "synthetic", "options": {"stages": ["darken"]}}}
    )
    with largest_file(700), pytest.raises(DiskFullError, match="cannot be written: File too large"):
        run_benchmark(config, "grid", make_engine("in-process", 1, None))
    benchmark = run_benchmark(config, "grid", make_engine("in-process", 1, None))
    assert [run.status for run in benchmark.runs] == ["done", "done"]
    assert not list(Path("grid").rglob("*.partial"))


def test_an_evaluation_that_cannot_be_written_is_printed(
    disk: Callable[[int | None], None], capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(4):
        write_image(f"{number}.png", chart(64, 48, seed=number) * (1 - 0.2 * number))
    Path("meta.csv").write_text("name,mos\n" + "".join(f"{number}.png,{number}\n" for number in range(4)))
    disk(10)
    code = run(
        ["evaluate", "--objective", "exposure", "--data", "meta.csv", "--out", "found", "--bootstrap", "10"]
    )
    captured = capsys.readouterr()
    assert code == 1
    assert "| exposure" in captured.out
    assert f"error: 'found/{JSON_NAME}' cannot be written: No space left on device" in captured.err


def isptune_with(stdout: int, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "isptune", *arguments]
    return subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_output_to_a_full_and_to_a_closed_pipe() -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        full_disk = isptune_with(full.fileno(), "--help")
    read, write = os.pipe()
    os.close(read)
    closed = isptune_with(write, "--help")
    os.close(write)
    assert full_disk.communicate()[1] == (
        "isptune: error: the output cannot be written: No space left on device\n"
    )
    assert full_disk.returncode == 1
    assert closed.communicate()[1] == ""
    assert closed.returncode == 1


def test_compiled_loops_need_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    from isptune.compiled import jit

    def double(numbers: Any) -> Any:
        return numbers * 2

    loop = jit.loop(double)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(loop._cache._cache_file, "save", full)
    monkeypatch.setattr(loop._cache._cache_file, "load", full)
    numbers = torch.arange(3).numpy()
    assert loop(numbers).tolist() == [0, 2, 4]

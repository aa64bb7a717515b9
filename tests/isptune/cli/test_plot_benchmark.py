"""``isptune plot`` of a benchmark, as a user calls it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from isptune.benchmark.cell_results import Benchmark, write_cell

Call = Callable[..., tuple[int, str, str]]
Make = Callable[..., Benchmark]

ALL = ("convergence", "losses", "ecdf", "profiles", "agreement", "differences")


@pytest.fixture
def written(written_run: Callable[..., None]) -> Callable[[Benchmark, str], None]:
    """Writes a benchmark's directory as ``isptune bench`` leaves it, without the runs' pictures."""

    def write(benchmark: Benchmark, folder: str) -> None:
        for run in benchmark.runs:
            facts = {
                "best_score": run.score,
                "l1_normalised": run.l1_normalised,
                "evaluations": run.evaluations,
                "seconds": run.seconds,
            }
            cell = Path(folder, *run.cell.path.split("/"))
            if run.history is not None:
                written_run(cell, run.history)
            write_cell(cell, run.cell, run.status, facts)
        labels = dict.fromkeys(run.cell.objective for run in benchmark.runs)
        config = {
            "objectives": list(labels),
            "scenes": [{"label": "s0", "scenes": ["chart"]}],
            "maps": [0],
            "seeds": 3,
            "population": 30,
        }
        Path(folder, "bench.yaml").write_text(yaml.safe_dump(config))

    return write


@pytest.fixture
def which(benchmark_of: Make, written: Callable[..., None], in_an_empty_folder: None) -> str:
    written(benchmark_of(scenes=("s0",), seeds=range(3)), "which")
    return "which"


def test_one_figure(which: str, call: Call) -> None:
    assert call("plot", which, "--out", "curves.pdf") == (0, "wrote curves.pdf\n", "")
    assert Path("curves.pdf").read_bytes().startswith(b"%PDF")
    code, out, err = call("plot", which, "--figure", "losses", "--out", "losses.svg", "--title", "Which one?")
    assert (code, out, err) == (0, "wrote losses.svg\n", "")
    first = Path("losses.svg").read_bytes()
    assert b"<dc:date>" not in first
    call("plot", which, "--figure", "losses", "--out", "losses.svg", "--title", "Which one?")
    assert Path("losses.svg").read_bytes() == first


def test_a_folder_gets_all_figures(which: str, call: Call) -> None:
    names = [f"{name}{suffix}" for name in ALL for suffix in (".png", ".pdf")]
    code, out, err = call("plot", which, "--out", "figures")
    assert (code, out, err) == (0, f"wrote 12 files to figures: {', '.join(names)}\n", "")
    assert sorted(path.name for path in Path("figures").iterdir()) == sorted(names)
    code, out, _ = call("plot", which, "--figure", "ecdf", "--out", "v1.2/")
    assert (code, out) == (0, "wrote 2 files to v1.2/: ecdf.png, ecdf.pdf\n")


def test_what_the_benchmark_lacks_is_told(
    benchmark_of: Make, written: Callable[..., None], call: Call
) -> None:
    written(benchmark_of(objectives=("a",), scenes=("s0",), seeds=range(3)), "alone")
    reason = "the benchmark has 1 objective, and at least 2 are needed"
    code, out, err = call("plot", "alone", "--out", "figures")
    assert code == 0
    assert out.startswith("wrote 8 files to figures: convergence.png, convergence.pdf, losses.png")
    assert err.splitlines() == [
        f"left out: the figure '{name}' cannot be drawn: {reason}" for name in ("profiles", "differences")
    ]
    refused = call("plot", "alone", "--figure", "profiles", "--out", "profiles.png")
    assert refused == (2, "", f"isptune: error: the figure 'profiles' cannot be drawn: {reason}\n")
    assert not Path("profiles.png").exists()


def test_a_half_done_benchmark_says_so(which: str, call: Call) -> None:
    first, *others = sorted(path.name for path in Path(which, "cells").iterdir())
    shutil.rmtree(Path(which, "cells", first))
    said = f"{3 * len(others)} of {3 * len(others) + 3} runs came to their end, none of {first}"
    code, out, err = call("plot", which, "--out", "curves.png")
    assert (code, out) == (0, "wrote curves.png\n")
    assert err == f"isptune: {said}; the figures show no others\n"


def test_refusals(which: str, benchmark_of: Make, written: Callable[..., None], call: Call) -> None:
    written(benchmark_of(scenes=("s0",), seeds=range(3), truth=False), "dark")
    Path("run").mkdir()
    dark = "no finished run knows its hidden distortion"
    for arguments, sentence in (
        (
            (which, "--figure", "loses", "--out", "a.png"),
            "there is no figure 'loses'; did you mean 'losses'?",
        ),
        (("dark", "--out", "a.png"), f"the figure 'convergence' cannot be drawn: {dark}"),
        (("dark", "--out", "folder"), f"no figure can be drawn: {dark}"),
        (
            (which, "run", "--out", "a.png"),
            "'which' is a benchmark, which has figures of its own: give it alone",
        ),
        (
            ("run", "--figure", "ecdf", "--out", "a.png"),
            "--figure is for a benchmark, and 'run' holds none",
        ),
        (
            (which, "--out", "a.pngg"),
            "'a.pngg': figures are written as .png, .pdf, .svg, .jpg, .jpeg, .webp; did you mean '.png'?",
        ),
    ):
        assert call("plot", *arguments) == (2, "", f"isptune: error: {sentence}\n")
    assert not Path("folder").exists()

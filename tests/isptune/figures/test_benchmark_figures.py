"""A benchmark's figures: what they say and where it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from isptune.benchmark.cell_results import Benchmark, Cell
from isptune.errors import ImageError, UnknownNameError
from isptune.figures import BENCHMARK_FIGURES, draw_benchmark, save_benchmark_figures
from isptune.figures.look import looks, shortened
from isptune.figures.of_benchmark import NothingToDrawError, differences, final_losses

Make = Callable[..., Benchmark]
Texts = Callable[[Figure], list[str]]
Check = Callable[[Figure], None]

NAMES = (
    "psnr", "ssim", "ms-ssim", "severity", "scorenet-align-tiny", "niqe-distance", "pyiqa:ms_ssim",
    "pyiqa:topiq_nr-spaq", "clipiqa+", "qalign-tiny", "sharpness",
    "weighted: 0.5 pyiqa:topiq_nr + 0.5 noise-level",
)  # fmt: skip


def falling(cell: Cell, generator: np.random.Generator) -> Sequence[float]:
    """Losses that fall to a floor of the objective's own, some floors close to one another."""
    number = NAMES.index(cell.objective)
    curve = 0.01 * 1.4 ** (number // 2 * 2) + 0.5 * np.exp(-np.arange(60) / (6 + number))
    return np.clip(curve * generator.lognormal(0, 0.2, 60), 0, 1)


@pytest.fixture
def twelve(benchmark_of: Make) -> Benchmark:
    return benchmark_of(falling, objectives=NAMES, scenes=("s0",), seeds=range(4))


@pytest.fixture
def small(benchmark_of: Make) -> Benchmark:
    return benchmark_of(falling, objectives=NAMES[:3], scenes=("s0",), seeds=range(7))


@pytest.mark.parametrize("name", BENCHMARK_FIGURES)
def test_twelve_long_names_are_readable(
    name: str, twelve: Benchmark, texts: Texts, assert_texts_fit: Check
) -> None:
    figure = draw_benchmark(twelve, name)
    assert_texts_fit(figure)
    shown = [text.replace("\n", "") for text in texts(figure)]
    for label in NAMES[:-1]:
        assert any(text == label or text.startswith(f"{label}  ") for text in shown), label


@pytest.mark.parametrize("name", BENCHMARK_FIGURES)
def test_titles_and_few_objectives(
    name: str, small: Benchmark, texts: Texts, assert_texts_fit: Check
) -> None:
    figure = draw_benchmark(small, name, title="Which objective? " * 8)
    assert_texts_fit(figure)
    assert any(text.startswith("Which objective?") for text in texts(figure))


def test_convergence_has_a_panel_per_optimizer(
    benchmark_of: Make, texts: Texts, assert_texts_fit: Check
) -> None:
    made = benchmark_of(falling, objectives=NAMES[:3], optimizers=("es", "cma"), scenes=("s0",))
    figure = draw_benchmark(made)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["es", "cma"]
    assert {axes.get_ylabel() for axes in figure.axes} == {"normalised l1"}
    assert figure.axes[-1].get_xlabel() == "evaluations"
    for axes in figure.axes:
        medians = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
        assert [line.get_label() for line in medians] == list(NAMES[:3])
        assert len(axes.collections) == 3
        assert len({(line.get_color(), line.get_linestyle()) for line in medians}) == 3
        for line in medians:
            assert f"{line.get_label()}  {line.get_ydata()[-1]:.3g}" in texts(figure)
    assert any("5 runs per objective and optimizer." in text for text in texts(figure))
    assert_texts_fit(figure)
    assert_texts_fit(draw_benchmark(made, "ecdf"))


def test_a_single_run_has_no_bands(benchmark_of: Make, texts: Texts, assert_texts_fit: Check) -> None:
    made = benchmark_of(falling, objectives=NAMES[:1], scenes=("s0",), seeds=range(1))
    figure = draw_benchmark(made)
    assert not figure.axes[0].collections
    assert "Normalised l1 of the best-scored candidate so far; 1 run per objective." in texts(figure)
    for name in ("losses", "ecdf", "agreement"):
        assert_texts_fit(draw_benchmark(made, name))


def test_losses_show_every_run(small: Benchmark, texts: Texts) -> None:
    figure = draw_benchmark(small, "losses")
    (axes,) = figure.axes
    found = final_losses(small)
    assert [label.get_text() for label in axes.get_yticklabels()] == [one.objective for one in found]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert axes.get_xlabel() == "normalised l1 at the end (lower is better)"
    dots = [line for line in axes.lines if line.get_marker() == "o" and len(line.get_xdata()) > 1]
    assert [line.get_xdata().tolist() for line in dots] == [one.values.tolist() for one in found]
    for one in found:
        assert f"{one.summary.median.value:.3g}" in texts(figure)
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["run", "median, 95% bootstrap interval", "quartiles"]


def test_losses_have_a_panel_per_optimizer(benchmark_of: Make, assert_texts_fit: Check) -> None:
    made = benchmark_of(
        falling, objectives=NAMES[:2], optimizers=("es", "cma"), scenes=("s0",), seeds=range(3)
    )
    figure = draw_benchmark(made, "losses", "two of them")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["es", "cma"]
    for axes, optimizer in zip(figure.axes, ("es", "cma"), strict=True):
        ends = {run.l1_normalised for run in made.runs if run.cell.optimizer == optimizer}
        dots = [line for line in axes.lines if line.get_marker() == "o" and len(line.get_xdata()) > 1]
        assert {value for line in dots for value in line.get_xdata()} == ends
    assert_texts_fit(figure)


def test_missing_runs_are_told(benchmark_of: Make, texts: Texts) -> None:
    gone = [Cell("psnr", "es", "s0", "0", 1)]
    made = benchmark_of(falling, objectives=NAMES[:2], scenes=("s0",), seeds=range(4), failed=gone)
    note = (
        "Normalised l1 of the best-scored candidate at the end of a run; 3 to 4 runs per objective, 1 more "
    )
    assert any(text.startswith(note) for text in texts(draw_benchmark(made, "losses")))


def test_shares_end_at_their_values(small: Benchmark, texts: Texts) -> None:
    for name, label in (("ecdf", "share of (run, target) pairs"), ("profiles", "share of problems")):
        figure = draw_benchmark(small, name)
        (axes,) = figure.axes
        assert axes.get_ylabel() == label
        assert axes.get_ylim() == (0, 1)
        assert axes.get_xscale() == "log"
        for line in axes.lines:
            assert f"{line.get_label()}  {line.get_ydata()[-1]:.2f}" in texts(figure)


def test_differences_mark_what_is_significant(
    benchmark_of: Make, texts: Texts, assert_texts_fit: Check
) -> None:
    made = benchmark_of(falling, objectives=(NAMES[0], NAMES[1], NAMES[10]), scenes=("s0",), seeds=range(9))
    found = differences(made)
    figure = draw_benchmark(made, "differences")
    shown = texts(figure)
    assert found.significant.any()
    assert not found.significant[0, 1]
    for row, column in ((0, 1), (1, 0), (0, 2), (2, 1)):
        text = f"{found.medians[row, column]:+.3f}".replace("-", "−")
        assert text + ("*" if found.significant[row, column] else "") in shown
    assert_texts_fit(figure)


def test_differences_say_where_none_can_be_significant(
    benchmark_of: Make, texts: Texts, assert_texts_fit: Check
) -> None:
    for seeds, expected in ((5, True), (8, False)):
        figure = draw_benchmark(benchmark_of(scenes=["s"], seeds=range(seeds)), "differences")
        # The lines of a note are drawn from the last to the first.
        assert ("fewer objectives are needed." in " ".join(reversed(texts(figure)))) == expected
        assert_texts_fit(figure)


def test_pairs_without_common_cells_have_a_dash(benchmark_of: Make, texts: Texts) -> None:
    gone = [
        Cell(name, "es", "s0", "0", seed)
        for name, seed in (("psnr", 0), ("psnr", 1), ("ssim", 2), ("ssim", 3))
    ]
    made = benchmark_of(falling, objectives=NAMES[:3], scenes=("s0",), seeds=range(4), failed=gone)
    figure = draw_benchmark(made, "differences")
    assert texts(figure).count("–") == 2
    assert "over 0 to 2 pairs of runs" in " ".join(reversed(texts(figure)))


def test_an_unknown_figure(small: Benchmark) -> None:
    for name, ending in (
        ("convergense", "; did you mean 'convergence'?"),
        ("xyz", "; the figures: convergence, losses, ecdf, profiles, agreement, differences"),
    ):
        with pytest.raises(UnknownNameError) as caught:
            draw_benchmark(small, name)
        assert str(caught.value) == f"there is no figure '{name}'{ending}"


def test_looks_differ_and_names_keep_their_ends() -> None:
    found = looks([str(number) for number in range(32)])
    assert len({(look.colour, look.dashes) for look in found.values()}) == 32
    assert shortened("psnr") == "psnr"
    assert shortened("weighted: 0.5 pyiqa:topiq_nr + 0.5 noise-level", 12) == "weight…level"


class TestFolder:
    def test_every_figure_twice_and_the_same_every_time(self, small: Benchmark, tmp_path: Path) -> None:
        files, left_out = save_benchmark_figures(small, tmp_path / "a" / "b")
        assert left_out == []
        assert [path.name for path in files] == [
            f"{name}{suffix}" for name in BENCHMARK_FIGURES for suffix in (".png", ".pdf")
        ]
        again, _ = save_benchmark_figures(small, tmp_path / "again")
        for first, second in zip(files, again, strict=True):
            assert first.read_bytes() == second.read_bytes(), first.name
        with Image.open(files[0]) as picture:
            assert picture.width == 1080
        document = files[1].read_bytes()
        assert b"CreationDate" not in document
        # Whole TrueType fonts, none of Type 3.
        assert b"/FontFile2" in document
        assert b"/Type3" not in document

    def test_what_is_lacking_is_left_out(self, benchmark_of: Make, tmp_path: Path) -> None:
        alone = benchmark_of(falling, objectives=("psnr",), scenes=("s0",), seeds=range(3))
        files, left_out = save_benchmark_figures(alone, tmp_path, ["ecdf", "profiles"])
        assert [path.name for path in files] == ["ecdf.png", "ecdf.pdf"]
        assert left_out == [
            "the figure 'profiles' cannot be drawn: the benchmark has 1 objective, and at least 2 are needed"
        ]

    def test_nothing_at_all(self, benchmark_of: Make, tmp_path: Path) -> None:
        dark = benchmark_of(falling, objectives=("psnr",), truth=False)
        reason = "no finished run knows its hidden distortion"
        for names, sentence in (
            (BENCHMARK_FIGURES, f"no figure can be drawn: {reason}"),
            (["losses"], f"the figure 'losses' cannot be drawn: {reason}"),
        ):
            with pytest.raises(NothingToDrawError) as caught:
                save_benchmark_figures(dark, tmp_path / "made", names)
            assert str(caught.value) == sentence
        assert not (tmp_path / "made").exists()

    def test_a_file_where_a_folder_is_needed(self, small: Benchmark, tmp_path: Path) -> None:
        (tmp_path / "taken").write_text("")
        with pytest.raises(ImageError) as caught:
            save_benchmark_figures(small, tmp_path / "taken", ["ecdf"])
        assert str(caught.value) == f"cannot write the folder '{tmp_path / 'taken'}': File exists"

"""The numbers behind a benchmark's figures, against benchmarks made by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from isptune.benchmark.cell_results import Benchmark, Cell
from isptune.benchmark.summaries import median_estimate
from isptune.figures import of_benchmark
from isptune.figures.of_benchmark import NothingToDrawError

Make = Callable[..., Benchmark]

FLOOR = {"good": 0.1, "fair": 0.2, "poor": 0.4}


def steps(cell: Cell, _: Any) -> Sequence[float]:
    """Three candidates, the last one the best; the later the seed, the higher its loss."""
    return [0.9, 0.6, FLOOR[cell.objective] + 0.001 * cell.seed]


@pytest.fixture
def three(benchmark_of: Make) -> Benchmark:
    """Ten seeds on one scene, the objectives in another order than their losses."""
    return benchmark_of(steps, objectives=("fair", "poor", "good"), scenes=("s0",), seeds=range(10))


def test_loss_curves_are_of_the_best_scored_candidates(benchmark_of: Make) -> None:
    made = benchmark_of(
        steps, objectives=("fair", "good"), optimizers=("es", "cma"), scenes=("s0",), seeds=range(3)
    )
    found = of_benchmark.loss_curves(made)
    assert list(found) == ["es", "cma"]
    assert [list(panel) for panel in found.values()] == [["fair", "good"]] * 2
    curves = found["cma"]["good"]
    assert curves.runs == 3
    assert curves.l1_normalised is not None
    assert curves.evaluations.tolist() == [1, 2, 3]
    assert curves.l1_normalised.median == pytest.approx([0.9, 0.6, 0.101])
    assert curves.l1_normalised.low[-1] == pytest.approx(0.1005)
    assert curves.l1_normalised.high[-1] == pytest.approx(0.1015)


def test_final_losses_go_from_the_lowest_median(benchmark_of: Make) -> None:
    gone = Cell("good", "es", "s0", "0", 4)
    made = benchmark_of(
        steps, objectives=("fair", "poor", "good"), scenes=("s0",), seeds=range(5), failed=[gone]
    )
    found = of_benchmark.final_losses(made)
    assert [one.objective for one in found] == ["good", "fair", "poor"]
    best = found[0]
    assert best.values == pytest.approx([0.1, 0.101, 0.102, 0.103])
    assert best.summary.missing == 1
    assert best.summary.median == median_estimate(best.values, ["s0"] * 4)
    assert (best.summary.lower, best.summary.upper) == pytest.approx((0.10075, 0.10225))


def test_targets_reached_are_the_benchmarks_own(three: Benchmark) -> None:
    three.config["targets"] = [0.7, 0.3]
    curves = of_benchmark.targets_reached(three)["es"]
    assert list(curves) == ["fair", "poor", "good"]
    # 0.7 is reached with the second candidate, 0.3 with the third, but never by the poor one.
    assert curves["good"].at([1, 2, 3]).tolist() == [0, 0.5, 1]
    assert curves["poor"].at([1, 2, 3]).tolist() == [0, 0.5, 0.5]
    assert of_benchmark.targets_of(three) == (0.7, 0.3)


def test_profiles(three: Benchmark) -> None:
    three.config["targets"] = [0.3]
    found = of_benchmark.profiles(three)
    assert found.problems == 10
    assert {name: float(curve.at(1)) for name, curve in found.curves.items()} == {
        "fair": 1,
        "poor": 0,
        "good": 1,
    }


def test_losses_and_agreements(three: Benchmark) -> None:
    found = of_benchmark.losses_and_agreements(three)
    assert [one.loss.objective for one in found] == ["good", "fair", "poor"]
    for one in found:
        # Scores are minus the losses and a little noise, so both orders are the same.
        assert one.agreement.values.tolist() == [1.0] * 10
        assert one.agreement.summary.median.value == 1


def test_differences_are_of_rows_minus_columns(three: Benchmark) -> None:
    found = of_benchmark.differences(three)
    assert found.objectives == ("good", "fair", "poor")
    expected = np.array([[np.nan, -0.1, -0.3], [0.1, np.nan, -0.2], [0.3, 0.2, np.nan]])
    assert found.medians == pytest.approx(expected, nan_ok=True)
    assert np.array_equal(found.significant, ~np.eye(3, dtype=bool))
    assert np.array_equal(found.pairs, 10 * ~np.eye(3, dtype=bool))


def test_few_pairs_are_not_significant(benchmark_of: Make) -> None:
    made = benchmark_of(steps, objectives=("good", "poor"), scenes=("s0",), seeds=range(4))
    found = of_benchmark.differences(made)
    assert not found.significant.any()
    assert found.medians[0, 1] == pytest.approx(-0.3)


def test_what_a_benchmark_may_lack(benchmark_of: Make) -> None:
    two = {"objectives": ("good", "poor"), "scenes": ("s0",), "seeds": range(1)}
    only_good = [Cell("good", "es", "s0", "0", 0)]
    dark = benchmark_of(steps, **two, truth=False)
    bright = benchmark_of(steps, **two)
    bright.config["targets"] = [0.05]
    flat = benchmark_of(lambda *_: [0.5], **two)
    scoreless = benchmark_of(lambda *_: [np.nan, np.nan], **two)
    alone = benchmark_of(steps, objectives=("good",))
    everything = (
        of_benchmark.loss_curves,
        of_benchmark.final_losses,
        of_benchmark.targets_reached,
        of_benchmark.profiles,
        of_benchmark.losses_and_agreements,
        of_benchmark.differences,
    )
    cells = [run.cell for run in bright.runs]
    unfinished = benchmark_of(steps, **two, unfinished=cells)
    half = benchmark_of(steps, **two, failed=only_good)
    for made, figures, sentence in (
        (dark, everything, "no finished run knows its hidden distortion"),
        (unfinished, everything, "no run came to its end yet"),
        (
            scoreless,
            (of_benchmark.loss_curves, of_benchmark.final_losses),
            "no finished run has a finite score",
        ),
        (
            bright,
            (of_benchmark.targets_reached, of_benchmark.profiles),
            "no run reached any of the targets 0.05",
        ),
        (half, (of_benchmark.profiles,), "no cell of the grid was finished with every objective"),
        (
            alone,
            (of_benchmark.profiles, of_benchmark.differences),
            "the benchmark has 1 objective, and at least 2 are needed",
        ),
        (
            flat,
            (of_benchmark.losses_and_agreements,),
            "in no run do both the scores and the hidden distortion of candidates differ",
        ),
        (flat, (of_benchmark.differences,), "no two objectives have 2 finished cells in common"),
    ):
        for figure in figures:
            with pytest.raises(NothingToDrawError) as caught:
                figure(made)
            assert str(caught.value) == sentence, figure


def test_counts_in_words() -> None:
    assert of_benchmark.counted([1], "run") == "1 run"
    assert of_benchmark.counted([5, 5], "run") == "5 runs"
    assert of_benchmark.counted([5, 1], "run") == "1 to 5 runs"

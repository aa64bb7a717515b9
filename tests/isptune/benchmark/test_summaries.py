"""Summaries against numpy and scipy; the bootstrap against what it promises."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from syrupy.assertion import SnapshotAssertion

from isptune.benchmark.cell_results import Benchmark, Cell, Run
from isptune.benchmark.summaries import group_runs, knows_truth, median_estimate, summarise
from isptune.errors import ConfigurationError

Make = Callable[..., Benchmark]


def single(values: dict[Cell, float]) -> Callable[[Cell, np.random.Generator], list[float]]:
    return lambda cell, generator: [values[cell]]


class TestSummaries:
    def test_by_hand(self, benchmark_of: Make) -> None:
        # Losses 0.1, 0.2, ..., 0.5 by seed.
        found = summarise(
            benchmark_of(lambda cell, _: [0.1 * (cell.seed + 1)], objectives=["a"], scenes=["s"]), bootstrap=0
        )
        (one,) = found
        assert (one.group, one.runs, one.missing) == (("a",), 5, 0)
        assert [one.best, one.lower, one.median.value, one.upper, one.mean, one.worst] == pytest.approx(
            [0.1, 0.2, 0.3, 0.4, 0.3, 0.5]
        )
        assert math.isnan(one.median.low)
        assert math.isnan(one.median.high)

    def test_against_numpy_and_scipy(self, benchmark_of: Make) -> None:
        made = benchmark_of(optimizers=["es", "cma"], maps=["0", "1"])
        for by in (("objective",), ("objective", "optimizer"), ("scene", "objective", "map"), ()):
            groups = group_runs(made.runs, by)
            for one in summarise(made, by, "l1", bootstrap=50):
                values = [run.l1 for run in groups[one.group]]
                assert one.runs == len(values)
                assert one.lower == pytest.approx(stats.scoreatpercentile(values, 25))
                assert one.upper == pytest.approx(stats.scoreatpercentile(values, 75))
                assert one.median.value == np.median(values)
                assert one.mean == pytest.approx(np.mean(values))
                assert (one.best, one.worst) == (min(values), max(values))
                assert one.best <= one.median.low <= one.median.high <= one.worst

    def test_groups_stand_in_the_order_of_the_grid(self, benchmark_of: Make) -> None:
        made = benchmark_of(objectives=["z", "a"], scenes=["s10", "s2"])
        assert [one.group for one in summarise(made, ["objective", "scene"], bootstrap=0)] == [
            ("z", "s10"),
            ("z", "s2"),
            ("a", "s10"),
            ("a", "s2"),
        ]

    def test_what_has_no_value_is_missing(self, benchmark_of: Make, run: Callable[..., Run]) -> None:
        failed, unfinished = Cell("a", "es", "s0", "0", 1), Cell("a", "es", "s1", "0", 2)
        made = benchmark_of(failed=[failed], unfinished=[unfinished])
        made.runs[0] = run(made.runs[0].cell, [math.nan, math.nan], [0.1, 0.2])
        a, b = summarise(made)
        assert (a.runs, a.missing) == (7, 3)
        assert (b.runs, b.missing) == (10, 0)

    def test_a_group_without_any_value(self, benchmark_of: Make) -> None:
        cells = [Cell("a", "es", scene, "0", seed) for scene in ("s0", "s1") for seed in range(5)]
        one = summarise(benchmark_of(failed=cells))[0]
        assert (one.runs, one.missing) == (0, 10)
        numbers = [one.best, one.lower, one.median.value, one.median.low, one.upper, one.mean, one.worst]
        assert all(math.isnan(number) for number in numbers)

    def test_scores_have_their_own_orientation(
        self, benchmark_of: Make, run: Callable[..., Run], snapshot: SnapshotAssertion
    ) -> None:
        made = benchmark_of(objectives=[])
        for seed in range(3):
            made.runs.append(run(Cell("up", "es", "s", "0", seed), [float(seed)]))
            made.runs.append(run(Cell("down", "es", "s", "0", seed), [float(seed)], higher_is_better=False))
        up, down = summarise(made, quantity="score", bootstrap=0)
        assert (up.best, up.worst) == (2, 0)
        assert (down.best, down.worst) == (0, 2)
        with pytest.raises(ConfigurationError) as caught:
            summarise(made, ["optimizer"], "score")
        assert str(caught.value) == snapshot

    def test_quantities_of_ones_own(self, benchmark_of: Make) -> None:
        made = benchmark_of(objectives=["a"])
        (one,) = summarise(made, quantity=lambda run: run.cell.seed or None, higher_is_better=True)
        assert (one.runs, one.missing, one.best, one.worst) == (8, 2, 4, 1)

    def test_a_group_depends_on_no_other(self, benchmark_of: Make) -> None:
        both = benchmark_of(objectives=["a", "b"])
        alone = Benchmark({}, [run for run in both.runs if run.cell.objective == "b"], both.directory)
        assert summarise(both)[1] == summarise(alone)[0]

    @pytest.mark.parametrize(
        ("by", "quantity"),
        [
            (["scenes"], "l1"),
            (["map", "map"], "l1"),
            ([], "l1_normalized"),
        ],
        ids=str,
    )
    def test_refusals(
        self, benchmark_of: Make, by: list[str], quantity: str, snapshot: SnapshotAssertion
    ) -> None:
        with pytest.raises(ConfigurationError) as caught:
            summarise(benchmark_of(), by, quantity)
        assert str(caught.value) == snapshot


def test_truth(benchmark_of: Make) -> None:
    assert knows_truth(benchmark_of())
    assert not knows_truth(benchmark_of(truth=False))
    assert not knows_truth(benchmark_of(objectives=[]))


class TestMedianEstimate:
    def test_the_same_seed_gives_the_same_and_another_another(self) -> None:
        values = np.random.default_rng(0).normal(size=30)
        scenes = [f"s{index % 3}" for index in range(30)]
        first = median_estimate(values, scenes, seed=1)
        assert first == median_estimate(values, scenes, seed=1)
        assert first != median_estimate(values, scenes, seed=2)
        assert first.value == np.median(values)

    def test_one_scene_is_the_plain_bootstrap(self) -> None:
        values = np.random.default_rng(0).exponential(size=25)
        mine = median_estimate(values, ["s"] * 25, count=4000)
        theirs = stats.bootstrap(
            (values,), np.median, n_resamples=4000, method="percentile", rng=np.random.default_rng(1)
        ).confidence_interval
        # Medians of resamples are sample values: the ends differ by a step at most.
        assert mine.low == pytest.approx(theirs.low, abs=0.15)
        assert mine.high == pytest.approx(theirs.high, abs=0.15)

    def test_against_a_loop(self) -> None:
        generator = np.random.default_rng(0)
        blocks = {scene: generator.normal(index, 1, 2 + 3 * index) for index, scene in enumerate("xyz")}
        values = np.concatenate(list(blocks.values()))
        scenes = [scene for scene, block in blocks.items() for _ in block]
        mine = median_estimate(values, scenes, count=4000)
        medians = []
        for _ in range(4000):
            drawn = [blocks["xyz"[index]] for index in generator.integers(3, size=3)]
            medians.append(
                np.median(np.concatenate([generator.choice(block, len(block)) for block in drawn]))
            )
        assert [mine.low, mine.high] == pytest.approx(np.quantile(medians, [0.025, 0.975]), abs=0.1)

    def test_scenes_that_differ_widen_the_interval(self) -> None:
        generator = np.random.default_rng(0)
        values = np.concatenate([generator.normal(scene, 0.01, 10) for scene in range(6)])
        apart = median_estimate(values, [f"s{index // 10}" for index in range(60)])
        together = median_estimate(values, ["s"] * 60)
        assert apart.high - apart.low > 1.5 * (together.high - together.low)

    def test_coverage_on_one_scene(self) -> None:
        generator = np.random.default_rng(0)
        hits = 0
        for number in range(200):
            found = median_estimate(generator.normal(3, 1, 25), ["s"] * 25, count=300, seed=number)
            hits += found.low <= 3 <= found.high
        assert 0.88 <= hits / 200 <= 0.99

    def test_coverage_over_scenes(self) -> None:
        generator = np.random.default_rng(0)
        scenes = [f"s{index // 5}" for index in range(75)]
        hits = 0
        for number in range(200):
            values = np.repeat(generator.normal(0, 1, 15), 5) + generator.normal(0, 0.5, 75)
            found = median_estimate(values, scenes, count=300, seed=number)
            hits += found.low <= 0 <= found.high
        assert 0.88 <= hits / 200 <= 0.99

    def test_few_values(self) -> None:
        assert math.isnan(median_estimate([], []).value)
        one = median_estimate([2.0], ["s"])
        assert one.value == 2
        assert math.isnan(one.low)
        same = median_estimate([2.0, 2.0], ["s", "t"])
        assert (same.low, same.high) == (2, 2)

    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(st.tuples(st.sampled_from("xyz"), st.floats(-1e6, 1e6)), min_size=2, max_size=20),
        st.integers(0, 5),
    )
    def test_the_interval_lies_among_the_values(self, drawn: list[tuple[str, float]], seed: int) -> None:
        values = [value for _, value in drawn]
        found = median_estimate(values, [scene for scene, _ in drawn], count=50, seed=seed)
        assert min(values) <= found.low <= found.high <= max(values)

    @pytest.mark.parametrize(
        ("values", "scenes", "options"),
        [
            ([1.0], ["s"], {"count": -1}),
            ([1.0], ["s"], {"seed": -1}),
            ([1.0], ["s"], {"level": 1.0}),
            ([1.0, math.nan], ["s"], {}),
        ],
    )
    def test_refusals(
        self, values: list[float], scenes: list[str], options: dict[str, float], snapshot: SnapshotAssertion
    ) -> None:
        with pytest.raises(ConfigurationError) as caught:
            median_estimate(values, scenes, **options)
        assert str(caught.value) == snapshot

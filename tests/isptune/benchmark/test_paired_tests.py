"""Signed ranks against scipy, Holm against a hand-computed example, and how often nothing is taken for something."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from syrupy.assertion import SnapshotAssertion

from isptune.benchmark.benchmark_tables import benchmark_tables
from isptune.benchmark.cell_results import Benchmark, Cell, Run
from isptune.benchmark.paired_tests import compare_objectives, holm, least_p, signed_rank_p
from isptune.errors import ConfigurationError

Make = Callable[..., Benchmark]


class TestHolm:
    def test_by_hand(self) -> None:
        # Sorted .01 .02 .03 .04 times 4, 3, 2, 1: .04 .06 .06 (not below the one before) .06.
        assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
        assert holm([0.5, 0.6]) == pytest.approx([1.0, 1.0])
        assert holm([0.2]) == [0.2]
        assert holm([]) == []

    def test_tests_not_made_do_not_count(self) -> None:
        found = holm([0.03, math.nan, 0.01])
        assert found[0] == pytest.approx(0.03)
        assert math.isnan(found[1])
        assert found[2] == pytest.approx(0.02)

    @given(st.lists(st.floats(0, 1), max_size=12))
    def test_properties(self, p_values: list[float]) -> None:
        found = holm(p_values)
        assert all(p <= corrected <= 1 for p, corrected in zip(p_values, found, strict=True))
        assert all(
            corrected <= min(1, len(p_values) * p) for p, corrected in zip(p_values, found, strict=True)
        )
        ordered = [found[index] for index in np.argsort(p_values, kind="stable")]
        assert ordered == sorted(ordered)


class TestSignedRanks:
    @pytest.mark.parametrize("count", [5, 12, 30, 80])
    def test_against_scipy(self, count: int) -> None:
        generator = np.random.default_rng(count)
        x, y = generator.normal(size=count), generator.normal(0.3, 1, count)
        assert signed_rank_p(x - y) == stats.wilcoxon(x, y, alternative="two-sided").pvalue
        assert signed_rank_p(x - y) == pytest.approx(signed_rank_p(y - x))

    def test_by_hand(self) -> None:
        # All of n differences of one sign: 2 of the 2^n assignments of signs are as extreme.
        for count in (2, 3, 6, 8):
            assert signed_rank_p(np.arange(1, count + 1)) == pytest.approx(2 ** (1 - count))

    def test_ends(self) -> None:
        assert signed_rank_p([0.0, 0.0, 0.0]) == 1
        assert math.isnan(signed_rank_p([1.0]))
        assert math.isnan(signed_rank_p([]))
        assert 0 < signed_rank_p([0.0, 1.0, 1.0, 2.0]) <= 1


class TestLeastP:
    @pytest.mark.parametrize("pairs", [2, 5, 10])
    def test_it_is_what_pairs_of_one_sign_reach(self, pairs: int) -> None:
        best = signed_rank_p(np.arange(1.0, pairs + 1))
        assert least_p([pairs]) == pytest.approx(best)
        assert least_p([pairs] * 4) == pytest.approx(min(holm([best] * 4)))

    def test_tests_that_are_not_made_do_not_count(self) -> None:
        assert least_p([10, 1, 0]) == least_p([10])
        assert math.isnan(least_p([1, 0]))

    def test_the_table_says_where_no_difference_can_be_called_one(self, benchmark_of: Make) -> None:
        title = benchmark_tables(benchmark_of(scenes=["s"], seeds=range(5)))["comparison"].title
        assert title.endswith("; no p (Holm) can be less than 0.062 with so few pairs")
        assert (
            "less than"
            not in benchmark_tables(benchmark_of(scenes=["s"], seeds=range(8)))["comparison"].title
        )


class TestCompareObjectives:
    def test_an_objective_that_is_always_better(self, benchmark_of: Make) -> None:
        made = benchmark_of(
            lambda cell, _: [{"a": 0.1, "b": 0.2, "c": 0.2}[cell.objective] + 0.01 * cell.seed],
            objectives=["a", "b", "c"],
        )
        ab, ac, bc = compare_objectives(made)
        assert (ab.first, ab.second, ac.first, ac.second, bc.first, bc.second) == tuple("abacbc")
        assert (ab.pairs, ab.left_out, ab.wins, ab.losses, ab.ties) == (10, 0, 10, 0, 0)
        assert ab.difference.value == pytest.approx(-0.1)
        assert ab.difference.low == pytest.approx(-0.1)
        assert ab.winner == ac.winner == "a"
        assert ab.p_holm == pytest.approx(3 * ab.p)
        assert (bc.p, bc.p_holm, bc.winner, bc.ties) == (1, 1, None, 10)
        assert bc.difference.value == 0

    def test_the_second_can_win(self, benchmark_of: Make) -> None:
        (found,) = compare_objectives(
            benchmark_of(lambda cell, _: [0.5 if cell.objective == "a" else 0.1 + 0.01 * cell.seed]), "l1"
        )
        assert found.winner == "b"
        # The plain loss is twice the normalised one.
        assert found.difference.value == pytest.approx(2 * (0.5 - 0.12))
        assert (found.wins, found.losses) == (0, 10)

    def test_pairs_share_all_other_factors(self, benchmark_of: Make) -> None:
        made = benchmark_of(optimizers=["es", "cma"], maps=["0", "1"])
        expected = np.array([run.l1_normalised for run in made.runs]).reshape(2, -1)
        (found,) = compare_objectives(made)
        assert found.pairs == 40
        assert found.p == stats.wilcoxon(expected[0], expected[1]).pvalue
        assert found.difference.value == np.median(expected[0] - expected[1])
        # The order of the runs does not matter for what is paired.
        generator = np.random.default_rng(0)
        shuffled = [made.runs[index] for index in generator.permutation(40)]
        shuffled += [made.runs[40 + index] for index in generator.permutation(40)]
        (again,) = compare_objectives(Benchmark({}, shuffled, made.directory))
        assert (again.p, again.difference.value) == (found.p, found.difference.value)

    def test_partners_that_are_missing(self, benchmark_of: Make, run: Callable[..., Run]) -> None:
        made = benchmark_of(
            failed=[Cell("a", "es", "s0", "0", 0)],
            unfinished=[Cell("b", "es", "s0", "0", 0), Cell("b", "es", "s0", "0", 1)],
        )
        # One without a finite score, one not in the grid at all.
        made.runs[2] = run(made.runs[2].cell, [math.nan], [0.1])
        del made.runs[-1]
        (found,) = compare_objectives(made)
        assert (found.pairs, found.left_out) == (6, 4)

    @pytest.mark.parametrize("seeds", [[], [0]])
    def test_too_few_pairs(self, benchmark_of: Make, seeds: list[int]) -> None:
        made = benchmark_of(scenes=["s"], seeds=[0, 1])
        made.runs = [run for run in made.runs if run.cell.objective == "a" or run.cell.seed in seeds]
        made.runs += benchmark_of(objectives=["b"], scenes=["t"], seeds=[7]).runs
        (found,) = compare_objectives(made)
        assert found.pairs == len(seeds)
        assert math.isnan(found.p)
        assert math.isnan(found.p_holm)
        assert found.winner is None

    def test_one_objective_has_no_other(self, benchmark_of: Make) -> None:
        assert compare_objectives(benchmark_of(objectives=["a"])) == []

    def test_the_same_under_two_names(self, benchmark_of: Make) -> None:
        rejected = 0
        for seed in range(200):
            made = benchmark_of(
                lambda _, generator: [generator.uniform()], scenes=["s"], seeds=range(20), seed=seed
            )
            (found,) = compare_objectives(made, bootstrap=0)
            rejected += found.winner is not None
        low, high = stats.binom.interval(0.999, 200, 0.05)
        assert low <= rejected <= high

    @pytest.mark.parametrize(
        ("loss", "options"),
        [
            ("score", {}),
            ("l1", {"alpha": 0.0}),
            ("l1", {"bootstrap": -1}),
        ],
        ids=str,
    )
    def test_refusals(
        self, benchmark_of: Make, loss: str, options: dict[str, float], snapshot: SnapshotAssertion
    ) -> None:
        with pytest.raises(ConfigurationError) as caught:
            compare_objectives(benchmark_of(), loss, **options)
        assert str(caught.value) == snapshot

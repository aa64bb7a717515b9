"""Evaluations to targets, their distribution and performance profiles on runs small enough for paper."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from isptune.benchmark.cell_results import Benchmark, Cell, Run
from isptune.benchmark.targets import (
    StepCurve,
    evaluations_to_targets,
    hidden_so_far,
    performance_profiles,
    seconds_per_evaluation,
    target_ecdf,
    target_hits,
)
from isptune.errors import ConfigurationError
from isptune.runs.history import History

Make = Callable[..., Benchmark]
MakeRun = Callable[..., Run]


def cell(objective: str, seed: int) -> Cell:
    return Cell(objective, "es", "s", "0", seed)


@pytest.fixture
def small(run: MakeRun) -> Benchmark:
    """Two objectives, two seeds, four evaluations; targets 0.3 and 0.1.

    ==========  =========================  ===========  ===========
    run         hidden loss so far         0.3 reached  0.1 reached
    ==========  =========================  ===========  ===========
    a, seed 0   0.5 0.3 0.3 0.1            2            4
    a, seed 1   0.5 0.5 0.2 0.2            3            never
    b, seed 0   0.2 0.2 0.2 0.2            1            never
    b, seed 1   0.9 0.9 0.9 0.9            never        never
    ==========  =========================  ===========  ===========
    """
    runs = [
        run(cell("a", 0), [1, 2, 0, 3], [0.5, 0.3, 0.05, 0.1], seconds=4),
        run(cell("a", 1), [1, 1, 2, 0], [0.5, 0.1, 0.2, 0.1], seconds=8),
        run(cell("b", 0), [4, 3, 2, 1], [0.2, 0.1, 0.1, 0.1], seconds=2),
        run(cell("b", 1), [4, 3, 2, 1], [0.9, 0.1, 0.1, 0.1], seconds=2),
    ]
    return Benchmark({}, runs, Path("bench"))


class TestOneRun:
    def test_the_loss_of_the_best_scored_so_far(self, history: Callable[..., History]) -> None:
        scores, losses = [math.nan, 1, 3, 2, 4], [0.9, 0.5, 0.4, 0.1, 0.6]
        found = hidden_so_far(history(scores, losses))
        assert found is not None
        assert math.isnan(found[0])
        assert found[1:].tolist() == [0.5, 0.4, 0.4, 0.6]
        turned = hidden_so_far(history(scores, losses, higher_is_better=False))
        assert turned is not None
        assert turned[1:].tolist() == [0.5, 0.5, 0.5, 0.5]
        assert hidden_so_far(history(scores)) is None

    def test_it_counts_the_first_time(self, run: MakeRun) -> None:
        # The candidate of loss 0.1 is passed over by the score, and the one of 0.4 is lost again.
        made = run(cell("a", 0), [math.nan, 1, 3, 2, 4], [0.9, 0.5, 0.4, 0.1, 0.6])
        found = evaluations_to_targets(made, [0.5, 0.4, 0.1])
        assert found[:2].tolist() == [2, 3]
        assert math.isnan(found[2])

    def test_without_truth_or_end_there_is_none(self, run: MakeRun) -> None:
        for made in (run(cell("a", 0), [1, 2]), Run(cell("a", 0), Path("x"))):
            assert np.isnan(evaluations_to_targets(made, [1.0])).all()

    def test_seconds(self, run: MakeRun) -> None:
        assert seconds_per_evaluation(run(cell("a", 0), [1, 2], seconds=3)) == 1.5
        assert math.isnan(seconds_per_evaluation(Run(cell("a", 0), Path("x"))))
        one = Benchmark({}, [run(cell("a", 0), [1, 2, 3], [0.5, 0.3, 0.1], seconds=6)], Path("x"))
        found = [hit.median_seconds for hit in target_hits(one, [0.3, 0.1, 0.05])]
        assert found[:2] == [4, 6]
        assert math.isnan(found[2])


class TestHits:
    def test_by_hand(self, small: Benchmark) -> None:
        a3, a1, b3, b1 = target_hits(small, [0.3, 0.1])
        assert (a3.group, a3.target, a3.runs, a3.reached, a3.share) == (("a",), 0.3, 2, 2, 1)
        # A second per evaluation in the first run, two in the second.
        assert (a3.median_evaluations, a3.median_seconds) == (2.5, (2 * 1 + 3 * 2) / 2)
        assert a3.expected_evaluations == (2 + 3) / 2
        assert (a1.reached, a1.expected_evaluations) == (1, 4 + 4)
        assert math.isnan(a1.median_evaluations)
        assert math.isnan(a1.median_seconds)
        assert (b3.reached, b3.share, b3.expected_evaluations) == (1, 0.5, 1 + 4)
        assert (b1.reached, b1.share) == (0, 0)
        assert math.isnan(b1.expected_evaluations)

    def test_a_median_needs_more_than_half_of_the_runs(self, small: Benchmark, run: MakeRun) -> None:
        small.runs.append(run(cell("a", 2), [1], [0.1]))
        a1 = target_hits(small, [0.1])[0]
        assert (a1.reached, a1.median_evaluations, a1.expected_evaluations) == (2, 4, (4 + 4 + 1) / 2)

    def test_only_finished_runs_count(self, small: Benchmark) -> None:
        small.runs += [Run(cell("a", 2), Path("x"), "failed", "broken"), Run(cell("c", 0), Path("x"))]
        a, _, c = target_hits(small, [0.3])
        assert (a.runs, c.runs, c.reached) == (2, 0, 0)
        assert math.isnan(c.share)
        assert math.isnan(c.expected_evaluations)
        assert math.isnan(c.median_evaluations)


class TestECDF:
    def test_by_hand(self, small: Benchmark) -> None:
        curves = target_ecdf(small, [0.3, 0.1])
        a, b = curves["a",], curves["b",]
        # Of a's four pairs three are reached, at 2, 3 and 4 evaluations; of b's one, at 1.
        assert (a.x.tolist(), a.share.tolist()) == ([2, 3, 4], [0.25, 0.5, 0.75])
        assert (b.x.tolist(), b.share.tolist()) == ([1, 4], [0.25, 0.25])
        assert a.at([0, 1, 2, 2.5, 3, 4, 100]).tolist() == [0, 0, 0.25, 0.25, 0.5, 0.75, 0.75]

    def test_all_together(self, small: Benchmark) -> None:
        (one,) = target_ecdf(small, [0.3, 0.1], by=()).values()
        assert (one.x.tolist(), one.share.tolist()) == ([1, 2, 3, 4], [1 / 8, 2 / 8, 3 / 8, 4 / 8])

    def test_a_group_without_finished_runs(self) -> None:
        made = Benchmark({}, [Run(cell("a", 0), Path("x"))], Path("bench"))
        curve = target_ecdf(made, [0.1])["a",]
        assert curve.x.size == 0
        assert curve.at(10.0) == 0

    def test_it_rises_and_agrees_with_the_counts(self, benchmark_of: Make) -> None:
        made = benchmark_of()
        hits = target_hits(made)
        for group, curve in target_ecdf(made).items():
            assert (np.diff(curve.x) > 0).all()
            assert (np.diff(curve.share) >= 0).all()
            mine = [one for one in hits if one.group == group]
            assert curve.share[-1] == sum(one.reached for one in mine) / sum(one.runs for one in mine)
            assert curve.x[-1] == 40


class TestProfiles:
    def test_by_hand(self, small: Benchmark) -> None:
        found = performance_profiles(small, [0.3, 0.1])
        assert (found.problems, found.left_out) == (4, 0)
        # seed 0: 0.3 takes a 2 and b 1, 0.1 takes a 4; seed 1: 0.3 takes a 3; nobody reaches its 0.1.
        a, b = found.curves["a"], found.curves["b"]
        assert (a.x.tolist(), a.share.tolist()) == ([1, 2], [0.5, 0.75])
        assert (b.x.tolist(), b.share.tolist()) == ([1], [0.25])
        assert a.at([0.99, 1, 1.5, 2, 50]).tolist() == [0, 0.5, 0.5, 0.75, 0.75]

    def test_cells_that_some_objective_lacks_are_left_out(self, small: Benchmark, run: MakeRun) -> None:
        small.runs[3] = Run(cell("b", 1), Path("x"), "failed", "broken")
        small.runs.append(run(cell("a", 2), [1], [0.1]))
        found = performance_profiles(small, [0.3, 0.1])
        assert (found.problems, found.left_out) == (2, 4)
        assert found.curves["a"].at([1, 2]).tolist() == [0.5, 1]
        assert found.curves["b"].at([1, 2]).tolist() == [0.5, 0.5]

    def test_nothing_in_common(self, run: MakeRun) -> None:
        made = Benchmark({}, [run(cell("a", 0), [1], [0.1]), run(cell("b", 1), [1], [0.1])], Path("bench"))
        found = performance_profiles(made, [0.3])
        assert (found.problems, found.left_out) == (0, 2)
        assert found.curves["a"].x.size == 0
        assert found.curves["a"].at(1.0) == 0

    def test_nothing_solved(self, small: Benchmark) -> None:
        found = performance_profiles(small, [0.001])
        assert found.problems == 2
        assert found.curves["a"].at([1, 1000]).tolist() == [0, 0]

    @given(st.integers(0, 1000))
    def test_at_one_somebody_is_the_soonest(self, seed: int) -> None:
        generator = np.random.default_rng(seed)
        runs = []
        for objective in ("a", "b", "c"):
            for number in range(4):
                losses = generator.uniform(0, 0.5, 20)
                made = History(
                    np.arange(1, 21), np.zeros((20, 1)), -losses[:, None], ("o",), (True,), losses, losses
                )
                runs.append(Run(cell(objective, number), Path("x"), "done", evaluations=20, history=made))
        benchmark = Benchmark({}, runs, Path("bench"))
        found = performance_profiles(benchmark, [0.3, 0.05])
        hits = {
            name: np.array(
                [evaluations_to_targets(run, [0.3, 0.05]) for run in runs if run.cell.objective == name]
            )
            for name in ("a", "b", "c")
        }
        solved = np.isfinite(np.stack(list(hits.values()))).any(axis=0).mean()
        assert sum(curve.at(1.0) for curve in found.curves.values()) >= solved - 1e-12
        for name, curve in found.curves.items():
            # Far to the right: how often it arrives at all.
            assert curve.at(1e9) == np.isfinite(hits[name]).mean()


def test_a_step_curve_before_its_first_step() -> None:
    assert StepCurve(np.array([2.0]), np.array([1.0])).at([[1.9, 2.0]]).tolist() == [[0, 1]]


@pytest.mark.parametrize(
    "targets",
    [
        [],
        [0.1, 0.0],
        [math.nan],
        [0.1, 0.2, 0.1],
    ],
)
def test_targets_that_are_refused(
    small: Benchmark, targets: list[float], snapshot: SnapshotAssertion
) -> None:
    said = set()
    for function in (target_hits, target_ecdf, performance_profiles):
        with pytest.raises(ConfigurationError) as caught:
            function(small, targets)
        said.add(str(caught.value))
    assert "\n".join(said) == snapshot

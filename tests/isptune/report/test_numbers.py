"""The numbers behind the charts, against numbers worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from isptune.benchmark.targets import reached
from isptune.figures.candidates import best_candidates
from isptune.figures.cloud import scatter
from isptune.figures.convergence import changes, convergence
from isptune.figures.records import Record, by_objective, median_record, slices, told_apart
from isptune.runs.history import History
from isptune.tuning.settings import parse_config

Make = Callable[..., Record]


class TestCurves:
    def test_short_histories_are_taken_whole(self, record: Make) -> None:
        runs = [record([1.0, 3.0, 2.0], [0.5, 0.2, 0.1]), record([2.0, 1.0, 4.0], [0.4, 0.6, 0.3])]
        curve = convergence([run.history for run in runs])
        assert curve.evaluations.tolist() == [1, 2, 3]
        assert curve.score.median.tolist() == [1.5, 2.5, 3.5]
        assert curve.l1_normalised is not None
        # The second run keeps its first candidate until the third beats it; the first never takes its last.
        assert curve.l1_normalised.median.tolist() == pytest.approx([0.45, 0.3, 0.25])

    @given(st.lists(st.floats(-5, 5), min_size=30, max_size=150), st.integers(4, 60), st.booleans())
    def test_few_places_say_what_all_say_there(self, scores: list[float], most: int, higher: bool) -> None:
        generator = np.random.default_rng(0)
        count = len(scores)
        losses = generator.random(count)
        history = History(
            np.arange(1, count + 1),
            np.zeros((count, 1)),
            np.array(scores)[:, None],
            ("o",),
            (higher,),
            l1_normalised=losses,
        )
        few, all_ = convergence([history], most), convergence([history])
        assert len(few.evaluations) <= max(most, 1)
        assert few.evaluations[[0, -1]].tolist() == [1, count]
        places = few.evaluations.astype(int) - 1
        np.testing.assert_array_equal(few.score.median, all_.score.median[places])
        assert few.l1_normalised is not None
        assert all_.l1_normalised is not None
        np.testing.assert_array_equal(few.l1_normalised.median, all_.l1_normalised.median[places])

    def test_only_steps_and_ends_are_kept(self, record: Make) -> None:
        curve = convergence([record([1, 1, 1, 5, 5, 5, 7, 7]).history])
        assert changes(curve.score).tolist() == [0, 3, 6, 7]

    def test_before_the_first_finite_score_there_is_nothing(self, record: Make) -> None:
        curve = convergence([record([math.nan, 2.0, math.nan]).history])
        assert math.isnan(curve.score.median[0])
        assert curve.score.median[1:].tolist() == [2, 2]


class TestReached:
    def test_pairs_of_runs_and_targets(self, record: Make) -> None:
        # Of the best-scored candidate so far: 0.5, 0.2, 0.2, 0.05 and 0.3, 0.3, 0.3, 0.3.
        runs = [
            record([1, 2, 1.5, 3], [0.5, 0.2, 0.01, 0.05]),
            record([5, 2, 1.5, 3], [0.3, 0.01, 0.01, 0.01]),
        ]
        curve = reached([run.history for run in runs], [0.4, 0.2, 0.1])
        assert curve.x.tolist() == [1, 2, 4]
        np.testing.assert_allclose(curve.share, [1 / 6, 3 / 6, 4 / 6])

    def test_nothing_reached(self, record: Make) -> None:
        curve = reached([record([1, 2, 3], [0.9, 0.8, 0.7]).history], [0.1])
        assert (curve.x.tolist(), curve.share.tolist()) == ([3], [0])
        assert curve.at(1) == 0

    @given(
        st.lists(st.floats(0.001, 1), min_size=1, max_size=50),
        st.lists(st.floats(0.01, 0.9), min_size=1, max_size=5),
    )
    def test_shares_rise_within_0_and_1(self, losses: list[float], targets: list[float]) -> None:
        count = len(losses)
        history = History(
            np.arange(1, count + 1),
            np.zeros((count, 1)),
            -np.array(losses)[:, None],
            ("o",),
            (True,),
            l1_normalised=np.array(losses),
        )
        curve = reached([history], targets)
        assert (np.diff(curve.share) >= 0).all()
        assert (np.diff(curve.x) > 0).all()
        assert curve.x[-1] == count
        assert curve.share[-1] == pytest.approx(np.mean([min(losses) <= target for target in targets]))


class TestScatter:
    def test_the_sample_is_even_small_and_always_the_same(self, record: Make) -> None:
        generator = np.random.default_rng(3)
        losses = generator.random(5000)
        run = record((1 - losses + 0.1 * generator.normal(size=5000)).tolist(), losses.tolist())
        first, second = scatter([run]), scatter([run])
        assert first is not None
        assert second is not None
        assert first.total == 5000
        assert len(first.scores) == len(first.losses) == 2000
        np.testing.assert_array_equal(first.scores, second.scores)
        pairs = set(zip(run.history.score.tolist(), losses.tolist(), strict=True))
        assert set(zip(first.scores.tolist(), first.losses.tolist(), strict=True)) <= pairs
        # Even over the run: a fifth of the points within the first fifth, give or take.
        early = np.isin(first.losses, losses[:1000]).mean()
        assert early == pytest.approx(0.2, abs=0.03)
        assert first.agreement == pytest.approx(spearmanr(run.history.score, -losses).statistic)

    def test_the_orientation_is_turned(self, record: Make) -> None:
        falling = record([3, 2, 1], [0.3, 0.2, 0.1], higher_is_better=False)
        cloud = scatter([falling])
        assert cloud is not None
        assert cloud.agreement == pytest.approx(1)
        assert (cloud.best_scores.tolist(), cloud.best_losses.tolist()) == ([1], [0.1])

    def test_without_truth_or_with_one_point_there_is_none(self, record: Make) -> None:
        assert scatter([record([1, 2, 3])]) is None
        assert scatter([record([1.0], [0.5])]) is None

    def test_scores_that_are_not_finite_are_left_out(self, record: Make) -> None:
        cloud = scatter([record([math.nan, 2, 3], [0.3, 0.2, 0.1])])
        assert cloud is not None
        assert cloud.total == 2


class TestChoices:
    def test_objectives_keep_their_order(self, record: Make) -> None:
        runs = [record([1.0], objective=name) for name in ("ssim", "psnr", "ssim")]
        assert {name: len(group) for name, group in by_objective(runs).items()} == {"ssim": 2, "psnr": 1}
        assert list(by_objective(runs)) == ["ssim", "psnr"]

    def test_slices_only_where_optimizers_differ(self, record: Make) -> None:
        one = [record([1.0]), record([2.0])]
        assert [(part.label, len(part.records)) for part in slices(one)] == [("all runs", 2)]
        two = [*one, record([3.0], optimizer="cma")]
        assert [(part.label, len(part.records)) for part in slices(two)] == [
            ("es", 2),
            ("cma", 1),
        ]
        # Nothing is pooled where each objective had an optimizer of its own.
        three = [*one, record([3.0], objective="ssim", optimizer="cma")]
        assert [(part.label, len(part.records)) for part in slices(three)] == [("all runs", 3)]

    def test_kinds_of_runs_have_names_of_their_own(self, record: Make) -> None:
        runs = [record([1.0, 2.0]), record([1.0, 3.0]), record([1.0, 2.0], optimizer="cma"), record([1.0])]
        configs = [
            parse_config({"objective": "psnr", "optimizer": run.optimizer, "population": 1, "budget": 2})
            for run in runs
        ]
        assert [run.objective for run in told_apart(runs, configs)] == [
            "psnr, es",
            "psnr, es",
            "psnr, cma",
            "psnr, es, 1 of 2 evaluations",
        ]

    def test_the_median_run(self, record: Make) -> None:
        by_loss = [record([1.0], [loss], name=str(loss)) for loss in (0.9, 0.1, 0.5, 0.4)]
        assert median_record(by_loss).name == "0.4"
        by_score = [record([score], name=str(score)) for score in (9.0, 1.0, 5.0, 4.0)]
        assert median_record(by_score).name == "5.0"
        low = [record([score], name=str(score), higher_is_better=False) for score in (9.0, 1.0, 5.0, 4.0)]
        assert median_record(low).name == "4.0"

    def test_best_candidates_are_different_and_in_order(self, record: Make) -> None:
        run = record([3, 9, math.nan, 9, 1])
        run.history.candidates[3] = run.history.candidates[1]
        assert best_candidates(run).tolist() == [1, 0, 4]
        assert best_candidates(run, 2).tolist() == [1, 0]
        low = record([3, 9, 1], higher_is_better=False)
        assert best_candidates(low).tolist() == [2, 0, 1]

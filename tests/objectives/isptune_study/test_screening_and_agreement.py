"""Who did not look is flagged with reasons, honest observers are not, and agreement is what textbooks say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from isptune_study import Answers, Checks, People, create_design
from isptune_study.agreement import agreement, kendall_w, krippendorff_alpha
from isptune_study.answers import REPEAT
from isptune_study.screening import golden_needed, screen
from isptune_study.simulated_studies import simulate_study

PEOPLE = People(taste=0.5, lapses=0.02)


def test_observers_who_do_not_look_are_flagged_and_no_others(study: Callable) -> None:
    others = ("random", "reversed", "half-random", "left")
    _, answers = study(observers=19, people=PEOPLE, others=others)
    rows = screen(answers)
    assert [row.name for row in rows if row.flagged] == [f"observer {number}" for number in (16, 17, 18, 19)]
    guessing, turned, half, left = rows[15:]
    assert "answers hardly follow the others'" in guessing.reasons[0]
    assert "prefers the worse image" in turned.reasons[0]
    assert 0.1 < half.sensitivity < 0.4
    assert left.left == 1.0
    assert np.median([row.sensitivity for row in rows]) == pytest.approx(1.0)
    assert 3 < rows[0].seconds < 6


def test_golden_and_repeated_pairs_tell_who_guesses(study: Callable) -> None:
    qualities, _ = study(count=40, opponents=9, observers=1)
    order = np.argsort(qualities)
    golden = tuple(zip(order[-15:].tolist(), order[:15].tolist(), strict=True))
    checks = Checks(repeats=22, golden=golden)
    _, answers = study(count=40, opponents=9, observers=6, people=PEOPLE, others=("random",), checks=checks)
    rows = screen(answers)
    assert golden_needed(15) == 12
    assert [row.golden for row in rows] == [15] * 6
    assert [row.repeats for row in rows] == [22] * 6
    assert all(row.right >= 12 and not row.flagged for row in rows[:5])
    assert f"{rows[5].right:g} of 15 golden pairs right; expected: at least 12" in rows[5].reasons
    assert np.mean([row.alike for row in rows[:5]]) > 15
    # One who answers every repeated pair differently cannot have looked.
    turned = np.where((answers.kind == REPEAT) & (answers.observer == 0), 1, 0)
    first = answers.where(answers.observer == 0)
    shown = {
        (left, right): share for left, right, share in zip(first.left, first.right, first.share, strict=True)
    }
    share = [
        1 - (1 - shown[right, left]) if again else own
        for again, left, right, own in zip(turned, answers.left, answers.right, answers.share, strict=True)
    ]
    bad = screen(replace(answers, share=np.array(share)))[0]
    assert bad.alike == 0
    assert any("0 of 22 repeated pairs answered as before; usual:" in reason for reason in bad.reasons)


def test_few_observers_are_not_judged_by_their_median(study: Callable) -> None:
    _, answers = study(count=20, opponents=5, observers=3, others=("random",))
    rows = screen(answers)
    assert not any(row.flagged for row in rows)
    assert rows[2].sensitivity < 0.4
    assert [row.name for row in screen(answers.where(answers.observer == 1))] == ["observer 2"]


def test_kendalls_w_is_that_of_the_textbook() -> None:
    # S. Siegel, "Nonparametric statistics", 1956: three executives rank six applicants, W = 0.16.
    ranks = np.array([[1, 6, 3, 2, 5, 4], [1, 5, 6, 4, 2, 3], [6, 3, 2, 5, 4, 1]], dtype=float)
    assert kendall_w(ranks) == pytest.approx(0.162, abs=1e-3)
    # With ties, by the corrected formula: three raters, four objects.
    tied = np.array([[1, 1, 2, 3], [1, 2, 2, 3], [1, 1, 2, 2]], dtype=float)
    sums = np.array([1.5 + 1 + 1.5, 1.5 + 2.5 + 1.5, 3 + 2.5 + 3.5, 4 + 4 + 3.5])
    most = 9 * (64 - 4) - 3 * (6 + 6 + 12)
    assert kendall_w(tied) == pytest.approx(12 * ((sums - 7.5) ** 2).sum() / most)
    assert np.isnan(kendall_w(ranks[:1]))
    assert np.isnan(kendall_w(np.ones((3, 4))))


def test_krippendorffs_alpha_is_that_of_his_example() -> None:
    # K. Krippendorff, "Computing Krippendorff's alpha-reliability", 2011, example C, as interval data: 0.849.
    nan = np.nan
    ratings = np.array(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
            [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
        ]
    )
    assert krippendorff_alpha(ratings) == pytest.approx(0.849, abs=1e-3)
    generator = np.random.default_rng(0)
    assert krippendorff_alpha(generator.standard_normal((10, 200))) == pytest.approx(0, abs=0.03)
    assert np.isnan(krippendorff_alpha(np.full((3, 4), nan)))
    assert np.isnan(krippendorff_alpha(np.ones((3, 4))))


def test_agreement_is_what_such_studies_have(study: Callable) -> None:
    _, answers = study(people=People(taste=0.5))
    found = agreement(answers, splits=20)
    assert found.kendall_w == pytest.approx(0.77, abs=0.03)
    assert found.alpha == pytest.approx(0.76, abs=0.03)
    assert found.split_half == pytest.approx(0.95, abs=0.02)
    scales = agreement(answers, win_counts=False, splits=2)
    assert np.isnan(scales.kendall_w)
    assert np.isnan(scales.alpha)
    assert scales.split_half > 0.95
    alone = agreement(Answers.of([0], [0], [1], [1.0], images=3))
    assert all(np.isnan(value) for value in vars(alone).values())


def test_few_answers_flag_hardly_anybody_who_looks() -> None:
    flagged = {"honest": 0, "random": 0}
    for seed in range(20):
        design = create_design("random", 6, 3, seed=seed)
        kinds = ["honest"] * 4 + ["random"]
        answers = simulate_study(np.linspace(-1.5, 1.5, 6), design, kinds, seed=seed)
        for kind, one in zip(kinds, screen(answers), strict=True):
            flagged[kind] += one.flagged
    # The estimate alone flagged one of twelve.
    assert flagged["honest"] <= 0.05 * 80
    assert flagged["random"] >= 0.5 * 20


@pytest.mark.parametrize(
    ("share", "said"), [(1.0, "the left picture"), (0.0, "the right picture"), (0.5, "'not sure'")]
)
def test_whoever_always_answers_the_same_is_flagged(share: float, said: str) -> None:
    answers = simulate_study(np.linspace(-3, 3, 8), create_design("random", 8, 5), ["honest"] * 3)
    same = replace(answers, share=np.where(answers.observer == 1, share, answers.share))
    assert [one.reasons for one in screen(same)] == [(), (f"answered {said} in all 20 pairs",), ()]


def test_where_nobody_is_sure_nobody_has_a_sensitivity() -> None:
    answers = simulate_study(np.linspace(-3, 3, 8), create_design("random", 8, 5), ["honest"] * 4)
    rows = screen(replace(answers, share=np.full(len(answers), 0.5)))
    assert np.isnan([one.sensitivity for one in rows]).all()

"""Who meets whom: every design keeps its promises for every number of images and opponents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from isptune.errors import ConfigurationError, UnknownNameError
from isptune_study import Answers, Checks, Session, create_design
from isptune_study.answers import GOLDEN, REPEAT, TEST, TRAINING
from isptune_study.designs import unseen_pairs
from isptune_study.matchings import factorisation, random_rounds
from isptune_study.sides import balanced_sides

NONE = Answers.of([], [], [], [], images=100, observers=1)


@given(count=some.integers(2, 40), opponents=some.integers(1, 39), seed=some.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_rounds_are_regular_simple_and_perfect(count: int, opponents: int, seed: int) -> None:
    if opponents > count - 1 or count * opponents % 2:
        with pytest.raises(ConfigurationError):
            random_rounds(count, opponents, np.random.default_rng(seed))
        return
    generator = np.random.default_rng(seed)
    rounds = random_rounds(count, opponents, generator)
    pairs = np.vstack(rounds)
    assert len({frozenset(pair) for pair in pairs.tolist()}) == len(pairs) == count * opponents // 2
    assert (np.bincount(pairs.reshape(-1), minlength=count) == opponents).all()
    for one in rounds:
        assert (np.bincount(one.reshape(-1), minlength=count) == (2 if count % 2 else 1)).all()
    sided = balanced_sides(count, pairs, generator)
    assert (np.sort(sided, axis=1) == np.sort(pairs, axis=1)).all()
    surplus = np.bincount(sided[:, 0], minlength=count) - np.bincount(sided[:, 1], minlength=count)
    assert np.abs(surplus).max() <= 1


def test_every_pair_is_as_probable_as_every_other() -> None:
    generator = np.random.default_rng(0)
    for count, opponents in ((8, 3), (8, 5), (9, 4)):
        seen = Counter(
            frozenset(pair)
            for _ in range(250)
            for pair in np.vstack(random_rounds(count, opponents, generator)).tolist()
        )
        wanted = 250 * opponents / (count - 1)
        chi_square = sum((seen[pair] - wanted) ** 2 for pair in seen) / (wanted * (1 - wanted / 250))
        pairs = count * (count - 1) / 2
        assert len(seen) == pairs
        assert chi_square < pairs + 4 * np.sqrt(2 * pairs)


@pytest.mark.parametrize(
    ("count", "opponents", "message"),
    [
        (99, 9, "each of 99 images cannot meet 9 others: 99 x 9 is odd, and a pair takes two; possible: 8 or 10 others, or 98 or 100 images"),
        (5, 5, "each of 5 images cannot meet 5 others once; allowed: 1 to 4"),
        (3, 1, "each of 3 images cannot meet 1 others: 3 x 1 is odd, and a pair takes two; possible: 2 others, or 2 or 4 images"),
        (1, 1, "a comparison needs at least 2 images, got 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_says_what_can(count: int, opponents: int, message: str) -> None:
    for name in ("random", "balanced", "swiss", "active"):
        with pytest.raises(ConfigurationError) as error:
            create_design(name, count, opponents)
        assert str(error.value) == message


def test_designs_refuse_what_they_cannot_do() -> None:
    with pytest.raises(ConfigurationError, match="a Swiss tournament needs an even number of images, got 9"):
        create_design("swiss", 9, 4)
    with pytest.raises(ConfigurationError, match="each meets at most 5 others, not 6"):
        create_design("swiss", 10, 6)
    with pytest.raises(ConfigurationError, match="'active' follow from the answers and cannot be the same"):
        create_design("active", 10, 4, shared=True)
    with pytest.raises(UnknownNameError, match="there is no design 'swis'; did you mean 'swiss'"):
        create_design("swis", 10, 4)


@pytest.mark.parametrize("count", [12, 13])
def test_a_factorisation_holds_every_pair_once(count: int) -> None:
    rounds = factorisation(count, np.random.default_rng(1))
    assert len(rounds) == (11 if count == 12 else 6)
    assert unseen_pairs(count, rounds) == 0
    assert sum(map(len, rounds)) == count * (count - 1) // 2


def test_balanced_observers_cover_all_pairs_once() -> None:
    design = create_design("balanced", 100, 9, seed=3)
    rounds = [design.round(observer, number, NONE) for observer in range(11) for number in range(9)]
    assert unseen_pairs(100, rounds) == 0
    random = create_design("random", 100, 9, seed=3)
    some_rounds = [random.round(observer, number, NONE) for observer in range(15) for number in range(9)]
    assert 0.2 < unseen_pairs(100, some_rounds) / 4950 < 0.28
    assert [len(design.round(0, number, NONE)) for number in (8, 9)] == [50, 0]


def test_observers_have_their_own_pairs_or_all_the_same() -> None:
    own, shared = create_design("random", 20, 5), create_design("random", 20, 5, shared=True)
    first, second = ([session_pairs(design, who) for who in (0, 1)] for design in (own, shared))
    assert set(first[0]) != set(first[1])
    assert set(second[0]) == set(second[1])
    # In another order, and other pictures on the left.
    assert second[0] != second[1]
    assert session_pairs(own, 0) == first[0]


def session_pairs(design, observer: int) -> list[frozenset[int]]:
    session = Session(design, observer)
    return [frozenset((one.left, one.right)) for n in range(session.length) for one in session.block(n, NONE)]


@pytest.mark.parametrize("name", ["swiss", "active"])
def test_adaptive_designs_repeat_no_pair_of_an_observer(name: str, study: Callable) -> None:
    _, answers = study(name, observers=3, count=20, opponents=8)
    for observer in range(3):
        own = answers.where(answers.observer == observer)
        pairs = {frozenset(pair) for pair in zip(own.left.tolist(), own.right.tolist(), strict=True)}
        assert len(own) == len(pairs) == 80
        surplus = np.bincount(own.left, minlength=20) - np.bincount(own.right, minlength=20)
        assert np.abs(surplus).max() <= (2 if name == "swiss" else 3)


def test_swiss_neighbours_are_close(study: Callable) -> None:
    qualities, answers = study("swiss", observers=1, count=40, opponents=9)
    apart = np.abs(qualities[answers.left] - qualities[answers.right])
    assert apart[60:].mean() < 0.6 * apart[:60].mean()


def test_an_active_round_connects_all_and_asks_near_ones(study: Callable) -> None:
    qualities, answers = study("active", observers=3, count=40, opponents=9)
    apart = np.abs(qualities[answers.left] - qualities[answers.right])
    assert apart[-60:].mean() < 0.5 * apart[:39].mean()
    first = answers.where(np.arange(len(answers)) < 39)
    assert len(np.unique(np.concatenate([first.left, first.right]))) == 40


def test_checks_stand_between_the_trials(study: Callable) -> None:
    checks = Checks(training=7, repeats=10, golden=((0, 1), (2, 3), (4, 5)))
    _, answers = study(observers=2, count=20, opponents=5, checks=checks)
    own = answers.where(answers.observer == 1)
    assert Counter(own.kind.tolist()) == {TEST: 50, TRAINING: 7, REPEAT: 10, GOLDEN: 3}
    assert (own.kind[:7] == TRAINING).all()
    tests = own.tests()
    asked = list(zip(tests.left.tolist(), tests.right.tolist(), strict=True))
    again = own.where(own.kind == REPEAT)
    repeated = list(zip(again.right.tolist(), again.left.tolist(), strict=True))
    assert len(set(repeated)) == 10
    assert set(repeated) <= set(asked)
    golden = own.where(own.kind == GOLDEN)
    better = np.where(golden.expected == 1, golden.left, golden.right)
    assert sorted(better.tolist()) == [0, 2, 4]
    with pytest.raises(ConfigurationError, match="51 pairs cannot be repeated: an observer compares 50"):
        Session(create_design("random", 20, 5), 0, Checks(repeats=51))

"""Which pairs of images an observer compares, round by round."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from isptune.errors import ConfigurationError, UnknownNameError
from isptune.wording.naming import did_you_mean
from isptune_study.active import next_tree
from isptune_study.answers import Answers
from isptune_study.matchings import Pairs, check_regular, factorisation, mended, random_rounds
from isptune_study.win_counts import wins_by_observer

NO_PAIRS: Pairs = np.empty((0, 2), dtype=np.int64)
_RANDOM_ROUNDS = 3


def generator_of(seed: int, *words: object) -> np.random.Generator:
    """A generator that follows from a seed and some words, on every machine."""
    text = " ".join(str(word) for word in (seed, *words))
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16]))


class Design(ABC):
    """A plan of comparisons. It holds no state: rounds follow from the seed and the answers alone.

    Args:
        count: of the images, 0 to ``count - 1``.
        opponents: how many others each image meets with one observer.
        seed: of all that is random.
        shared: whether all observers compare the same pairs. Their opinions can then be compared pair by
            pair, but win counts depend on which pairs were drawn: their intervals become much wider.

    Raises:
        ConfigurationError: what cannot be; the message says what is possible.
    """

    name = ""
    is_adaptive = False
    counts_mean_something = True
    """Whether wins can be counted as opinion scores."""

    def __init__(self, count: int, opponents: int, seed: int = 0, shared: bool = False) -> None:
        check_regular(count, opponents)
        if shared and self.is_adaptive:
            raise ConfigurationError(
                f"pairs of a design '{self.name}' follow from the answers and cannot be the same for all"
            )
        self.count, self.opponents, self.seed, self.shared = count, opponents, seed, shared

    @property
    def answers_wanted(self) -> int:
        """How many comparisons each observer makes."""
        return self.count * self.opponents // 2

    @property
    def length(self) -> int:
        """How many rounds each observer goes through."""
        return self.opponents if self.count % 2 == 0 else self.opponents // 2

    @abstractmethod
    def round(self, observer: int, number: int, answers: Answers) -> Pairs:
        """The pairs of an observer's round, in no order; none after the last one.

        Args:
            observer: its number.
            number: of the round, from 0.
            answers: all so far, of every observer, of which this one has answered the rounds before.
        """

    def _generator(self, observer: int, *words: object) -> np.random.Generator:
        return generator_of(self.seed, self.name, "all" if self.shared else observer, *words)


class _Fixed(Design):
    """A design whose pairs are known before the first answer."""

    def __init__(self, count: int, opponents: int, seed: int = 0, shared: bool = False) -> None:
        super().__init__(count, opponents, seed, shared)
        self._known: dict[int, list[Pairs]] = {}

    def rounds(self, observer: int) -> list[Pairs]:
        """All rounds of an observer."""
        key = 0 if self.shared else observer
        if key not in self._known:
            self._known[key] = self._drawn(key)
        return self._known[key]

    def round(self, observer: int, number: int, answers: Answers) -> Pairs:
        rounds = self.rounds(observer)
        return rounds[number] if number < len(rounds) else NO_PAIRS

    @abstractmethod
    def _drawn(self, observer: int) -> list[Pairs]: ...


class RandomDesign(_Fixed):
    """In every round each image meets another one at random; no pair comes twice to an observer."""

    name = "random"

    def _drawn(self, observer: int) -> list[Pairs]:
        return random_rounds(self.count, self.opponents, self._generator(observer))


class BalancedDesign(_Fixed):
    """All pairs of the images, dealt to the observers in rounds.

    Each pair is compared equally often, give or take one. With ``(count - 1) / opponents`` observers each
    was compared once.
    """

    name = "balanced"

    def _drawn(self, observer: int) -> list[Pairs]:
        if not hasattr(self, "_all"):
            rounds = factorisation(self.count, generator_of(self.seed, self.name))
            self._all = [rounds[place] for place in generator_of(self.seed, "order").permutation(len(rounds))]
        first = observer * self.length
        return [self._all[(first + number) % len(self._all)] for number in range(self.length)]


class SwissDesign(Design):
    """Three random rounds, then neighbours by the observer's own wins so far, as in TID2013.

    No pair comes twice to an observer.
    """

    name = "swiss"
    is_adaptive = True

    def __init__(self, count: int, opponents: int, seed: int = 0, shared: bool = False) -> None:
        super().__init__(count, opponents, seed, shared)
        if count % 2:
            raise ConfigurationError(
                f"a Swiss tournament needs an even number of images, got {count}; possible: {count - 1} or "
                f"{count + 1}, or another design"
            )
        if 2 * opponents > count:
            raise ConfigurationError(
                f"in a Swiss tournament of {count} images each meets at most {count // 2} others, not "
                f"{opponents}: no partners would be left for the last rounds"
            )

    def round(self, observer: int, number: int, answers: Answers) -> Pairs:
        if number >= self.opponents:
            return NO_PAIRS
        first = random_rounds(self.count, min(_RANDOM_ROUNDS, self.opponents), self._generator(observer))
        if number < len(first):
            return first[number]
        own = answers.where(answers.observer == observer).tests()
        allowed = ~np.eye(self.count, dtype=bool)
        allowed[own.left, own.right] = allowed[own.right, own.left] = False
        wins, _ = wins_by_observer(own)
        generator = self._generator(observer, number)
        order = np.lexsort((generator.random(self.count), -wins[observer]))
        return _neighbours(order, allowed, generator)


def _neighbours(order: np.ndarray, allowed: np.ndarray, generator: np.random.Generator) -> Pairs:
    """Each with the nearest one after it that is free and allowed; who is left over is fitted in."""
    waiting = order.tolist()
    pairs, alone = [], []
    while waiting:
        one = waiting.pop(0)
        partner = next((place for place, other in enumerate(waiting) if allowed[one, other]), None)
        if partner is None:
            alone.append(one)
        else:
            pairs.append((one, waiting.pop(partner)))
    return mended(np.array([*pairs, *zip(alone[::2], alone[1::2], strict=True)]), allowed, generator)


class ActiveDesign(Design):
    """Each round is a spanning tree of the pairs that tell most, given every answer so far.

    Images meet unequally many others, and near ones: wins mean nothing, and only a scale can be fitted.
    """

    name = "active"
    is_adaptive = True
    counts_mean_something = False

    @property
    def length(self) -> int:
        return -(-self.answers_wanted // (self.count - 1))

    def round(self, observer: int, number: int, answers: Answers) -> Pairs:
        own = answers.where(answers.observer == observer).tests()
        left = self.answers_wanted - number * (self.count - 1)
        if left <= 0:
            return NO_PAIRS
        asked = np.stack([own.left, own.right], axis=1)
        # The first of a tree tell most; of the last tree no more than is wanted.
        return next_tree(answers, asked, self._generator(observer, number))[:left]


DESIGNS: dict[str, type[Design]] = {
    kind.name: kind for kind in (RandomDesign, BalancedDesign, SwissDesign, ActiveDesign)
}


def create_design(name: str, count: int, opponents: int, *, seed: int = 0, shared: bool = False) -> Design:
    """A design by name: ``random``, ``balanced``, ``swiss`` or ``active``.

    Raises:
        UnknownNameError: there is none of that name.
        ConfigurationError: it cannot be made of so many images and opponents.

    Example:
        >>> create_design("random", 100, 9).answers_wanted
        450
    """
    if name not in DESIGNS:
        raise UnknownNameError(
            f"there is no design '{name}'{did_you_mean(name, DESIGNS)}; allowed: {', '.join(DESIGNS)}"
        )
    return DESIGNS[name](count, opponents, seed, shared)


def unseen_pairs(count: int, rounds: Sequence[Pairs]) -> int:
    """How many of all pairs stand in none of some rounds."""
    seen = np.zeros((count, count), dtype=bool)
    for pairs in rounds:
        seen[pairs[:, 0], pairs[:, 1]] = seen[pairs[:, 1], pairs[:, 0]] = True
    return (count * (count - 1) - int(seen.sum())) // 2

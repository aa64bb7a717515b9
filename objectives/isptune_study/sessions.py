"""What one observer goes through: training, the rounds of the design, and pairs that check the answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from isptune.errors import ConfigurationError
from isptune.wording.showing import counted
from isptune_study.answers import GOLDEN, REPEAT, TEST, TRAINING, Answers
from isptune_study.designs import NO_PAIRS, Design, generator_of
from isptune_study.matchings import Pairs
from isptune_study.sides import balanced_sides


@dataclass(frozen=True)
class Trial:
    """A question to an observer.

    Attributes:
        left, right: images.
        kind: a place in ``isptune_study.answers.KINDS``.
        expected: of a golden pair the left one's share that is right; NaN otherwise.
    """

    left: int
    right: int
    kind: int = TEST
    expected: float = field(default=float("nan"), compare=False)


@dataclass(frozen=True)
class Checks:
    """Trials beside those of the design.

    Attributes:
        training: so many pairs at the begin, whose answers do not count.
        repeats: so many pairs come again with their sides exchanged, a round later or more.
        golden: (better, worse) pairs of images whose answer is known, each shown once.
    """

    training: int = 0
    repeats: int = 0
    golden: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        for name in ("training", "repeats"):
            if getattr(self, name) < 0:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; allowed: at least 0")


MOST_TRAINING = 1000


def check_session(design: Design, checks: Checks) -> None:
    """Refuse trials that no observer could be asked.

    Raises:
        ConfigurationError: what cannot be; the message says what is possible.
    """
    if checks.training > MOST_TRAINING:
        raise ConfigurationError(f"training is {checks.training}; allowed: 0 to {MOST_TRAINING}")
    if checks.repeats:
        # A round later at least: of the pairs before the last round.
        most = design.answers_wanted * (design.length - 1) // design.length
        if checks.repeats > most:
            asked = f"{design.answers_wanted} in {counted(design.length, 'round')}"
            raise ConfigurationError(
                f"{counted(checks.repeats, 'pair')} cannot be repeated in a later round: an observer "
                f"compares {asked}; allowed: up to {most}"
            )
    Session(design, 0, checks)


class Session:
    """The trials of one observer, block by block: training, and then the design's rounds.

    It holds nothing but what the design's rounds are: a block follows from the seed and the answers before
    it, so a server that was killed goes on where it was. The order of trials and the sides are each
    observer's own. Of a design whose pairs are known before, no image is more than once more often on one
    side; of an adaptive one each pair is turned so that the sides come out as even as they can.

    Args:
        design: which images meet.
        observer: its number.
        checks: what comes beside the design's pairs.
    """

    def __init__(self, design: Design, observer: int, checks: Checks | None = None) -> None:
        self.design, self.observer, self.checks = design, observer, checks or Checks()
        if self.checks.repeats > design.answers_wanted:
            raise ConfigurationError(
                f"{self.checks.repeats} pairs cannot be repeated: an observer compares "
                f"{design.answers_wanted}"
            )
        if self.checks.repeats and design.length < 2:
            raise ConfigurationError("a pair is repeated in a later round, and the design has only one")
        bad = [pair for pair in self.checks.golden if not all(0 <= one < design.count for one in pair)]
        if bad:
            raise ConfigurationError(
                f"the golden pair {bad[0]} names an image that is none of {design.count}"
            )

    @property
    def length(self) -> int:
        """How many blocks there are, the training among them."""
        return 1 + self.design.length

    def block(self, number: int, answers: Answers) -> list[Trial]:
        """The trials of a block in their order; none after the last block.

        Args:
            number: 0 for the training, which may be empty, then the rounds.
            answers: all so far, of every observer; this one has answered the blocks before.
        """
        generator = generator_of(self.design.seed, "session", self.observer, number)
        if number == 0:
            return self._training(generator)
        pairs = self._turned(number - 1, answers, generator)
        if not len(pairs):
            return []
        trials = [Trial(int(left), int(right)) for left, right in generator.permutation(pairs)]
        for extra in [*self._repeats(number, answers, generator), *self._golden(number, generator)]:
            trials.insert(int(generator.integers(len(trials) + 1)), extra)
        return trials

    def _training(self, generator: np.random.Generator) -> list[Trial]:
        wanted, trials = self.checks.training, list[Trial]()
        while len(trials) < wanted:
            order = generator.permutation(self.design.count)
            pairs = order[: 2 * (len(order) // 2)].reshape(-1, 2)
            trials += [Trial(int(left), int(right), TRAINING) for left, right in pairs]
        return trials[:wanted]

    def _turned(self, number: int, answers: Answers, generator: np.random.Generator) -> Pairs:
        """The pairs of a round, left and right."""
        if not self.design.is_adaptive:
            return self._fixed[number] if number < len(self._fixed) else NO_PAIRS
        pairs = self.design.round(self.observer, number, answers)
        earlier = answers.where(answers.observer == self.observer).tests()
        surplus = np.bincount(earlier.left, minlength=self.design.count)
        surplus = surplus - np.bincount(earlier.right, minlength=self.design.count)
        turned = generator.permuted(pairs, axis=1)
        for row, (left, right) in enumerate(turned.tolist()):
            if surplus[left] > surplus[right]:
                left, right = turned[row] = right, left
            surplus[left] += 1
            surplus[right] -= 1
        return turned

    @cached_property
    def _fixed(self) -> list[Pairs]:
        """All rounds of a design whose pairs are known before, left and right."""
        none = Answers.of([], [], [], [], images=self.design.count)
        rounds = [self.design.round(self.observer, number, none) for number in range(self.design.length)]
        generator = generator_of(self.design.seed, "sides", self.observer)
        sided = balanced_sides(self.design.count, np.vstack(rounds), generator)
        return np.split(sided, np.cumsum([len(pairs) for pairs in rounds])[:-1])

    def _repeats(self, number: int, answers: Answers, generator: np.random.Generator) -> list[Trial]:
        """Pairs of earlier rounds, none twice; the sides are those of the answers, exchanged."""
        rounds = self.design.length
        if number < 2:
            return []
        wanted = _share(self.checks.repeats, number - 2, rounds - 1)
        own = answers.where(answers.observer == self.observer)
        tests, again = own.tests(), own.where(own.kind == REPEAT)
        done = {frozenset(pair) for pair in zip(again.left.tolist(), again.right.tolist(), strict=True)}
        found: list[Trial] = []
        for place in generator.permutation(len(tests)):
            if len(found) == wanted:
                break
            left, right = int(tests.left[place]), int(tests.right[place])
            if frozenset((left, right)) not in done:
                found.append(Trial(right, left, REPEAT))
        return found

    def _golden(self, number: int, generator: np.random.Generator) -> list[Trial]:
        golden: Sequence[tuple[int, int]] = self.checks.golden
        if not golden:
            return []
        order = generator_of(self.design.seed, "golden", self.observer).permutation(len(golden))
        before = sum(_share(len(golden), n, self.design.length) for n in range(number - 1))
        chosen = order[before : before + _share(len(golden), number - 1, self.design.length)]
        found = []
        for place in chosen:
            better, worse = golden[place]
            if generator.integers(2):
                found.append(Trial(better, worse, GOLDEN, 1.0))
            else:
                found.append(Trial(worse, better, GOLDEN, 0.0))
        return found


def _share(total: int, place: int, places: int) -> int:
    """How many of ``total`` come at one of some places when they are spread evenly."""
    return (place + 1) * total // places - place * total // places

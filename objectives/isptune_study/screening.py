"""Which observers did not look: each is flagged with reasons, and nobody is left out by it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isptune_study.answers import GOLDEN, REPEAT, Answers, Numbers
from isptune_study.laws import THURSTONE
from isptune_study.newton import maximise
from isptune_study.plates import PlatesRead
from isptune_study.scaling import Likelihood, PairTable

LEAST_SENSITIVITY = 0.4
"""Of the median observer's. In 2,094 simulated honest observers none fell below it."""

LEAST_USUAL = 0.7
EVIDENCE = 2.0
"""So much more probable, as a logarithm, must answers be with an observer's own sensitivity than with one
of 0.7 of the median: a few answers tell too little of anybody."""

FEWEST_OBSERVERS = 4
"""Of fewer the median says nothing."""

FEWEST_GOLDEN = 12
GUESSED = 0.02
"""So probable it may be that who guesses passes the golden pairs: 12 of 15 must be right."""

FEWEST_REPEATS = 10
CHANCE = 0.0005
"""So improbable it must be that an ordinary observer answers repeated pairs as differently."""

FEWEST_OF_A_SIDE = 20
"""So many answers, all for one side, are improbable where sides are drawn: once in 500,000."""

_SPREAD = 3.0
_FLAT = 1e-6


@dataclass(frozen=True)
class Screened:
    """How an observer answered.

    Attributes:
        name: of the observer.
        answers: to tests.
        sensitivity: how closely they follow the scale of all others, as a share of the median observer's; 1
            is usual, 0 is guessing, below 0 the worse ones are preferred. NaN where there is no other.
        left, unsure: shares of answers.
        repeats, alike: repeated pairs, and those that were answered as before.
        golden, right: golden pairs, and those that were answered right; "not sure" is half right.
        seconds: the median time of an answer; NaN where it is not known.
        reasons: why the observer is flagged, sentences; empty otherwise.
        plates: how the colour plates were read; None where there were none. It flags nobody.
    """

    name: str
    answers: int
    sensitivity: float
    left: float
    unsure: float
    repeats: int
    alike: int
    golden: int
    right: float
    seconds: float
    reasons: tuple[str, ...]
    plates: PlatesRead | None = None

    @property
    def flagged(self) -> bool:
        return bool(self.reasons)


def screen(answers: Answers) -> list[Screened]:
    """Look at each observer of a study who answered anything, in their order."""
    followed = follow(answers)
    found = np.array([one.factor for one in followed])
    present = np.isfinite(found)
    median = float(np.median(found[present])) if present.any() else float("nan")
    alike = [_repeats(answers.where(answers.observer == who)) for who in range(len(answers.observers))]
    total = sum(count for count, _ in alike)
    usual = sum(same for _, same in alike) / total if total else float("nan")
    judged = present.sum() >= FEWEST_OBSERVERS and median > 0
    rows = []
    for who, name in enumerate(answers.observers):
        own = answers.where(answers.observer == who)
        if not len(own):
            continue
        tests = own.tests()
        golden = own.where(own.kind == GOLDEN)
        right = float((1 - np.abs(golden.share - golden.expected)).sum())
        relative = float(found[who] / median) if median > 0 else float("nan")
        times = own.seconds[np.isfinite(own.seconds)]
        rows.append(
            Screened(
                name=name,
                answers=len(tests),
                sensitivity=relative,
                left=_mean(tests.share == 1.0),
                unsure=_mean(tests.share == 0.5),
                repeats=alike[who][0],
                alike=alike[who][1],
                golden=len(golden),
                right=right,
                seconds=float(np.median(times)) if times.size else float("nan"),
                reasons=(
                    *(
                        _of_sensitivity(relative, followed[who].evidence(LEAST_USUAL * median))
                        if judged
                        else ()
                    ),
                    *_of_sides(tests),
                    *_of_golden(len(golden), right),
                    *_of_repeats(*alike[who], usual),
                ),
            )
        )
    return rows


@dataclass(frozen=True)
class Followed:
    """How far an observer's answers follow the scale that all others give.

    Attributes:
        factor: by which the scale must be stretched to predict them; NaN where it says nothing.
        apart: (A,) distances on that scale of the left one above the right one.
        share: (A,) of the left one.
    """

    factor: float
    apart: Numbers
    share: Numbers

    def evidence(self, factor: float) -> float:
        """The logarithm of how much more probable the answers are than with another factor."""
        return self._height(self.factor) - self._height(factor)

    def _height(self, factor: float) -> float:
        x = factor * self.apart
        return float((self.share * THURSTONE.log(x) + (1 - self.share) * THURSTONE.log(-x)).sum())


def follow(answers: Answers) -> list[Followed]:
    """How far each observer's answers follow the scale of all others.

    The factor has a normal prior around 1 with the deviation 3, so that one who never errs has a finite one.
    """
    tests = answers.tests()
    table = PairTable.of(tests)
    present = np.unique(tests.observer)
    nothing = Followed(float("nan"), np.empty(0), np.empty(0))
    found = [nothing] * len(answers.observers)
    if len(present) < 2:
        return found
    law = THURSTONE
    positions = Likelihood(table, law, law.prior).maximum()
    for column, who in enumerate(present):
        others = np.ones(len(present))
        others[column] = 0
        seen = Likelihood(table, law, law.prior, others).maximum(positions, 1e-3)
        own = tests.where(tests.observer == who)
        apart = seen[own.left] - seen[own.right]
        # A scale on which all images are one says nothing.
        if np.abs(apart).max() > _FLAT:
            found[who] = Followed(_stretch(apart, own.share), apart, own.share)
    return found


def _stretch(apart: Numbers, share: Numbers) -> float:
    """The most probable factor of distances."""

    def height(factor: Numbers) -> float:
        x = factor * apart
        told = share * THURSTONE.log(x) + (1 - share) * THURSTONE.log(-x)
        return float(told.sum() - ((factor[0] - 1) / _SPREAD) ** 2 / 2)

    def step_at(factor: Numbers) -> Numbers:
        x = factor * apart
        up, down = THURSTONE.slope(x), THURSTONE.slope(-x)
        slope = apart @ (share * up - (1 - share) * down) - (factor[0] - 1) / _SPREAD**2
        bend = share * THURSTONE.bend(x, up) + (1 - share) * THURSTONE.bend(-x, down)
        return np.array([slope / (apart**2 @ bend + 1 / _SPREAD**2)])

    return float(maximise(height, step_at, np.ones(1), 1e-6)[0])


def golden_needed(count: int) -> int:
    """How many golden pairs must be right, so that guessing passes in at most 2% of cases."""
    from scipy.special import bdtrc

    return next(right for right in range(count + 1) if bdtrc(right - 1, count, 0.5) <= GUESSED)


def _of_sensitivity(relative: float, evidence: float) -> tuple[str, ...]:
    if not relative < LEAST_SENSITIVITY or not evidence > EVIDENCE:
        return ()
    if relative < -LEAST_SENSITIVITY:
        return (
            f"prefers the worse image: sensitivity {relative:.2f} of the median; the keys may be mixed up",
        )
    return (f"answers hardly follow the others': sensitivity {relative:.2f} of the median, below 0.4",)


def _of_sides(tests: Answers) -> tuple[str, ...]:
    """Whoever always takes one side, or never any, did not look; all others may do so as well."""
    if len(tests) < FEWEST_OF_A_SIDE:
        return ()
    for share, said in ((1.0, "the left picture"), (0.0, "the right picture"), (0.5, "'not sure'")):
        if (tests.share == share).all():
            return (f"answered {said} in all {len(tests)} pairs",)
    return ()


def _of_golden(count: int, right: float) -> tuple[str, ...]:
    if count < FEWEST_GOLDEN or right >= golden_needed(count):
        return ()
    return (f"{right:g} of {count} golden pairs right; expected: at least {golden_needed(count)}",)


def _of_repeats(count: int, alike: int, usual: float) -> tuple[str, ...]:
    from scipy.special import bdtr

    if count < FEWEST_REPEATS or bdtr(alike, count, usual) > CHANCE:
        return ()
    return (f"{alike} of {count} repeated pairs answered as before; usual: {usual * count:.0f}",)


def _repeats(own: Answers) -> tuple[int, int]:
    """How many pairs of an observer came again, and how many of them were answered alike."""
    tests, again = own.tests(), own.where(own.kind == REPEAT)
    before = {
        (left, right): share
        for left, right, share in zip(
            *map(np.ndarray.tolist, (tests.left, tests.right, tests.share)), strict=True
        )
    }
    count = alike = 0
    for left, right, share in zip(
        *map(np.ndarray.tolist, (again.left, again.right, again.share)), strict=True
    ):
        first = before.get((left, right))
        if first is None and (right, left) in before:
            first = 1 - before[right, left]
        if first is not None:
            count, alike = count + 1, alike + (first == share)
    return count, alike


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")

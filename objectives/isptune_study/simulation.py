"""Observers who do not exist: what they would answer, for plans, tests and benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from isptune.errors import ConfigurationError
from isptune_study.answers import Numbers
from isptune_study.matchings import Pairs

BEHAVIOURS = ("honest", "random", "reversed", "half-random", "left")
"""Whoever is not honest clicks at random, picks the worse one, guesses half the time, or says left."""


_MOST = {"lapses": 1.0, "sensitivity": 3.0}


@dataclass(frozen=True)
class People:
    """What the observers of a study have in common.

    All but shares are in standard deviations of a difference: a sharp observer without taste prefers what is
    one unit better in 84 of 100 cases.

    Attributes:
        noise: standard deviation of the noise of a comparison.
        taste: standard deviation of what an observer likes about each image beyond its quality.
        sensitivity: by what factor observers differ in their noise, as the standard deviation of its
            logarithm.
        unsure: differences below it are answered "not sure".
        lapses: the share of answers that are given without looking.
        fatigue: how much the noise has grown after 450 answers, as a share of it.
        side: what a picture gains by standing on the left, as the deviation of it over observers.
        seconds: an answer takes, as the median.
    """

    noise: float = 1.0
    taste: float = 0.5
    sensitivity: float = 0.0
    unsure: float = 0.0
    lapses: float = 0.0
    fatigue: float = 0.0
    side: float = 0.0
    seconds: float = 4.5

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            most = _MOST.get(name, 1000.0)
            if not 0 <= value <= most:
                raise ConfigurationError(f"{name} of the observers is {value}; allowed: 0 to {most:g}")

    def expected(self, qualities: Numbers) -> Numbers:
        """(N,) where studies of many such people put the images, on Thurstone's scale.

        Tastes and noise both blur what one observer says of another's image: a distance shrinks by the
        deviation of their sum. It holds where there are no lapses, no ties and no fatigue.
        """
        centred = qualities - qualities.mean()
        return centred / np.sqrt(self.noise**2 + 2 * self.taste**2 + self.side**2)


class Observer:
    """One of them.

    Args:
        qualities: (N,) of the images.
        people: whom it is one of.
        generator: draws its taste and its answers.
        behaviour: one of ``BEHAVIOURS``.
    """

    def __init__(
        self,
        qualities: Numbers,
        people: People,
        generator: np.random.Generator,
        behaviour: str = "honest",
    ) -> None:
        if behaviour not in BEHAVIOURS:
            raise ConfigurationError(f"behaviour is '{behaviour}'; allowed: {', '.join(BEHAVIOURS)}")
        self.people, self.behaviour, self.generator = people, behaviour, generator
        self.likes = qualities + people.taste * generator.standard_normal(len(qualities))
        self.noise = people.noise * float(np.exp(people.sensitivity * generator.standard_normal()))
        self.side = people.side * float(generator.standard_normal())
        self.answered = 0

    def answer(self, pairs: Pairs) -> Numbers:
        """(P,) the left one's shares of the win, for pairs of left and right; it grows tired."""
        draws = self.generator
        count = len(pairs)
        done = self.answered + np.arange(count)
        self.answered += count
        blur = self.noise * (1 + self.people.fatigue * done / 450)
        apart = self.likes[pairs[:, 0]] - self.likes[pairs[:, 1]] + self.side
        apart = apart + blur * draws.standard_normal(count)
        share = np.where(np.abs(apart) < self.people.unsure, 0.5, (apart > 0).astype(np.float64))
        if self.behaviour == "reversed":
            share = 1 - share
        guessed = draws.random(count) < {"random": 1.0, "half-random": 0.5}.get(
            self.behaviour, self.people.lapses
        )
        share = np.where(guessed, draws.integers(2, size=count).astype(np.float64), share)
        return np.ones(count) if self.behaviour == "left" else share

    def seconds(self, count: int) -> Numbers:
        """(count,) how long answers take."""
        return self.people.seconds * np.exp(0.5 * self.generator.standard_normal(count))


def qualities_over(count: int, span: float, generator: np.random.Generator | None = None) -> Numbers:
    """(count,) qualities spread evenly over a range, in random order where there is a generator."""
    found = np.linspace(-span / 2, span / 2, count)
    return found if generator is None else generator.permutation(found)


def preference(qualities: Numbers, people: People) -> Numbers:
    """(N, N) the share of people who prefer each image to each other one, one half on the diagonal."""
    expected = people.expected(qualities)
    found: Numbers = ndtr(expected[:, None] - expected[None, :])
    return found


def behaviours(honest: int, others: Sequence[str] = ()) -> list[str]:
    """What observers do: so many honest ones, then others."""
    return ["honest"] * honest + list(others)

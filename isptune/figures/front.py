"""The front of a run of several objectives, as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isptune.errors import ConfigurationError
from isptune.figures.convergence import Numbers
from isptune.figures.records import ANSWER
from isptune.runs.history import History
from isptune.tuning.fronts import by_compromise

Indices = NDArray[np.int64]

MOST_PLACES = 60


@dataclass(frozen=True)
class ParetoPoints:
    """The evaluations of a run with several objectives.

    Attributes:
        labels: (K,) the objectives.
        orientations: (K,) whether higher is better.
        others: (E, K) scores of the dominated evaluations, each in its own orientation.
        front: (F, K) scores of the non-dominated ones, the best compromise first.
        l1_normalised: (F,) hidden distortion of the front, or None where nobody knows it.
    """

    labels: tuple[str, ...]
    orientations: tuple[bool, ...]
    others: Numbers
    front: Numbers
    l1_normalised: Numbers | None = None

    @property
    def shares(self) -> Numbers:
        """(F, K) where each score lies between the worst (0) and the best (1) of the front.

        It is 0.5 where the whole front scores the same.
        """
        upwards = self.front * self._signs
        low, high = upwards.min(axis=0), upwards.max(axis=0)
        width = np.where(high > low, high - low, 1.0)
        return np.where(high > low, (upwards - low) / width, 0.5)

    @property
    def ends(self) -> Numbers:
        """(2, K) the worst and the best score of the front in each objective."""
        upwards = self.front * self._signs
        found: Numbers = np.stack([upwards.min(axis=0), upwards.max(axis=0)]) * self._signs
        return found

    def stairs(self) -> Numbers:
        """(2 F - 1, 2) corners of the line that parts what a front of two objectives dominates from the rest.

        Raises:
            ConfigurationError: there are not two objectives.
        """
        if len(self.labels) != 2:
            raise ConfigurationError(f"stairs are drawn of two objectives, there are {len(self.labels)}")
        points = np.unique(self.front, axis=0)
        corners = np.repeat(points, 2, axis=0)[:-1]
        # Between two neighbours the corner has the worse value of each.
        worst = np.where(
            self.orientations, np.minimum(points[1:], points[:-1]), np.maximum(points[1:], points[:-1])
        )
        corners[1::2] = worst
        return corners

    def window(self) -> Numbers:
        """(2, K) lowest and highest score to show: the front whole, and of the others what lies near it.

        A first batch all over the search space would press the front into a corner.
        """
        low, high = self.front.min(axis=0), self.front.max(axis=0)
        if len(self.others):
            near = np.concatenate([np.quantile(self.others, (0.25, 0.75), axis=0), [low, high]])
            low, high = near.min(axis=0), near.max(axis=0)
        margin = 0.06 * np.where(high > low, high - low, np.maximum(np.abs(high), 1e-6))
        found: Numbers = np.stack([low - margin, high + margin])
        return found

    @property
    def _signs(self) -> Numbers:
        return np.where(self.orientations, 1.0, -1.0)


@dataclass(frozen=True)
class Compromises:
    """The best compromise so far.

    Attributes:
        evaluations: (M,) after how many evaluations.
        losses: (M,) normalised l1 of the best compromise among those; NaN before the first
            candidate with finite scores.
    """

    evaluations: Numbers
    losses: Numbers


def pareto_points(history: History) -> ParetoPoints:
    """The points of a run.

    Raises:
        ConfigurationError: the run has one objective, or no candidate with finite scores.
    """
    pareto = history.pareto
    if len(history.labels) < 2:
        raise ConfigurationError("a Pareto plot needs a run of several objectives, this one has a single one")
    if not len(pareto):
        raise ConfigurationError("a Pareto plot needs a candidate with finite scores, this run has none")
    dominated: NDArray[np.bool_] = np.array(np.isfinite(history.scores).all(axis=1))
    dominated[pareto.indices] = False
    share = None if history.l1_normalised is None else history.l1_normalised[pareto.indices]
    return ParetoPoints(pareto.labels, pareto.orientations, history.scores[dominated], pareto.scores, share)


def compromises(history: History, most: int = MOST_PLACES) -> Compromises | None:
    """The hidden loss of the best compromise so far, at a few places; None where no truth is known.

    Args:
        history: of several objectives.
        most: at how many places, which lie evenly, both ends among them.
    """
    known = history.l1_normalised
    if known is None:
        return None
    losses = history.losses
    counts = 1 + even_sample(len(losses), most)
    found = []
    for count in counts.tolist():
        order = by_compromise(losses[:count])
        found.append(float(known[order[0]]) if len(order) else np.nan)
    return Compromises(counts.astype(np.float64), np.array(found))


def even_sample(count: int, most: int) -> Indices:
    """At most so many of the indices below a count, evenly: the first and the last are among them."""
    return np.unique(np.round(np.linspace(0, count - 1, min(count, most))).astype(np.int64))


def front_names(indices: Sequence[int]) -> list[str]:
    """How tooltips call the candidates of a front, of which the first is the best compromise."""
    names = [f"evaluation {index + 1}" for index in indices]
    return [f"{ANSWER}, {name}" if place == 0 else name for place, name in enumerate(names)]

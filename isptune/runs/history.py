"""The evaluations of a log as arrays: candidates, scores, hidden levels, and which is the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from isptune.errors import ConfigurationError
from isptune.runs.description import Description
from isptune.runs.generation import DROPPED, Generation
from isptune.tuning.fronts import ParetoFront, pareto_front
from isptune.wording.naming import listed
from isptune.wording.showing import counted


@dataclass(frozen=True, repr=False)
class History:
    """Every evaluation of a run, in order.

    Attributes:
        evaluations: (E,) counts 1..E. Of a race how many full evaluations were made up to each one, where a
            dropped candidate takes a part of one.
        candidates: (E, f) in the unit cube of the free parameters.
        scores: (E, K), each column in its own orientation; NaN in the row of a candidate that failed.
        labels, orientations: (K,) names of the scores, and whether higher is better.
        levels: (E, L) hidden levels, or None where no truth is known.
        l1, l1_normalised: (E,) hidden l1 and normalised l1, or None.
        values: (E, n) values of all parameters, by which equal candidates are told; None where unknown.
        penalties: (E, K) what the run added to the losses; None where it added nothing.
        dropped: (E,) whether a race dropped each; None without one. They have no scores.
        guard_labels: (G,) the names of the guards.
        guards, doubts: (E, G) their scores, and how far each and the objective part; None without guards.
    """

    evaluations: NDArray[np.int64] | NDArray[np.float64]
    candidates: NDArray[np.float64]
    scores: NDArray[np.float64]
    labels: tuple[str, ...]
    orientations: tuple[bool, ...]
    l1: NDArray[np.float64] | None = None
    l1_normalised: NDArray[np.float64] | None = None
    levels: NDArray[np.float64] | None = None
    values: NDArray[np.float64] | None = None
    penalties: NDArray[np.float64] | None = None
    guard_labels: tuple[str, ...] = ()
    guards: NDArray[np.float64] | None = None
    doubts: NDArray[np.float64] | None = None
    dropped: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.evaluations)

    def __repr__(self) -> str:
        return f"<History: {counted(len(self), 'evaluation')}>"

    @property
    def losses(self) -> NDArray[np.float64]:
        """(E, K), lower is better, with what the run added to them; NaN where a score was not finite."""
        own = self.scores * np.where(self.orientations, -1.0, 1.0)
        return own if self.penalties is None else own + self.penalties

    @property
    def doubted(self) -> NDArray[np.bool_] | None:
        """(E,) whether a guard doubted an evaluation; None in a run without guards."""
        return None if self.doubts is None else np.asarray((self.doubts > 0).any(axis=1))

    @property
    def best_so_far(self) -> NDArray[np.int64]:
        """(E,) the index of the best candidate up to each one, of one column of scores; -1 before any.

        It is the one of the lowest loss, with what the run added to it.
        """
        self._require_one()
        return best_so_far(self.losses[:, 0], higher_is_better=False)

    @property
    def failed(self) -> int:
        """How many evaluations have no scores, because they failed or timed out."""
        lacking = np.isnan(self.scores).any(axis=1)
        return int((lacking if self.dropped is None else lacking & ~self.dropped).sum())

    @property
    def spent(self) -> float:
        """Full evaluations that were made: in a race fewer than candidates."""
        return float(self.evaluations[-1]) if len(self) else 0.0

    @property
    def whole(self) -> int:
        """How many candidates were done, on all scenes."""
        return int(np.isfinite(self.scores).all(axis=1).sum())

    @property
    def best(self) -> int | None:
        """The index of the first best candidate, or None where no score was finite.

        Of several scores it is the best compromise, see ``isptune.tuning.fronts.by_compromise``.
        """
        return int(self.pareto.indices[0]) if len(self.pareto) else None

    @cached_property
    def pareto(self) -> ParetoFront:
        """The non-dominated evaluations; of a single score those that share the best one."""
        return pareto_front(
            self.candidates, self.scores, self.labels, self.orientations, self.values, self.penalties
        )

    @property
    def score(self) -> NDArray[np.float64]:
        """(E,) the scores of a history that has one column.

        Raises:
            ConfigurationError: it has several.
        """
        self._require_one()
        return self.scores[:, 0]

    @property
    def higher_is_better(self) -> bool:
        """The orientation of a history that has one column of scores.

        Raises:
            ConfigurationError: it has several.
        """
        self._require_one()
        return self.orientations[0]

    def _require_one(self) -> None:
        if len(self.labels) != 1:
            raise ConfigurationError(
                f"the history has {len(self.labels)} scores per candidate ({listed(self.labels)}); "
                "take one of them by column(number)"
            )

    def column(self, number: int) -> History:
        """The same evaluations with one column of scores."""
        return replace(
            self,
            scores=self.scores[:, number : number + 1],
            labels=self.labels[number : number + 1],
            orientations=self.orientations[number : number + 1],
            penalties=None if self.penalties is None else self.penalties[:, number : number + 1],
        )


def build_history(generations: Sequence[Generation], description: Description) -> History:
    """The history of a log.

    Args:
        generations: the log.
        description: of the run.
    """
    space, labels = description.space, description.labels
    candidates = np.concatenate([np.empty((0, len(space.free))), *(g.candidates for g in generations)])
    scores = np.concatenate([np.empty((0, len(labels))), *(g.scores for g in generations)])
    levels = l1 = l1_normalised = None
    given = {key: _all(generations, key) for key in ("guards", "doubts", "penalties")}
    noted = [generation.levels for generation in generations if generation.levels is not None]
    if description.truth is not None and len(noted) == len(generations):
        levels = np.concatenate([np.empty((0, len(description.truth.labels))), *noted])
        l1, l1_normalised = description.truth.losses(levels)
    counted_by, dropped = _raced(generations, len(scores))
    return History(
        evaluations=counted_by,
        dropped=dropped,
        candidates=candidates,
        scores=scores,
        labels=labels,
        orientations=description.orientations,
        l1=l1,
        l1_normalised=l1_normalised,
        levels=levels,
        values=space.to_values(torch.from_numpy(candidates)).numpy(),
        guard_labels=description.guards,
        **given,
    )


def _raced(
    generations: Sequence[Generation], count: int
) -> tuple[NDArray[np.int64] | NDArray[np.float64], NDArray[np.bool_] | None]:
    """How many full evaluations were made up to each candidate, and which a race dropped."""
    if all(generation.shares is None for generation in generations):
        return np.arange(1, count + 1), None
    shares = [np.ones(len(one.scores)) if one.shares is None else one.shares for one in generations]
    statuses = [status for generation in generations for status in generation.statuses]
    return np.cumsum(np.concatenate(shares)), np.array([status == DROPPED for status in statuses])


def _all(generations: Sequence[Generation], key: str) -> NDArray[np.float64] | None:
    """What all generations hold under a key, or None where one lacks it."""
    found = [getattr(generation, key) for generation in generations]
    return np.concatenate(found) if found and all(one is not None for one in found) else None


def best_so_far(scores: NDArray[np.float64], higher_is_better: bool) -> NDArray[np.int64]:
    """(E,) the index of the best finite score up to each one, the first of equals; -1 before there is any."""
    losses = np.where(np.isfinite(scores), -scores if higher_is_better else scores, np.inf)
    lowest = np.minimum.accumulate(losses)
    improves = losses < np.concatenate([[np.inf], lowest[:-1]])
    index: NDArray[np.int64] = np.maximum.accumulate(np.where(improves, np.arange(len(scores)), -1))
    return index

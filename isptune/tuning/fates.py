"""What becomes of the candidates of one batch: scene by scene, and in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from isptune.runs.generation import DONE, DROPPED, Parts
from isptune.tuning.scoring import losses_of


@dataclass
class Evaluation:
    """What became of one batch of candidates.

    Attributes:
        scores: (P, K) float64, the means over the scenes, each column in its own orientation; NaN in the
            row of a candidate that is not done.
        orientations: (K,) whether higher is better.
        statuses: P times ``"done"``, ``"failed"``, ``"timed out"`` or, in a race, ``"dropped"``.
        reasons: P sentences, empty for what has not failed.
        guards: (P, G) float64, what the guards' scores are, likewise; None where there are none.
        gradients: (P, f) float64, the losses' gradients in the unit cube, or None.
        shares: (P,) float64, the share of all scenes that each met in a race; None without one.
        estimates: (P, K) float64, what stands for the scores of candidates that a race dropped, whose
            status is ``"dropped"``; NaN for the others, None where none was.
        label_scores: (P, L) float64, the means of the scores of an objective's labels, where they were asked
            for; NaN in the row of a candidate that is not done.
        agreement: how well the ranks on what comes first in a race agree with those on all, where known.
        parts: of candidates that a race dropped, by their row, what they scored on the scenes that they met.
    """

    scores: NDArray[np.float64]
    orientations: tuple[bool, ...]
    statuses: list[str]
    reasons: list[str]
    guards: NDArray[np.float64] | None = None
    gradients: NDArray[np.float64] | None = None
    shares: NDArray[np.float64] | None = None
    estimates: NDArray[np.float64] | None = None
    agreement: float | None = None
    label_scores: NDArray[np.float64] | None = None
    parts: dict[int, Parts] = field(default_factory=dict)

    def take_race(self, part: Evaluation, rows: Sequence[int | None]) -> None:
        """Take what a race says from the evaluation of a part of the candidates.

        Args:
            part: of a race.
            rows: for each candidate its row in the part; None where it was evaluated before, which counts in
                full.
        """
        assert part.shares is not None
        self.agreement = part.agreement
        self.parts = {place: part.parts[row] for place, row in enumerate(rows) if row in part.parts}
        self.shares = np.array([1.0 if row is None else part.shares[row] for row in rows])
        if part.estimates is not None:
            none = np.full(part.estimates.shape[1], np.nan)
            self.estimates = np.array([none if row is None else part.estimates[row] for row in rows])

    @property
    def losses(self) -> NDArray[np.float64]:
        """(P, K) float64, to be minimised; +inf in the row of a candidate that is not done."""
        return losses_of(self.scores, self.orientations)


class Fates:
    """The scores of P candidates on S scenes, and what became of each candidate.

    ``pictures`` holds (3, H, W) by candidate for each scene, where judges need them.
    """

    def __init__(self, candidates: int, scenes: int, columns: int) -> None:
        self.scores = np.full((scenes, candidates, columns), np.nan)
        self._is_known = np.zeros((scenes, candidates), dtype=bool)
        self.statuses = [DONE] * candidates
        self.reasons = [""] * candidates
        self._ended_on = [scenes] * candidates
        self.pictures: list[dict[int, Tensor]] = [{} for _ in range(scenes)]

    def going_on(self) -> NDArray[np.int64]:
        return np.array([row for row, status in enumerate(self.statuses) if status == DONE], dtype=np.int64)

    def end(self, candidate: int, scene: int, status: str, reason: str) -> None:
        """Note why a candidate is not done; what happened on the first of the scenes stays."""
        if scene < self._ended_on[candidate]:
            self._ended_on[candidate] = scene
            self.statuses[candidate], self.reasons[candidate] = status, reason

    def drop(self, candidate: int) -> None:
        """Note that a race goes on without a candidate."""
        self._ended_on[candidate] = 0
        self.statuses[candidate] = DROPPED

    def know(self, candidate: int, parts: Parts) -> None:
        """Take what a candidate has scored on some scenes before."""
        for scene, scores in parts.items():
            self.scores[scene, candidate] = scores
            self._is_known[scene, candidate] = True

    def parts(self) -> dict[int, Parts]:
        """By candidate, of those that were dropped, the scores on the scenes that they met."""
        met = np.isfinite(self.scores).all(axis=2)
        return {
            row: {
                int(scene): tuple(self.scores[scene, row].tolist()) for scene in np.flatnonzero(met[:, row])
            }
            for row, status in enumerate(self.statuses)
            if status == DROPPED and met[:, row].any()
        }

    def lacking(self, scene: int) -> NDArray[np.int64]:
        """The candidates that go on, without those that are known on a scene."""
        rows = self.going_on()
        return rows[~self._is_known[scene, rows]]

    def total(self) -> NDArray[np.float64]:
        """(P, K) sums over the scenes, in their order; NaN where a candidate is not done."""
        total = np.zeros(self.scores.shape[1:])
        for scores in self.scores:
            total += scores
        total[[status != DONE for status in self.statuses]] = np.nan
        return total

"""What becomes of the candidates of one batch, scene by scene."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from isptune.runs.generation import DONE


class Fates:
    """The scores of P candidates on S scenes, and what became of each candidate.

    ``pictures`` holds (3, H, W) by candidate for each scene, where judges need them.
    """

    def __init__(self, candidates: int, scenes: int, columns: int) -> None:
        self.scores = np.full((scenes, candidates, columns), np.nan)
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

    def total(self) -> NDArray[np.float64]:
        """(P, K) sums over the scenes, in their order; NaN where a candidate is not done."""
        total = np.zeros(self.scores.shape[1:])
        for scores in self.scores:
            total += scores
        total[[status != DONE for status in self.statuses]] = np.nan
        return total

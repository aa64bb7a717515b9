"""The best candidates of a run so far: of each score the best one, of several scores the front."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isptune.runs.generation import Generation
from isptune.tuning.fronts import non_dominated
from isptune.tuning.judging import Best
from isptune.tuning.session import Session

Numbers = NDArray[np.float64]


class Leaders:
    """The state of what was found.

    Args:
        session: of the run.

    Attributes:
        best: by label the best candidate of each score, by its loss with what is added to it.
        hidden: the hidden l1 and normalised l1 of the best candidate of one score, where they are known.
        front: (F, K) losses that no others dominate, of several scores; None of one, or before the first.
    """

    def __init__(self, session: Session) -> None:
        self._labels = session.scoring.labels
        self._truth = session.description.truth
        self._lowest = np.full(len(self._labels), np.inf)
        self.best: dict[str, Best] = {}
        self.hidden: tuple[float | None, float | None] = None, None
        self.front: Numbers | None = None

    def take(self, generation: Generation, losses: Numbers, fresh: list[int]) -> None:
        """Bring all of it up to date.

        Args:
            generation: the next one.
            losses: (P, K) its losses, with what is added to them.
            fresh: which of its candidates were not evaluated before.
        """
        for column, label in enumerate(self._labels):
            row = int(np.argmin(losses[:, column]))
            if losses[row, column] < self._lowest[column]:
                self._lowest[column] = losses[row, column]
                self.best[label] = Best(generation.candidates[row], float(generation.scores[row, column]))
                if self._truth is not None and generation.levels is not None:
                    plain, share = self._truth.losses(generation.levels[row : row + 1])
                    self.hidden = float(plain[0]), float(share[0])
        if len(self._labels) > 1:
            new = losses[fresh]
            both = new if self.front is None else np.concatenate([self.front, new])
            self.front = both[non_dominated(both)]

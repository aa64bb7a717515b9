"""When a run ends before its evaluations are made: the time is used up, or nothing more is gained.

Both rules follow from what the log holds, so that a run that is resumed ends where it would have. Neither
changes a candidate: a run with a rule is the beginning of the run without it.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from isptune.tuning.doubts import spread_of
from isptune.tuning.fronts import non_dominated
from isptune.tuning.settings import RunConfig
from isptune.wording.durations import in_words, seconds_of

Numbers = NDArray[np.float64]

# A generation is taken to last as long as the median of so many before it.
_RECENT = 5


class Ending:
    """Looks at every generation, also at those of a log, and says whether the run goes on.

    Args:
        config: of the run; ``time_budget``, ``patience`` and ``patience_gain`` of it.

    Attributes:
        budget: the seconds of the time budget; None where there is none.
    """

    def __init__(self, config: RunConfig) -> None:
        self._written = config.time_budget
        self.budget = None if config.time_budget is None else seconds_of(config.time_budget)
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._used = 0.0
        self._gains = None if config.patience is None else Gains(config.patience, config.patience_gain)

    def after(self, losses: Numbers, seconds: float, evaluations: float) -> str:
        """Why the run ends after a generation; empty where it goes on.

        Args:
            losses: (P, K) as the optimizer is told, not finite where a candidate is not done.
            seconds: that it took, as the log holds them.
            evaluations: that it counts for.
        """
        self._used += seconds
        self._recent.append(seconds)
        idle = None if self._gains is None else self._gains.after(losses, evaluations)
        if self.budget is not None:
            expected = float(np.median(self._recent))
            # A generation that cannot be done in time is not begun.
            if self._used + expected > self.budget:
                used, each = in_words(self._used), in_words(expected)
                budget = f"the time budget of {self._written}"
                return f"{budget} ended the run: {used} are used, and a generation takes {each}"
        return idle or ""


class Gains:
    """Counts the evaluations since the last gain.

    A candidate gains where no earlier one comes near to it: every candidate of the front at the last gain is
    worse by more than the tolerance in some loss. Of one loss that is a fall by more than the tolerance below
    the best one at the last gain, so that many small steps count when they add up.

    Args:
        patience: how many evaluations without a gain end the run.
        tolerance: in typical differences of the first generation that has scores, loss by loss (see
            ``isptune.tuning.doubts.spread_of``).
    """

    def __init__(self, patience: int, tolerance: float) -> None:
        self._patience, self._tolerance = patience, tolerance
        self._step: Numbers | None = None
        # (F, K) the front at the last gain, and that of now.
        self._mark: Numbers | None = None
        self._front: Numbers | None = None
        self._idle = 0.0

    def after(self, losses: Numbers, evaluations: float) -> str:
        """Why the run ends after a generation; empty where it goes on."""
        self._idle += evaluations
        new = losses[np.isfinite(losses).all(axis=1)]
        if len(new):
            if self._step is None:
                self._step = self._tolerance * np.array([spread_of(column) for column in new.T])
            gained = self._mark is None or self._gains(new, self._mark, self._step)
            both = new if self._front is None else np.concatenate([self._front, new])
            self._front = both[non_dominated(both)]
            if gained:
                self._mark, self._idle = self._front, 0.0
        if self._idle < self._patience:
            return ""
        return (
            f"patience ended the run: {self._idle:g} evaluations without a gain above {self._tolerance:g} "
            "typical differences of the first generation"
        )

    @staticmethod
    def _gains(new: Numbers, mark: Numbers, step: Numbers) -> bool:
        """Whether one of (P, K) losses is below each of (F, K) in some column by more than a step."""
        apart: NDArray[np.bool_] = new[:, None, :] < mark[None, :, :] - step
        below: NDArray[np.bool_] = np.any(apart, axis=2)
        return bool(np.any(np.all(below, axis=1)))

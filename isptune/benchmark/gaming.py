"""Whether an optimizer games its objective: scores that improve while the hidden loss rises."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isptune.runs.history import History


@dataclass(frozen=True)
class Gaming:
    """What the improvements of a run's score did to its hidden loss.

    Let b_0, b_1, ..., b_K be the evaluations at which the score was better than all before (b_0 the first
    finite score), and d_k = l1_normalised(b_k) - l1_normalised(b_(k-1)) for k = 1..K.

    Attributes:
        improvements: K.
        rises: the sum of the positive d_k, at least 0.
        falls: the sum of the negative d_k without their sign, at least 0; ``rises - falls`` is what tuning
            changed from the first candidate to the last best one.
        index: ``rises / (rises + falls)`` in [0, 1]: 0 where an improvement of the score always lowered
            the hidden loss, 1 where it always raised it; NaN where the score never improved or no
            improvement changed the loss.
        regret: l1_normalised(b_K) minus the least l1_normalised of all candidates evaluated, at least 0: what
            was seen and passed over.
    """

    improvements: int
    rises: float
    falls: float
    index: float
    regret: float


def gaming(history: History) -> Gaming | None:
    """The gaming index and the regret of a run.

    Returns:
        None where no truth is known or no score was finite.
    """
    if history.l1_normalised is None:
        return None
    index = history.best_so_far
    best = np.unique(index[index >= 0])
    if not best.size:
        return None
    losses = history.l1_normalised[best]
    steps = np.diff(losses)
    rises, falls = float(steps[steps > 0].sum()), float(-steps[steps < 0].sum())
    return Gaming(
        improvements=len(steps),
        rises=rises,
        # The sum of nothing would be -0 without it.
        falls=abs(falls),
        index=rises / (rises + falls) if rises + falls > 0 else float("nan"),
        regret=float(losses[-1] - history.l1_normalised.min()),
    )

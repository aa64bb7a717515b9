"""What the guards of a run said of its candidates, and what follows from that for the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from isptune.runs.generation import Generation
from isptune.runs.history import History, best_so_far
from isptune.wording.naming import listed


@dataclass(frozen=True)
class Guarded:
    """The guards of a run.

    Attributes:
        doubted: how many evaluations a guard doubted.
        of: evaluations that have scores.
        by: how many each guard doubted, by its label.
        best: the guards' scores of the best candidate; empty where there is none.
        start: the guards' scores of what they compare with; empty where it could not be scored.
        best_doubted_by: the guards that doubt the best candidate all the same.
        unguarded: the candidate with the best score of the objective alone, where that is another one:
            ``evaluation`` (from 1), ``score`` and ``doubted_by``; None where it is the same, and of several
            scores.
    """

    doubted: int
    of: int
    by: dict[str, int]
    best: dict[str, float] = field(default_factory=dict)
    start: dict[str, float] = field(default_factory=dict)
    best_doubted_by: list[str] = field(default_factory=list)
    unguarded: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as ``result.json`` holds it."""
        return asdict(self)

    def sentences(self, objective: str) -> list[str]:
        """What a console and a report say of it.

        Args:
            objective: what scored.
        """
        names = listed(list(self.by), len(self.by))
        guards = f"the {'guards' if len(self.by) > 1 else 'guard'} {names} doubted"
        found = [f"{guards} {self.doubted:,} of {self.of:,} candidates{self._best_too()}"]
        if self.best:
            scores = [
                f"{label} {score:.4g}" + (f" ({self.start[label]:.4g} at the start)" if self.start else "")
                for label, score in self.best.items()
            ]
            found.append(f"the best candidate in the guards' eyes: {listed(scores, len(scores))}")
        if self.unguarded is not None:
            doubting = self.unguarded["doubted_by"]
            why = (
                f"was doubted by {listed(doubting, len(doubting))}"
                if doubting
                else "lies farther from the defaults"
            )
            found.append(
                f"the best {objective} of all, {self.unguarded['score']:.6g} at evaluation "
                f"{self.unguarded['evaluation']:,}, {why}"
            )
        return found

    def _best_too(self) -> str:
        if not self.best:
            return ""
        doubting = self.best_doubted_by
        return (
            f", also the best one (by {listed(doubting, len(doubting))})"
            if doubting
            else ", not the best one"
        )


def guarded_of(history: History, generations: Sequence[Generation]) -> Guarded | None:
    """What the guards of a run said; None in a run without guards.

    Args:
        history: of the run.
        generations: its log.
    """
    doubts, guards, labels = history.doubts, history.guards, history.guard_labels
    if doubts is None or guards is None:
        return None
    best = history.best
    first = generations[0].reference if generations else None
    start = {} if first is None else _finite(labels, first[0][len(history.labels) :])
    return Guarded(
        doubted=int((doubts > 0).any(axis=1).sum()),
        of=history.whole,
        by=dict(zip(labels, (doubts > 0).sum(axis=0).tolist(), strict=True)),
        best={} if best is None else _finite(labels, guards[best]),
        start=start,
        best_doubted_by=[] if best is None else _doubting(history, best),
        unguarded=_unguarded(history),
    )


def _finite(labels: Sequence[str], scores: Any) -> dict[str, float]:
    """Scores by label; empty where one of them is missing."""
    found: Mapping[str, float] = dict(zip(labels, np.asarray(scores).tolist(), strict=True))
    return dict(found) if np.isfinite(list(found.values())).all() else {}


def _doubting(history: History, row: int) -> list[str]:
    assert history.doubts is not None
    return [
        label for label, doubt in zip(history.guard_labels, history.doubts[row], strict=True) if doubt > 0
    ]


def _unguarded(history: History) -> dict[str, Any] | None:
    """The best evaluation by the objective's own score, where the run chose another one."""
    if len(history.labels) != 1 or history.best is None:
        return None
    row = int(best_so_far(history.score, history.higher_is_better)[-1])
    if history.score[row] == history.score[history.best]:
        return None
    score = float(history.score[row])
    return {"evaluation": row + 1, "score": score, "doubted_by": _doubting(history, row)}

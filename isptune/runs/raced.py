"""What a race saved: candidates, full evaluations, and how well its first scenes told which are good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from isptune.runs.generation import Generation
from isptune.runs.history import History


@dataclass(frozen=True)
class Raced:
    """The account of a run of races.

    Attributes:
        candidates: how many were proposed.
        dropped: how many of them did not go on to all scenes, and so have no score.
        full_evaluations: what all of them took, in evaluations on all scenes.
        agreement: Spearman's correlation of the ranks on what comes first in a race, scenes or windows, with
            those on all, in the first generation, which is seen whole; None where it cannot be told.
    """

    candidates: int
    dropped: int
    full_evaluations: float
    agreement: float | None

    @classmethod
    def of(cls, generations: Sequence[Generation], history: History) -> Raced | None:
        """The account of a log; None where its run has no races."""
        if history.dropped is None:
            return None
        agreement = generations[0].agreement
        return cls(len(history), int(history.dropped.sum()), round(history.spent, 6), agreement)

    @property
    def sentence(self) -> str:
        """The account in words."""
        spent = f"{self.full_evaluations:g} full evaluations"
        said = f"races took {spent} for {self.candidates} candidates, of which they dropped {self.dropped}"
        if self.agreement is None:
            return said
        return f"{said}; ranks on what comes first agree with those on all by {self.agreement:.2f}"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

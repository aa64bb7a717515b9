"""One line of a run's log: a batch of candidates and what became of each."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

DONE, FAILED, TIMED_OUT, DROPPED = STATUSES = ("done", "failed", "timed out", "dropped")

# By scene the scores and guards' scores of one candidate on it.
Parts = dict[int, tuple[float, ...]]

# What a line holds where a run has it, a row for each candidate.
_OPTIONAL = (
    *("reference", "guards", "doubts", "penalties", "levels", "gradients", "revised"),
    *("estimates", "label_scores"),
)

# How isptune 0.1 noted a candidate whose score was not finite.
_PROBLEM = re.compile(r"generation \d+: candidate (\d+) (.*)", re.DOTALL)


@dataclass
class Generation:
    """One batch of candidates and what became of each.

    Attributes:
        number: from 0.
        candidates: (P, n) in the unit cube of the free parameters.
        scores: (P, K), the means over the scenes, each column in its own orientation; NaN in the row of a
            candidate that is not done.
        seconds: wall time of proposing, rendering and scoring the batch.
        statuses: P times ``"done"``, ``"failed"``, ``"timed out"`` or, in a race, ``"dropped"``; all done if
            left out.
        reasons: P sentences, empty for what has not failed.
        gradients: (P, n), the losses' gradients, for optimizers that need them.
        levels: (P, L) hidden levels, where the pipeline knows its truth.
        guards: (P, G) scores of the guards, each column in its own orientation, NaN as in ``scores``; None
            where the run has none.
        doubts: (P, G) how far each guard and the objective part over a candidate, see
            ``isptune.tuning.doubts``; 0 where they agree.
        penalties: (P, K) what was added to the losses; None where a run adds nothing to any.
        shares: (P,) the share of the scenes that each candidate met in a race; None without one, all whole.
        estimates: (P, K) what the optimizer was told for the scores of candidates that a race dropped, NaN
            for the others; None where none was. They are no scores: nothing else reads them.
        agreement: how well ranks on the first scenes of a race agree with those on all (see
            ``isptune.tuning.racing``), where it is known.
        label_scores: (P, L) scores of the objective's labels, of which ``scores`` is a weighted sum, for
            optimizers that learn from them; NaN as in ``scores``.
        parts: what candidates that a race dropped scored on the scenes that they met, by candidate and scene
            the columns of scores and guards; None in runs that may evaluate the same values again.
        ended: why the run ended with it, where that was before its last evaluation; else empty.
        reference: (1, K + G) scores and guards' scores of what guards compare with, in the first generation
            of a run with guards; NaN where it could not be scored.
        revised: (N, K) what all N candidates of the generations before score by what a judge knew after this
            one; None where it stands by its word.
        remark: a sentence about that.
    """

    number: int
    candidates: NDArray[np.float64]
    scores: NDArray[np.float64]
    seconds: float
    statuses: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    gradients: NDArray[np.float64] | None = None
    levels: NDArray[np.float64] | None = None
    guards: NDArray[np.float64] | None = None
    doubts: NDArray[np.float64] | None = None
    penalties: NDArray[np.float64] | None = None
    reference: NDArray[np.float64] | None = None
    ended: str = ""
    revised: NDArray[np.float64] | None = None
    remark: str = ""
    shares: NDArray[np.float64] | None = None
    estimates: NDArray[np.float64] | None = None
    agreement: float | None = None
    label_scores: NDArray[np.float64] | None = None
    parts: dict[int, Parts] | None = None

    def __post_init__(self) -> None:
        self.statuses = self.statuses or [DONE] * len(self.candidates)
        self.reasons = self.reasons or [""] * len(self.candidates)

    @property
    def failures(self) -> list[int]:
        """The candidates that failed or timed out."""
        return [index for index, status in enumerate(self.statuses) if status not in (DONE, DROPPED)]

    @property
    def evaluations(self) -> float:
        """How many full evaluations it took: a candidate that a race drops takes a part of one."""
        return float(len(self.candidates) if self.shares is None else self.shares.sum())

    def to_line(self, run: str) -> str:
        """The log's line: shortest decimal forms that read back to the same float64, NaN as null."""
        data: dict[str, Any] = {
            "run": run,
            "generation": self.number,
            "candidates": self.candidates.tolist(),
            "scores": _nulls(self.scores, np.isnan(self.scores)),
            "statuses": self.statuses,
        }
        if self.failures:
            data["reasons"] = {str(index): self.reasons[index] for index in self.failures}
        for key in _OPTIONAL:
            values = getattr(self, key)
            if values is not None:
                data[key] = _nulls(values, ~np.isfinite(values))
        if self.remark:
            data["remark"] = self.remark
        if self.shares is not None:
            data["shares"] = self.shares.tolist()
            data["evaluations"] = round(self.evaluations, 6)
        if self.agreement is not None:
            data["agreement"] = self.agreement
        if self.parts:
            data["parts"] = {
                str(row): {str(scene): list(scores) for scene, scores in found.items()}
                for row, found in self.parts.items()
            }
        data["seconds"] = round(self.seconds, 6)
        if self.ended:
            data["ended"] = self.ended
        return json.dumps(data, allow_nan=False) + "\n"

    @classmethod
    def from_line(cls, line: str) -> tuple[str, Generation]:
        """The fingerprint and the generation of a line, also of one that isptune 0.1 wrote.

        Raises:
            ValueError, KeyError or TypeError: the line is not one that ``to_line`` wrote.
        """
        data = json.loads(line)
        candidates = np.array(data["candidates"], dtype=np.float64)
        scores = np.array(data["scores"], dtype=np.float64)
        if candidates.ndim != 2 or scores.ndim not in (1, 2) or len(scores) != len(candidates):
            raise ValueError("candidates and scores do not fit together")
        scores = scores.reshape(len(candidates), -1)
        statuses, reasons = _fates(data, scores)
        shares = data.get("shares")
        if shares is not None and len(shares) != len(candidates):
            raise ValueError("candidates and shares do not fit together")
        return data["run"], cls(
            number=int(data["generation"]),
            candidates=candidates,
            scores=scores,
            seconds=float(data["seconds"]),
            statuses=statuses,
            reasons=reasons,
            ended=str(data.get("ended", "")),
            remark=str(data.get("remark", "")),
            shares=None if shares is None else np.array(shares, dtype=np.float64),
            agreement=data.get("agreement"),
            parts=_parts(data.get("parts")),
            **{key: _rows(data.get(key), key, len(candidates)) for key in _OPTIONAL},
        )


def revise(generations: Sequence[Generation]) -> None:
    """Give the generations of a log, in place, the scores that the last one knows better.

    Raises:
        ValueError: it knows those of another number of candidates.
    """
    revised = next((one.revised for one in reversed(generations) if one.revised is not None), None)
    if revised is None:
        return
    place = 0
    for generation in generations:
        if place == len(revised):
            return
        count = len(generation.scores)
        found = revised[place : place + count]
        if found.shape != generation.scores.shape:
            raise ValueError("scores and revised do not fit together")
        generation.scores = found
        place += count


def _fates(data: dict[str, Any], scores: NDArray[np.float64]) -> tuple[list[str], list[str]]:
    """Statuses and reasons of a line."""
    statuses = data.get("statuses")
    noted: dict[int, str] = {int(index): str(text) for index, text in data.get("reasons", {}).items()}
    if statuses is None:
        statuses = [FAILED if row.any() else DONE for row in np.isnan(scores)]
        for problem in data.get("problems", ()):
            found = _PROBLEM.fullmatch(problem)
            if found is not None:
                noted.setdefault(int(found[1]), f"it {found[2]}")
    if len(statuses) != len(scores) or any(status not in STATUSES for status in statuses):
        raise ValueError("candidates and statuses do not fit together")
    return list(statuses), [noted.get(index, "") for index in range(len(scores))]


def _parts(noted: Mapping[str, Any] | None) -> dict[int, Parts] | None:
    """What dropped candidates of a line scored on the scenes that they met."""
    if noted is None:
        return None
    return {
        int(row): {int(scene): tuple(map(float, scores)) for scene, scores in found.items()}
        for row, found in noted.items()
    }


def _rows(values: Sequence[Any] | None, key: str, count: int) -> NDArray[np.float64] | None:
    """What a line holds under a key, a row for each candidate."""
    if values is None:
        return None
    found = np.array(values, dtype=np.float64)
    if key == "revised":
        # Of earlier lines: ``revise`` looks at their number.
        count = len(found)
    if found.ndim != 2 or len(found) != (1 if key == "reference" else count):
        raise ValueError(f"candidates and {key} do not fit together")
    return found


def _nulls(values: NDArray[np.float64], missing: NDArray[np.bool_]) -> Any:
    """Nested lists with None for the missing numbers."""
    if not missing.any():
        return values.tolist()
    found = values.astype(object)
    found[missing] = None
    return found.tolist()

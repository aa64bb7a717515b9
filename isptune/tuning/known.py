"""What became of candidates, by their values, so that no values are evaluated twice."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from isptune.parameters import ParameterSpace
from isptune.parameters.identity import identities
from isptune.runs.generation import DONE, DROPPED, Generation, Parts
from isptune.tuning.fates import Evaluation
from isptune.tuning.scoring import Scoring
from isptune.tuning.stopping import FAILED_BEFORE

Numbers = NDArray[np.float64]

# Scores, status, and the scores of guards and of labels of a candidate.
_Fate = tuple[Numbers, str, Numbers | None, Numbers | None]


class Known:
    """The fates of all candidates of a run, also of those in its log.

    What a race dropped is known in part: on the scenes that it has met. It may be seen whole another time.

    Args:
        space: what is searched.
        scoring: of the run.
    """

    def __init__(self, space: ParameterSpace, scoring: Scoring) -> None:
        self._space, self._scoring = space, scoring
        self._fates: dict[bytes, _Fate] = {}
        self._parts: dict[bytes, Parts] = {}

    def evaluation(self, candidates: Numbers, evaluate: Callable[[Numbers], Evaluation]) -> Evaluation:
        """The evaluation of a batch (P, f), of which only new values are evaluated, each once."""
        keys = identities(self._space, candidates)
        first = {key: row for row, key in reversed(list(enumerate(keys))) if key not in self._fates}
        new = sorted(first.values())
        fates = {key: self._fates[key] for key in keys if key in self._fates}
        reasons = [""] * len(keys)
        found = None
        if new:
            found = evaluate(candidates[new])
            guards = [None] * len(new) if found.guards is None else found.guards
            labels = [None] * len(new) if found.label_scores is None else found.label_scores
            fates |= {
                keys[row]: (found.scores[i], found.statuses[i], guards[i], labels[i])
                for i, row in enumerate(new)
            }
            for row, reason in zip(new, found.reasons, strict=True):
                reasons[row] = reason
        scores = np.array([fates[key][0] for key in keys])
        statuses = [fates[key][1] for key in keys]
        seen = np.array([fates[key][2] for key in keys]) if self._scoring.guards else None
        reasons = [
            reason if reason or status in (DONE, DROPPED) else FAILED_BEFORE
            for reason, status in zip(reasons, statuses, strict=True)
        ]
        whole = Evaluation(scores, self._scoring.orientations, statuses, reasons, seen)
        labelled = [fates[key][3] for key in keys]
        if all(one is not None for one in labelled):
            whole.label_scores = np.array(labelled)
        if found is not None and found.shares is not None:
            whole.take_race(found, [new.index(first[key]) if key in first else None for key in keys])
        return whole

    def parts(self, candidates: Numbers) -> dict[int, Parts]:
        """By candidate of (P, f) what races have scored of its values before they dropped it."""
        keys = identities(self._space, candidates)
        return {row: self._parts[key] for row, key in enumerate(keys) if key in self._parts}

    def remember(self, generation: Generation) -> list[int]:
        """Note the scores of a generation; its candidates of values that were not evaluated before."""
        fresh = []
        parts = generation.parts or {}
        for row, key in enumerate(identities(self._space, generation.candidates)):
            if key not in self._fates and generation.statuses[row] != DROPPED:
                guards = None if generation.guards is None else generation.guards[row]
                labels = None if generation.label_scores is None else generation.label_scores[row]
                self._fates[key] = generation.scores[row], generation.statuses[row], guards, labels
                fresh.append(row)
            elif row in parts:
                self._parts[key] = {**self._parts.get(key, {}), **parts[row]}
        return fresh

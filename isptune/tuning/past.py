"""The candidates of a run so far, for its judges: what was compared, and what they are worth by now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from isptune.contracts.round import Comparison, Judged, identity_of
from isptune.errors import EvaluationError
from isptune.parameters import ParameterSpace
from isptune.runs.generation import Generation
from isptune.runs.judgements import Judgements
from isptune.tuning.judging import Best, Revisions, Standing, start_of
from isptune.tuning.scoring import Scoring

Numbers = NDArray[np.float64]


class Past:
    """Names every candidate of a run as its judges know it.

    Args:
        space: what candidates are of.
        scoring: the run's.
        judgements: what judges noted.
        learns: the optimizer learns from answers about pairs, and its batches are pairs.
    """

    def __init__(
        self, space: ParameterSpace, scoring: Scoring, judgements: Judgements, learns: bool = False
    ) -> None:
        self._space, self._scoring, self._judgements = space, scoring, judgements
        self._asked = [label for label, judge in scoring.judges.items() if judge.gives_comparisons and learns]
        # Of every evaluation, and by name where it stands in the unit cube.
        self._names: list[str] = []
        self._points: dict[str, Numbers] = {}
        start = start_of(space)
        self._points[self._named(start)[0]] = start[0]

    def add(self, candidates: Numbers) -> None:
        """Take the candidates of another generation."""
        for name, point in zip(self._named(candidates), candidates, strict=True):
            self._names.append(name)
            self._points.setdefault(name, point)

    def standing(
        self, log: Sequence[Generation], candidates: Numbers, best: Mapping[str, Best], revisions: Revisions
    ) -> Standing:
        """What judges are told of the run before they see another generation of candidates (P, f)."""
        judges = self._scoring.judges
        scores = self._scores(log)
        return Standing(
            generation=len(log),
            best={label: best[label] for label in judges if label in best},
            judgements=self._judgements,
            pairs=self._pairs(candidates) if self._asked else (),
            past={
                label: self._judged(scores[:, self._scoring.labels.index(label)])
                for label, judge in judges.items()
                if judge.revises
            },
            revisions=revisions,
        )

    def answers(self, generation: int) -> Iterator[tuple[Numbers, Numbers]]:
        """(C, 2, f) what each judge compared in a generation, and (C,) the first ones' shares.

        Raises:
            EvaluationError: it was no candidate of this run.
        """
        for label in self._asked:
            notes = self._judgements.notes(label, generation)
            yield self._compared(self._scoring.judges[label].comparisons(notes))

    def revised(self, log: Sequence[Generation], revisions: Revisions) -> Numbers | None:
        """(N, K) the scores of the candidates so far as judges see them now; None where none changed any."""
        if not self._names or not revisions.scores:
            return None
        return self._anew(self._names, self._scores(log), revisions)

    def seen_anew(self, candidates: Numbers, scores: Numbers, revisions: Revisions) -> Numbers:
        """(P, K) scores of a generation, where those of earlier candidates that came again are revised."""
        return self._anew(self._named(candidates), scores, revisions) if revisions.scores else scores

    def _anew(self, names: Sequence[str], scores: Numbers, revisions: Revisions) -> Numbers:
        found = scores.copy()
        for label, said in revisions.scores.items():
            column = self._scoring.labels.index(label)
            for row, name in enumerate(names):
                # What failed stays failed.
                if name in said and not np.isnan(found[row]).any():
                    found[row, column] = said[name]
        return found

    def _named(self, candidates: Numbers) -> list[str]:
        """The identities of candidates (P, f)."""
        values = self._space.to_values(torch.from_numpy(candidates))
        return [identity_of(one) for one in self._space.to_dicts(values)]

    def _pairs(self, candidates: Numbers) -> tuple[tuple[str, str], ...]:
        """The identities of rows 0 and 1, of 2 and 3, and so on, where they differ."""
        names = self._named(candidates)
        both = zip(names[::2], names[1::2], strict=False)
        return tuple((first, second) for first, second in both if first != second)

    def _compared(self, comparisons: Sequence[Comparison]) -> tuple[Numbers, Numbers]:
        unknown = {name for one in comparisons for name in (one.first, one.second)} - self._points.keys()
        if unknown:
            raise EvaluationError(f"a judge compared '{min(unknown)}', which is no candidate of this run")
        pairs = [[self._points[one.first], self._points[one.second]] for one in comparisons]
        found = np.array(pairs, dtype=np.float64).reshape(len(comparisons), 2, len(self._space.free))
        return found, np.array([one.share for one in comparisons], dtype=np.float64)

    def _judged(self, scores: Numbers) -> tuple[Judged, ...]:
        """What one judge's scores (N,) say of the candidates so far, each identity once."""
        found = dict(zip(self._names, scores.tolist(), strict=True))
        return tuple(Judged(name, tuple(self._points[name].tolist()), score) for name, score in found.items())

    def _scores(self, log: Sequence[Generation]) -> Numbers:
        """(N, K) of all candidates so far."""
        return np.concatenate([np.empty((0, len(self._scoring.labels))), *(one.scores for one in log)])

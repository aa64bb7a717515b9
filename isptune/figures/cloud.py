"""Scores against hidden losses of all evaluations, as numbers."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isptune.figures.convergence import Numbers
from isptune.figures.records import Record
from isptune.iqa.evaluation import srcc

MOST_POINTS = 2000


@dataclass(frozen=True)
class Scatter:
    """Every evaluation of an objective's runs, or an even sample of them.

    Attributes:
        scores, losses: (M,) score and normalised l1.
        best_scores, best_losses: (R,) of each run's best-scored candidate.
        total: how many evaluations the sample was taken from.
        agreement: Spearman's rank correlation of all of them between the score, turned so that higher is
            better, and the negative loss: 1 where the objective orders candidates as the truth does.
    """

    scores: Numbers
    losses: Numbers
    best_scores: Numbers
    best_losses: Numbers
    total: int
    agreement: float


def scatter(records: Sequence[Record], most: int = MOST_POINTS) -> Scatter | None:
    """Scores against hidden losses of one objective's runs; None where the truth or an order is missing.

    The sample is drawn from a generator that is seeded with the objective's name, so the same runs always
    give the same points.
    """
    known = [record for record in records if record.history.l1_normalised is not None]
    if not known:
        return None
    scores = np.concatenate([record.history.score for record in known])
    losses = np.concatenate([np.asarray(record.history.l1_normalised) for record in known])
    finite = np.isfinite(scores) & np.isfinite(losses)
    scores, losses = scores[finite], losses[finite]
    if len(scores) < 2:
        return None
    best = [(r.score, r.l1_normalised) for r in known if r.score is not None and r.l1_normalised is not None]
    sign = 1.0 if known[0].history.higher_is_better else -1.0
    sample = np.arange(len(scores))
    if len(scores) > most:
        generator = np.random.Generator(np.random.PCG64(zlib.crc32(known[0].objective.encode())))
        sample = np.sort(generator.choice(len(scores), most, replace=False))
    return Scatter(
        scores=scores[sample],
        losses=losses[sample],
        best_scores=np.array([score for score, _ in best]),
        best_losses=np.array([loss for _, loss in best]),
        total=len(scores),
        agreement=srcc(sign * scores, -losses),
    )

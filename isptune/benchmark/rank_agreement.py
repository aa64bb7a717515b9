"""Whether an objective orders a run's candidates as the hidden truth does."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from isptune.iqa.evaluation.correlations import Numbers, srcc
from isptune.runs.history import History


@dataclass(frozen=True)
class RankAgreement:
    """Spearman's rank correlations of score and hidden loss in one run; 1 is full agreement.

    Attributes:
        overall: over all evaluations.
        late: over the last quarter of them, where the optimizer has come close and differences are small.

    NaN where fewer than 2 scores are finite or all scores or losses are equal.
    """

    overall: float
    late: float


def rank_agreement(history: History) -> RankAgreement | None:
    """SRCC of the scores, turned so that higher is better, and minus ``l1_normalised``.

    Both orders are those of the candidates that the optimizer chose, not of candidates at large. The last
    quarter is rounded up to whole evaluations; scores that are not finite are left out.

    Returns:
        None where no truth is known.
    """
    if history.l1_normalised is None:
        return None
    scores = history.score if history.higher_is_better else -history.score
    quality = -history.l1_normalised
    late = len(scores) - math.ceil(len(scores) / 4)
    return RankAgreement(_srcc(scores, quality), _srcc(scores[late:], quality[late:]))


def _srcc(scores: Numbers, quality: Numbers) -> float:
    there = np.isfinite(scores) & np.isfinite(quality)
    return srcc(scores[there], quality[there]) if there.sum() >= 2 else float("nan")

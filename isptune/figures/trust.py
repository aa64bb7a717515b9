"""What the figure of a trust card shows, as numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isptune.benchmark.trust.card import TrustCard
from isptune.benchmark.trust.judges import TRUTH
from isptune.benchmark.trust.searches import Search
from isptune.figures.convergence import Numbers


@dataclass(frozen=True)
class SearchCurve:
    """One search: the best-scored candidate so far.

    Attributes:
        title: of the chain.
        evaluations: (B + 1,) where it changed, and the last evaluation.
        progress: (B + 1,) share of the score's whole improvement, 0 to 1.
        truths: (B + 1,) hidden normalised l1.
        turn: (evaluation, truth) from which on more search made it worse; None where it did not.
        beaten: it ended at a visibly distorted picture that scores better than the pristine one.
    """

    title: str
    evaluations: Numbers
    progress: Numbers
    truths: Numbers
    turn: tuple[float, float] | None
    beaten: bool


@dataclass(frozen=True)
class TrustPanels:
    """What the panels of a card show.

    Attributes:
        stages: from the highest SRCC to the lowest: name, SRCC, worst SRCC, how it is judged.
        curves: of the searches.
        judges: from the highest share to the lowest, the hidden truth last.
        moved: of each change its median and worst movement in spreads; NaN where nothing was measured.
    """

    stages: list[tuple[str, float, float, str]]
    curves: list[SearchCurve]
    judges: list[tuple[str, float]]
    moved: list[tuple[str, float, float]]


def trust_panels(card: TrustCard) -> TrustPanels:
    """The numbers of a card's figure."""
    stages = sorted(card.stages, key=lambda one: (-one.srcc, -one.worst))
    judges = sorted(card.judges.items(), key=lambda pair: (pair[0] == TRUTH, -pair[1]))
    return TrustPanels(
        stages=[(one.name, one.srcc, one.worst, one.judged) for one in stages],
        curves=[search_curve(one) for one in card.searches],
        judges=judges,
        moved=[(one.change, _number(one.median), _number(one.worst)) for one in card.moved],
    )


def search_curve(search: Search) -> SearchCurve:
    """A search as a curve that goes on to its last evaluation."""
    scores = np.array([*search.scores, search.scores[-1]])
    whole = scores[-1] - scores[0]
    progress = np.ones_like(scores) if whole == 0 else (scores - scores[0]) / whole
    return SearchCurve(
        title=search.title,
        evaluations=np.array([*search.evaluations, search.budget], dtype=np.float64),
        progress=progress,
        truths=np.array([*search.truths, search.truths[-1]]),
        turn=(float(search.at), search.lowest) if search.over_optimised else None,
        beaten=search.beaten,
    )


def _number(value: float | None) -> float:
    return float("nan") if value is None else value

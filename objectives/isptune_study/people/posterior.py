"""What all answers of a search say about its candidates: one scale, in JOD above the default."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isptune.contracts.round import Comparison, Round
from isptune.wording.showing import counted
from isptune_study.laws import THURSTONE
from isptune_study.preferences import Preferences, PreferenceSearch

Numbers = NDArray[np.float64]

_DIGITS = 4
"""Of scores in JOD; a generation's log holds those of all before, and nobody can see less."""

_INTERVAL = 1.959964
_FAR = 1e3
"""Between candidates of which nobody knows where they stand: what is said of one tells nothing of others."""


@dataclass(frozen=True)
class Verdict:
    """What is known of the candidates.

    Attributes:
        scores: in JOD above the anchor, by identity.
        best: the identity of the largest score.
        half_width: of the 95% interval of the best one's score; None where it is the anchor.
    """

    scores: Mapping[str, float]
    best: str | None
    half_width: float | None


def verdict_of(round: Round, comparisons: Sequence[Comparison], search: PreferenceSearch | None) -> Verdict:
    """Scores of this generation's contenders and of the candidates before.

    They count from the start of the space; from the leader's score where nobody knows the start.

    Args:
        round: the generation.
        comparisons: all of the run.
        search: knows how a kernel is learned; None where candidates have no place in a cube.
    """
    points = _points(round)
    judged = [one.identity for one in round.contenders]
    judged += [one.identity for one in round.past if not math.isnan(one.score)]
    anchor = round.start or round.leader
    base = round.leader.score if round.start is None and round.leader is not None else 0.0
    names = list(dict.fromkeys(judged))
    if not comparisons:
        return Verdict(dict.fromkeys(names, base), None, None)
    pairs = np.array([[points[one.first], points[one.second]] for one in comparisons])
    shares = np.array([one.share for one in comparisons])
    known = _known(pairs, shares, search)
    where = np.array([points[name] for name in names])
    if anchor is None:
        means, deviations = known.mean(where), np.zeros(len(where))
    else:
        means, deviations = known.apart(where, np.array(points[anchor.identity]))
    scores = {
        name: round_jod(base + mean * THURSTONE.jod) for name, mean in zip(names, means.tolist(), strict=True)
    }
    best = max(names, key=lambda name: scores[name])
    is_anchor = anchor is None or best == anchor.identity
    width = None if is_anchor else _INTERVAL * THURSTONE.jod * float(deviations[names.index(best)])
    return Verdict(scores, best, width)


def remark_of(verdict: Verdict, comparisons: int, observers: Iterable[str]) -> str:
    """A sentence about how far a search is and how sure."""
    said = f"{counted(comparisons, 'comparison')} by {counted(len(set(observers)), 'observer')}: "
    if verdict.best is None:
        return said + "nothing is known yet"
    if verdict.half_width is None:
        return said + "no setting is better than the default so far"
    score, width = verdict.scores[verdict.best], verdict.half_width
    return (
        f"{said}the best setting is {score:.2f} JOD above the default "
        f"(95%: {score - width:.2f} to {score + width:.2f})"
    )


def round_jod(score: float) -> float:
    """A score to the digits that are kept; no zero is negative."""
    return round(score, _DIGITS) + 0.0


def _known(pairs: Numbers, shares: Numbers, search: PreferenceSearch | None) -> Preferences:
    dimensions = pairs.shape[2]
    return (search or PreferenceSearch(dimensions)).learned(pairs, shares)


def _points(round: Round) -> dict[str, tuple[float, ...]]:
    """Where every candidate stands; far from all others where nobody knows."""
    shown = [one for one in (*round.contenders, round.leader, round.start) if one is not None]
    found = {one.identity: one.point for one in round.past}
    found |= {one.identity: one.point for one in shown}
    if all(found.values()):
        return found
    names = sorted(found)
    return {
        name: tuple(_FAR if place == own else 0.0 for place in range(len(names)))
        for own, name in enumerate(names)
    }

"""What the figures of a study show, as numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isptune_study.answers import Numbers
from isptune_study.scoring import SceneScores, StudyScores

BINS = 10


@dataclass(frozen=True, eq=False)
class Histogram:
    """How opinions are spread.

    Attributes:
        edges: (B + 1,) of the bins.
        counts: (B,) images in them.
        chi_square: the sum of squared differences from equal counts, over the equal count; 0 is flat.
        chance: how probable as large a value is if opinions were drawn evenly over the range.
    """

    edges: Numbers
    counts: Numbers
    chi_square: float
    chance: float


@dataclass(frozen=True, eq=False)
class ScenePanels:
    """The panels of a scene.

    Attributes:
        title: of the scene; empty where there is one alone.
        unit: of the opinions: ``"MOS"`` or ``"JOD"``.
        names: (N,) images, the worst first, as everything here.
        opinions: (N,) in that unit.
        half_widths: (N,) of their intervals; NaN where there are none.
        histogram: of the opinions.
        wins: (N, N) the share of the comparisons of both that the image of the row won; NaN without any.
    """

    title: str
    unit: str
    names: tuple[str, ...]
    opinions: Numbers
    half_widths: Numbers
    histogram: Histogram
    wins: Numbers


def scene_panels(scores: StudyScores) -> list[ScenePanels]:
    """The panels of each scene."""
    return [_panels(one) for one in scores.scenes]


def _panels(one: SceneScores) -> ScenePanels:
    if one.wins is None:
        unit, ends = "JOD", None
        widths = one.scale.half_widths * one.scale.law.jod
    else:
        unit, ends, widths = "MOS", (0.0, float(one.wins.opponents)), one.wins.half_widths
    order = np.argsort(one.scale.positions, kind="stable")
    opinions = one.opinions
    return ScenePanels(
        title=one.scene,
        unit=unit,
        names=tuple(one.images[place] for place in order),
        opinions=opinions[order],
        half_widths=widths[order],
        histogram=histogram(opinions[np.isfinite(opinions)], ends),
        wins=win_shares(one)[np.ix_(order, order)],
    )


def histogram(values: Numbers, ends: tuple[float, float] | None = None, bins: int = BINS) -> Histogram:
    """A histogram and how far from flat it is.

    Args:
        values: (N,) finite.
        ends: of the range; that of the values if None.
        bins: how many.
    """
    from scipy.special import chdtrc

    if ends is None:
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
        ends = (low, high) if high > low else (low - 0.5, low + 0.5)
    counts, edges = np.histogram(values, bins, ends)
    expected = max(len(values), 1) / bins
    chi_square = float(((counts - expected) ** 2).sum() / expected)
    return Histogram(edges, counts.astype(np.float64), chi_square, float(chdtrc(bins - 1, chi_square)))


def win_shares(one: SceneScores) -> Numbers:
    """(N, N) the share of their comparisons that the image of the row won over that of the column."""
    count, tests = len(one.images), one.answers
    wins, met = np.zeros((count, count)), np.zeros((count, count))
    np.add.at(wins, (tests.left, tests.right), tests.share)
    np.add.at(wins, (tests.right, tests.left), 1 - tests.share)
    np.add.at(met, (tests.left, tests.right), 1)
    np.add.at(met, (tests.right, tests.left), 1)
    return np.divide(wins, met, out=np.full((count, count), np.nan), where=met > 0)

"""The verdict on an objective: the same rules for all, and what speaks for it in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isptune.benchmark.trust.searches import BEATEN, Search
from isptune.benchmark.trust.stability import Movement
from isptune.benchmark.trust.sweep import Sweep
from isptune.wording.naming import listed
from isptune.wording.showing import counted

TRUSTWORTHY, PARTLY, GAMEABLE = "trustworthy", "trustworthy for these stages", "gameable"
RIGHT, WEAK, WRONG = "right", "weak", "wrong way round"

# A stage is judged as the truth does from these rank correlations on: median and worst of the scenes, ...
MEDIAN_SRCC, WORST_SRCC = 0.9, 0.0
# ... where the best score lies at most this share of the highest level above the pristine picture, and where
# no visible level beats the pristine picture.
BEST_SHARE = 1 / 6
# Fewer rightly judged stages than this share of the bank are no base to trust anything on.
FEWEST_RIGHT = 0.5
# As many have to be judged right, and none may lead away from the pristine picture, to trust all of it.
MOST_RIGHT = 0.9
# The share of searches over rightly judged stages that may end at a picture that beats the pristine one.
MOST_BEATEN = 0.25
# What nobody sees may move the score by so many spreads, in the median.
UNSTABLE = 0.5


@dataclass(frozen=True)
class Stage:
    """How an objective judges one stage of the bank.

    Attributes:
        name, family: of the stage.
        srcc, worst: SRCC of loss and level within a scene: median and worst.
        best_share: level of the best score as a share of the highest, median of the scenes.
        gain: by how many spreads a visible level scores better than the pristine picture at most, median
            of the scenes; below 0 where none does.
        judged: ``"right"``, ``"weak"`` or ``"wrong way round"``.
    """

    name: str
    family: str
    srcc: float
    worst: float
    best_share: float
    gain: float
    judged: str

    @property
    def leads_away(self) -> bool:
        """A search of this stage alone may end elsewhere: a visible level scores as well, or better."""
        return self.judged == WRONG or self.best_share > BEST_SHARE or self.gain > -BEATEN


@dataclass(frozen=True)
class Verdict:
    """What is to be thought of an objective, and why."""

    verdict: str
    reasons: list[str]


def judged_stages(sweep: Sweep) -> list[Stage]:
    """Every stage of the bank, in its order."""
    found = []
    for row, (name, family) in enumerate(zip(sweep.stages, sweep.families, strict=True)):
        correlations = sweep.correlations(row)
        srcc, worst = float(np.median(correlations)), float(correlations.min())
        best, gain = float(np.median(sweep.best_shares(row))), visible_gain(sweep, row)
        right = srcc >= MEDIAN_SRCC and worst >= WORST_SRCC and best <= BEST_SHARE and gain <= BEATEN
        judged = RIGHT if right else WRONG if srcc < 0 else WEAK
        found.append(Stage(name, family, srcc, worst, best, gain, judged))
    return found


def visible_gain(sweep: Sweep, stage: int) -> float:
    """By how many spreads visible levels of a stage beat the pristine picture at most, median of scenes."""
    highest = []
    for number in range(len(sweep.scenes)):
        gains = sweep.gains[stage, number, sweep.visible(stage, number) :]
        there = gains[np.isfinite(gains)]
        # What cannot be scored is no temptation.
        highest.append(float(there.max()) if there.size else -1.0)
    return float(np.median(highest))


def trusted_names(stages: Sequence[Stage]) -> list[str]:
    """The stages that an objective judges as the truth does."""
    return [stage.name for stage in stages if stage.judged == RIGHT]


def counting(searches: Sequence[Search], stages: Sequence[Stage]) -> list[Search]:
    """The searches that the verdict counts: over stages that the objective judges as the truth does."""
    trusted = set(trusted_names(stages))
    return [one for one in searches if set(one.stages) <= trusted]


def verdict(
    stages: Sequence[Stage], searches: Sequence[Search], moved: Sequence[Movement], failures: str
) -> Verdict:
    """Judge an objective.

    Gameable: fewer than half of the stages are judged right, more than a quarter of the searches over rightly
    judged stages end at a visibly distorted picture that beats the pristine one, or what nobody sees moves
    the score by half a spread. Trustworthy: no stage leads away from the pristine picture, nine of ten are
    judged right, no search ends at such a picture, and every picture has a score. Trustworthy for these
    stages: everything between.

    Args:
        stages: of the bank.
        searches: over rightly judged stages and over others.
        moved: by small changes.
        failures: a sentence about pictures without a score; empty where there are none.
    """
    right, safe = trusted_names(stages), counting(searches, stages)
    beaten = [one for one in safe if one.beaten]
    against = []
    if len(right) < FEWEST_RIGHT * len(stages):
        against.append(
            f"It judges {len(right)} of {counted(len(stages), 'stage')} as the truth does: less than half."
        )
    if len(beaten) > MOST_BEATEN * len(safe):
        against.append(
            "Even over stages that it judges right, a distorted picture beats the pristine one in "
            f"{len(beaten)} of {_searches(safe)}."
        )
    against += [
        f"Its score moves by {one.median:.2g} spreads in the median for {one.change}, which nobody sees."
        for one in moved
        if one.median is not None and one.median > UNSTABLE
    ]
    reasons = [*against, *_of_stages(stages), *_of_searches(searches)]
    reasons += [f"{failures[0].upper()}{failures[1:]}."] if failures else []
    if against:
        return Verdict(GAMEABLE, reasons)
    whole = len(right) >= MOST_RIGHT * len(stages) and not any(stage.leads_away for stage in stages)
    clean = whole and not any(one.beaten for one in searches) and not failures
    return Verdict(TRUSTWORTHY if clean else PARTLY, reasons)


def _of_stages(stages: Sequence[Stage]) -> list[str]:
    wrong = [stage.name for stage in stages if stage.judged == WRONG]
    weak = [stage.name for stage in stages if stage.judged == WEAK]
    told = [f"It judges all {len(stages)} stages as the truth does."] if not wrong and not weak else []
    told += [f"It has these the wrong way round: {listed(wrong, 40)}."] if wrong else []
    away = [stage.name for stage in stages if stage.judged == WEAK and stage.leads_away]
    flat = [stage.name for stage in stages if stage.judged == RIGHT and stage.leads_away]
    told += [f"It judges these weakly: {listed(weak, 40)}."] if weak else []
    if flat:
        told.append(f"A visible level of these scores as well as the pristine picture: {listed(flat, 40)}.")
    if weak and not away:
        return [*told, "Even there every visible level scores worse than the pristine picture."]
    return told


def _of_searches(searches: Sequence[Search]) -> list[str]:
    beaten = [one for one in searches if one.beaten]
    if beaten:
        most = max(beaten, key=lambda one: one.gain)
        told = [
            f"In {len(beaten)} of {_searches(searches)} a distorted picture beats the pristine one, "
            f"by up to {most.gain:.2g} spreads ({listed(most.stages)})."
        ]
    else:
        told = [f"In none of {_searches(searches)} a visibly distorted picture beats the pristine one."]
    worse = [one for one in searches if one.misled]
    if worse:
        told.append(f"In {len(worse)} of {_searches(searches)} tuning ended more distorted than it began.")
    late = [one for one in searches if one.over_optimised]
    if late:
        at, rise = (float(np.median([getattr(one, key) for one in late])) for key in ("at", "rise"))
        told.append(
            f"In {len(late)} of {_searches(searches)} more search made it worse: from evaluation {at:.0f} on "
            f"the hidden distortion rose by {rise:.2g} (medians)."
        )
    return told


def _searches(searches: Sequence[Search]) -> str:
    return f"{len(searches)} search{'' if len(searches) == 1 else 'es'}"

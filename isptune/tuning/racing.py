"""Races: all candidates of a generation meet a few scenes, and only the better half of them meets more.

With ``race: N`` of S scenes every candidate is first scored on N of them; the better half goes on to N more,
and of these the better half to all S (successive halving). Which scenes come first is drawn anew for each
generation, so that no scene decides more often than others. It is sound for every pipeline and objective
that scores pictures one by one: what goes on to the end has the score that it would have had without a race.

The first generation is seen whole. It sets the scale of everything that counts in typical differences, and
it shows whether a race is worth it: how well the ranks on N scenes agree with those on all.

What is dropped has no score. The optimizer is told an estimate in its place: the mean on the scenes that were
seen, plus what all scenes differ from these for the candidates that went on. It is moved so that what was
dropped ranks behind all that went on further, in the order of the race. Estimates are in the log, so that a
resumed run tells the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from isptune.errors import ConfigurationError
from isptune.runs.generation import DONE, DROPPED
from isptune.tuning.fates import Fates
from isptune.tuning.prechecks import check_budget
from isptune.wording.showing import counted

if TYPE_CHECKING:
    from isptune.tuning.scoring import Scoring
    from isptune.tuning.settings.shared import SharedSettings

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]

# Below this agreement of ranks a race drops nearly at random.
UNSOUND = 0.5
# Of a generation at least this share goes on to the end.
_LEAST = 4


@dataclass(frozen=True)
class Rung:
    """One leg of a race: so many scenes have been seen at its end, by so many candidates of a generation."""

    scenes: int
    candidates: int


def rungs_of(first: int, scenes: int, population: int) -> list[Rung]:
    """The legs of a race; the last one is over all scenes.

    Example:
        >>> [(rung.scenes, rung.candidates) for rung in rungs_of(2, 8, 30)]
        [(2, 30), (4, 15), (8, 8)]
    """
    found = [Rung(first, population)]
    while found[-1].scenes < scenes:
        before = found[-1]
        candidates = max(-(-before.candidates // 2), -(-population // _LEAST))
        last = 2 * before.scenes >= scenes or candidates <= -(-population // _LEAST)
        found.append(Rung(scenes if last else 2 * before.scenes, candidates))
    return found


def cost_of(first: int, scenes: int, population: int) -> float:
    """Full evaluations that a generation of a race takes where no candidate fails."""
    seen, total = 0, 0
    for rung in rungs_of(first, scenes, population):
        total += (rung.scenes - seen) * rung.candidates
        seen = rung.scenes
    return total / scenes


def generations_of(budget: int, population: int, first: int, scenes: int) -> int:
    """How many generations of a race the budget of full evaluations suffices for; the first is seen whole.

    Example:
        >>> generations_of(150, 30, 2, 8)
        8
    """
    return 1 + max(0, int((budget - population) / cost_of(first, scenes, population) + 1e-9))


def planned_generations(config: SharedSettings, scenes: int) -> int:
    """How many generations a run makes, unless time or patience ends it before.

    Args:
        config: with a population.
        scenes: how many the run is tuned on.
    """
    assert config.population is not None
    generations = check_budget(config.budget, config.population)
    if config.race is None or config.budget is None:
        return generations
    return generations_of(config.budget, config.population, config.race, scenes)


def check_race(first: int | None, scoring: Scoring, scenes: int, follows_gradients: bool) -> None:
    """Refuse a race that cannot be.

    Raises:
        ConfigurationError: one sentence.
    """
    if first is None:
        return
    if len(scoring.labels) > 1:
        raise ConfigurationError(
            f"race is {first}, and there are {len(scoring.labels)} scores; a race ranks by one, so leave it "
            "out or give one objective"
        )
    if scoring.judges:
        raise ConfigurationError(
            f"race is {first}, and the objective '{next(iter(scoring.judges))}' is a judge, which compares "
            "whole generations; leave one of them out"
        )
    if follows_gradients:
        raise ConfigurationError(
            f"race is {first}, and the optimizer needs the gradients of all scenes; "
            "choose one without gradients, such as 'es'"
        )
    if first >= scenes:
        more = "" if scenes > 1 else ": give more pictures, or crops such as --crop 6x256"
        raise ConfigurationError(
            f"race is {first}, and the run has {counted(scenes, 'scene')}; allowed: fewer than that{more}"
        )


class Race:
    """The race of one generation; the first of a run is seen whole.

    Args:
        first: scenes that every candidate meets.
        scenes: how many there are.
        seed, number: of the run, and the generation's, from which the order of the scenes is drawn.
        higher_is_better: of the score.
        added: (P,) what the run adds to the losses of the candidates, whatever their scores are.
    """

    def __init__(
        self, first: int, scenes: int, seed: int, number: int, higher_is_better: bool, added: Numbers
    ) -> None:
        self.is_whole = number == 0
        self.first, self.scenes = first, scenes
        stream = np.random.SeedSequence([seed, number, first, scenes])
        self.order = np.random.Generator(np.random.PCG64(stream)).permutation(scenes)
        self._sign = -1.0 if higher_is_better else 1.0
        self._added = added
        # The share of all scenes that each candidate has met, and where it was dropped.
        self.shares = np.zeros(len(added))
        self._dropped: list[tuple[int, Places]] = []

    def legs(self) -> list[tuple[Rung, list[int]]]:
        """The legs with the scenes that each adds, in the order of the pipeline's scenes."""
        if self.is_whole:
            return [(Rung(self.scenes, len(self._added)), list(range(self.scenes)))]
        rungs, seen = rungs_of(self.first, self.scenes, len(self._added)), 0
        found = []
        for rung in rungs:
            found.append((rung, sorted(self.order[seen : rung.scenes].tolist())))
            seen = rung.scenes
        return found

    def losses(self, fates: Fates, seen: int) -> Numbers:
        """(P,) mean losses on the first so many scenes of the order; NaN where one of them is not scored."""
        scores: Numbers = fates.scores[np.sort(self.order[:seen]), :, 0].mean(axis=0)
        return self._sign * scores

    def end_leg(self, fates: Fates, rung: Rung, rows: Places, following: int) -> None:
        """Drop what does not go on.

        Args:
            fates: of the generation.
            rung: the leg that has ended.
            rows: the candidates that met its scenes.
            following: how many go on at most.
        """
        self.shares[rows] = rung.scenes / self.scenes
        left = fates.going_on()
        if rung.scenes == self.scenes or len(left) <= following:
            return
        losses = self.losses(fates, rung.scenes)[left] + self._added[left]
        order = left[np.argsort(losses, kind="stable")]
        gone = np.sort(order[following:])
        for row in gone:
            fates.drop(int(row))
        self._dropped.append((rung.scenes, gone))

    def found(self, fates: Fates) -> tuple[Numbers, Numbers | None, float | None]:
        """The share of all scenes that each candidate met, estimates, and the agreement of the ranks."""
        told = self.estimates(fates) if self._dropped else None
        return self.shares, told, agreement(fates, self) if self.is_whole else None

    def estimates(self, fates: Fates) -> Numbers:
        """(P, 1) scores that stand for those of dropped candidates; NaN for the others."""
        whole = self.losses(fates, self.scenes)
        done = np.array([status == DONE for status in fates.statuses])
        found = np.full(len(whole), np.nan)
        ahead = whole[done]
        for seen, rows in reversed(self._dropped):
            partial = self.losses(fates, seen)
            guessed = partial[rows]
            if done.any():
                guessed = guessed + (whole[done] - partial[done]).mean()
            if len(ahead):
                worst = float(ahead.max())
                guessed = guessed + max(0.0, worst - float(guessed.min()))
                guessed = np.maximum(guessed, np.nextafter(worst, np.inf))
            found[rows] = guessed
            ahead = np.concatenate([ahead, guessed])
        return (self._sign * found)[:, None]


def told_scores(scores: Numbers, estimates: Numbers | None, statuses: Sequence[str]) -> Numbers:
    """(P, K) scores as the optimizer is told them: estimates in the place of what was dropped."""
    if estimates is None:
        return scores
    dropped = np.array([status == DROPPED for status in statuses])
    return np.where(dropped[:, None], estimates, scores)


def agreement(fates: Fates, race: Race) -> float | None:
    """How well the ranks on the first scenes of a race agree with those on all (Spearman's, -1 to 1).

    None where fewer than three candidates are done, or all are equal.
    """
    from isptune.tuning.fronts import ranks

    whole, first = race.losses(fates, race.scenes), race.losses(fates, race.first)
    done = np.isfinite(whole)
    if done.sum() < 3:
        return None
    pair = np.stack([ranks(one[done][:, None])[:, 0] for one in (whole, first)])
    if (pair.std(axis=1) == 0).any():
        return None
    return float(np.corrcoef(pair)[0, 1])


def little_agreement(found: float) -> str:
    """What to say where the first scenes of a race tell little."""
    return (
        "in the first generation the ranks on the first scenes of a race agree with those on all by "
        f"{found:.2f}, where 1 is wholly: races may drop the best; give them more scenes, or leave them out"
    )

"""Races: all candidates of a generation meet a little of the scenes, and only the better part meets more.

With ``race: N`` of S scenes every candidate is first scored on N of them; the better half goes on to N more,
and of these the better half to all S (successive halving). Which scenes come first is drawn anew for each
generation, so that no scene decides more often than others. With ``race: 1/N`` every candidate is first
scored on a window of each scene (``isptune.tuning.windows``), and the best quarter goes on to whole scenes.
Either is sound for every objective that scores pictures one by one: what goes on to the end has the score
that it would have had without a race. Of several scores the ranks are by non-dominated front.

The first generation is seen whole. It sets the scale of everything that counts in typical differences, and
it shows whether a race is worth it: how well the ranks on what comes first agree with those on all.

What is dropped has no score. The optimizer is told an estimate in its place: the mean on what was seen, plus
what all scenes differ from it for the candidates that went on. It is moved so that what was dropped ranks
behind all that went on further, in each score, in the order of the race. Estimates are in the log, so that a
resumed run tells the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from isptune.contracts.pipeline import Scene
from isptune.errors import ConfigurationError
from isptune.runs.generation import DONE, DROPPED, Parts
from isptune.tuning.fates import Fates
from isptune.tuning.fronts import by_fronts, ranks
from isptune.tuning.race_plans import Rung, rungs_of
from isptune.tuning.scoring import Scoring
from isptune.wording.showing import counted

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]

# Below this agreement of ranks a race drops nearly at random.
UNSOUND = 0.5


def check_race(race: int | str | None, scoring: Scoring, scenes: int, follows_gradients: bool) -> None:
    """Refuse a race that cannot be, whatever the pipeline is.

    Raises:
        ConfigurationError: one sentence.
    """
    if race is None:
        return
    if scoring.judges:
        raise ConfigurationError(
            f"race is {race}, and the objective '{next(iter(scoring.judges))}' is a judge, which compares "
            "whole generations; leave one of them out"
        )
    if follows_gradients:
        raise ConfigurationError(
            f"race is {race}, and the optimizer needs the gradients of all scenes; "
            "choose one without gradients, such as 'es'"
        )
    if isinstance(race, int) and race >= scenes:
        more = "" if scenes > 1 else ": give more pictures, or crops such as --crop 6x256"
        raise ConfigurationError(
            f"race is {race}, and the run has {counted(scenes, 'scene')}; allowed: fewer than that{more}, or "
            "the share of each scene that windows show, such as 1/8"
        )


class Race:
    """The race of one generation; the first of a run is seen whole.

    Args:
        first: scenes that every candidate meets first; 0 where there are windows.
        scenes: how many there are.
        seed, number: of the run, and the generation's, from which the order of the scenes is drawn.
        orientations: (K,) whether higher is better, of the scores.
        added: (P, K) what the run adds to the losses of the candidates, whatever their scores are.
        known: by candidate what was scored before on some scenes, which it does not meet again.
        windows: of all scenes, in their order, which every candidate meets first.
        share: the share of an evaluation that the windows take.
    """

    def __init__(
        self,
        first: int,
        scenes: int,
        seed: int,
        number: int,
        orientations: Sequence[bool],
        added: Numbers,
        known: Mapping[int, Parts] | None = None,
        windows: Sequence[Scene] = (),
        share: float = 0.0,
    ) -> None:
        self.is_whole = number == 0
        self.first, self.scenes = first, scenes
        self.known = known or {}
        self.windows, self._share = windows, share
        stream = np.random.SeedSequence([seed, number, first, scenes])
        self.order = np.random.Generator(np.random.PCG64(stream)).permutation(scenes)
        self._signs = np.where(orientations, -1.0, 1.0)
        self._added = added
        # The share of all scenes that each candidate has met, and where it was dropped.
        self.shares = np.zeros(len(added))
        self._dropped: list[tuple[int, Places]] = []
        self._on_windows: Fates | None = None

    def legs(self) -> list[tuple[Rung, list[int]]]:
        """The legs over scenes, with the scenes that each adds, in the order of the pipeline's scenes."""
        if self.is_whole:
            return [(Rung(self.scenes, len(self._added)), list(range(self.scenes)))]
        rungs, seen = rungs_of(self.first, self.scenes, len(self._added)), 0
        found = []
        for rung in rungs[1:] if self.windows else rungs:
            found.append((rung, sorted(self.order[seen : rung.scenes].tolist())))
            seen = rung.scenes
        return found

    def losses(self, fates: Fates, seen: int) -> Numbers:
        """(P, K) mean losses on the first so many scenes of the order, of 0 on the windows.

        NaN where one of them is not scored.
        """
        scores, met = fates.scores, np.sort(self.order[:seen])
        if seen == 0:
            assert self._on_windows is not None
            scores, met = self._on_windows.scores, np.arange(self.scenes)
        columns = [sign * scores[met, :, place].mean(axis=0) for place, sign in enumerate(self._signs)]
        return np.stack(columns, axis=1)

    def end_windows(self, fates: Fates, on_windows: Fates) -> None:
        """Drop what does not go on from the windows to whole scenes.

        Args:
            fates: of the generation; what failed on the windows has failed in it.
            on_windows: its scores on the windows.
        """
        self._on_windows = on_windows
        self.shares += self._share
        if not self.is_whole:
            self._drop(fates, 0, self.legs()[0][0].candidates)

    def end_leg(self, fates: Fates, rung: Rung, rows: Places, following: int) -> None:
        """Drop what does not go on.

        Args:
            fates: of the generation.
            rung: the leg that has ended.
            rows: the candidates that met its scenes.
            following: how many go on at most.
        """
        self.shares[rows] = rung.scenes / self.scenes + (self._share if self.windows else 0.0)
        if rung.scenes < self.scenes:
            self._drop(fates, rung.scenes, following)

    def _drop(self, fates: Fates, seen: int, following: int) -> None:
        left = fates.going_on()
        if len(left) <= following:
            return
        losses = self.losses(fates, seen)[left] + self._added[left]
        gone = np.sort(left[by_fronts(losses)[following:]])
        for row in gone:
            fates.drop(int(row))
        self._dropped.append((seen, gone))

    def found(self, fates: Fates) -> tuple[Numbers, Numbers | None, float | None]:
        """The share of all scenes that each candidate met, estimates, and the agreement of the ranks."""
        told = self.estimates(fates) if self._dropped else None
        return self.shares, told, agreement(fates, self) if self.is_whole else None

    def estimates(self, fates: Fates) -> Numbers:
        """(P, K) scores that stand for those of dropped candidates; NaN for the others."""
        whole = self.losses(fates, self.scenes)
        done = np.array([status == DONE for status in fates.statuses])
        columns = [self._estimated(fates, place, losses, done) for place, losses in enumerate(whole.T)]
        return self._signs * np.stack(columns, axis=1)

    def _estimated(self, fates: Fates, column: int, whole: Numbers, done: NDArray[np.bool_]) -> Numbers:
        """(P,) losses of one score that stand for those of dropped candidates; NaN for the others.

        Args:
            fates: of the generation.
            column: of the score.
            whole: (P,) its losses on all scenes.
            done: (P,) which of them there are.
        """
        found = np.full(len(whole), np.nan)
        whole = np.ascontiguousarray(whole)
        ahead = whole[done]
        for seen, rows in reversed(self._dropped):
            partial = self.losses(fates, seen)[:, column]
            guessed = partial[rows]
            if done.any():
                guessed = guessed + (whole[done] - partial[done]).mean()
            if len(ahead):
                worst = float(ahead.max())
                guessed = guessed + max(0.0, worst - float(guessed.min()))
                guessed = np.maximum(guessed, np.nextafter(worst, np.inf))
            found[rows] = guessed
            ahead = np.concatenate([ahead, guessed])
        return found


def told_scores(scores: Numbers, estimates: Numbers | None, statuses: Sequence[str]) -> Numbers:
    """(P, K) scores as the optimizer is told them: estimates in the place of what was dropped."""
    if estimates is None:
        return scores
    dropped = np.array([status == DROPPED for status in statuses])
    return np.where(dropped[:, None], estimates, scores)


def agreement(fates: Fates, race: Race) -> float | None:
    """How well the ranks on what comes first in a race agree with those on all (Spearman's, -1 to 1).

    Of several scores it is that of the one that agrees least. None where fewer than three candidates are
    done, or all are equal.
    """
    whole, first = race.losses(fates, race.scenes), race.losses(fates, race.first)
    done = np.isfinite(whole).all(axis=1) & np.isfinite(first).all(axis=1)
    if done.sum() < 3:
        return None
    pair = np.stack([ranks(one[done]) for one in (whole, first)])
    if (pair.std(axis=1) == 0).any():
        return None
    return min(float(np.corrcoef(columns)[0, 1]) for columns in np.moveaxis(pair, 2, 0))


def little_agreement(found: float) -> str:
    """What to say where what comes first in a race tells little."""
    return (
        "in the first generation the ranks on what a race sees first agree with those on all by "
        f"{found:.2f}, where 1 is wholly: races may drop the best; let them see more first, or leave them out"
    )

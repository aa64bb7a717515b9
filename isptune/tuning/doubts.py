"""What a run adds to the losses of its candidates: the doubts of guards, and the way from the defaults.

A *guard* is a second judge of the pictures that the optimizer does not follow. A candidate is doubted where
the judges part: the objective calls it better than the start of the search space, and the guard calls it
worse than that start by more than a tolerance. Such a gain counts against the candidate:

    gain_k = (loss k of the start - loss k) / spread of loss k
    harm_j = (guard loss j - guard loss j of the start) / spread of guard loss j - tolerance
    doubt_jk = min(gain_k, harm_j), and 0 where either is below 0
    penalty_k = weight x spread of loss k x the largest doubt_jk of all guards j

With a weight of 1 a gain counts for nothing where the harm is as large; with the default of 2 it counts
against the candidate, so that a search turns back. What the objective itself calls worse than the start is
never doubted, and neither is a gain that no guard contradicts: there the loss is the objective's own.

The start is what "before" shows in every picture: the factory defaults, or the middle where none is declared.
Where it cannot be scored (it fails, or the objective is a judge) the candidate of the first generation stands
for it that objectives and guards like best together (``isptune.tuning.fronts.by_compromise``). The spread of
a judge is 1.4826 times the median absolute deviation of its losses in the first generation. Start and
spreads are frozen then: what is added to a loss depends on nothing that comes later, and a run that is
resumed adds the same.

``stay_near`` adds ``stay_near x spread of loss k x mean distance`` to loss k: the mean over the searched
parameters of how far each is from its default, 1 for the whole range or for another option of a choice. A
weight of 1 asks a candidate that is everything but the default to gain as much as one typical difference in
the first generation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from isptune.parameters import Choice, ParameterSpace
from isptune.runs.generation import Generation
from isptune.tuning.fronts import by_compromise
from isptune.tuning.scoring import losses_of

Numbers = NDArray[np.float64]

# The median absolute deviation of a normal distribution times this is its standard deviation.
_NORMAL = 1.4826


def spread_of(values: Numbers) -> float:
    """How far numbers lie apart, whatever a few outliers do; 0 where all are equal or there is none."""
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0
    typical = _NORMAL * float(np.median(np.abs(values - np.median(values))))
    return typical if typical > 0 else float(values.std())


@dataclass(frozen=True)
class Frame:
    """The scale of a run, frozen with its first generation that has scores.

    Attributes:
        losses, guards: (K,) and (G,) losses of the start.
        loss_spreads, guard_spreads: (K,) and (G,), 0 where all candidates were equal.
    """

    losses: Numbers
    guards: Numbers
    loss_spreads: Numbers
    guard_spreads: Numbers

    @classmethod
    def of(cls, losses: Numbers, guards: Numbers, start: Numbers | None) -> Frame | None:
        """The frame that a generation gives; None where no candidate in it is done.

        Args:
            losses: (P, K), not finite where a candidate is not done.
            guards: (P, G), likewise.
            start: (K + G,) both of the start, not finite where it is not done; None where nobody scored it.
        """
        both = np.concatenate([losses, guards], axis=1)
        order = by_compromise(both)
        if not len(order):
            return None
        finite = both[np.isfinite(both).all(axis=1)]
        scored = start is not None and bool(np.isfinite(start).all())
        reference = start if start is not None and scored else both[order[0]]
        spreads = np.array([spread_of(column) for column in finite.T])
        count = losses.shape[1]
        return cls(reference[:count], reference[count:], spreads[:count], spreads[count:])

    def doubts(self, losses: Numbers, guards: Numbers, tolerance: float) -> Numbers:
        """(P, G, K) how far each guard and each loss part, in spreads; 0 for a candidate that is not done.

        A judge that saw no difference in the first generation has no scale, and so no doubts.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            gains = (self.losses - losses) / self.loss_spreads
            harms = (guards - self.guards) / self.guard_spreads - tolerance
            found = np.minimum(gains[:, None, :], harms[:, :, None])
        scaled = (self.guard_spreads > 0)[:, None] & (self.loss_spreads > 0)[None, :]
        done = np.isfinite(np.concatenate([losses, guards], axis=1))
        done = done.all(axis=1, keepdims=True)[:, :, None]
        return np.where(done & scaled, np.maximum(found, 0.0), 0.0)


class Penalties:
    """Fines the candidates of a run, generation by generation in their order.

    Args:
        space: what is searched.
        orientations, guard_orientations: (K,) and (G,) whether higher is better.
        weight, tolerance: of the guards' doubts.
        stay_near: the weight of the distance from the defaults.
    """

    def __init__(
        self,
        space: ParameterSpace,
        orientations: tuple[bool, ...],
        guard_orientations: tuple[bool, ...],
        weight: float,
        tolerance: float,
        stay_near: float,
    ) -> None:
        self._space = space
        self._orientations, self._guard_orientations = orientations, guard_orientations
        self._weight, self._tolerance, self._near = weight, tolerance, stay_near
        self._frame: Frame | None = None
        self._start: Numbers | None = None
        self._default = space.to_unit(space.start()).numpy()
        self._choices = np.array([isinstance(one, Choice) for one in space.free])

    @property
    def any(self) -> bool:
        """Whether anything is ever added to a loss."""
        return bool(self._guard_orientations) or self._near > 0

    def fine(self, generation: Generation) -> None:
        """Note in a generation what is doubted of it and what is added to its losses.

        What it notes already, because it was read from a log, stays.
        """
        if not self.any:
            return
        losses = losses_of(generation.scores, self._orientations)
        count = len(losses)
        given = generation.guards
        guards = np.zeros((count, 0)) if given is None else losses_of(given, self._guard_orientations)
        if generation.reference is not None:
            self._start = losses_of(generation.reference, self._orientations + self._guard_orientations)[0]
        if self._frame is None:
            self._frame = Frame.of(losses, guards, self._start)
        if generation.penalties is not None:
            return
        penalties = np.zeros_like(losses)
        if self._frame is not None:
            doubts = self._frame.doubts(losses, guards, self._tolerance)
            if guards.shape[1]:
                generation.doubts = doubts.max(axis=2)
                penalties += self._weight * self._frame.loss_spreads * doubts.max(axis=1)
            if self._near:
                penalties += self.near(generation.candidates)
        elif guards.shape[1]:
            generation.doubts = np.zeros_like(guards)
        generation.penalties = penalties

    def near(self, candidates: Numbers) -> Numbers:
        """(P, K) what the distance from the defaults adds to the losses; nothing before there is a scale."""
        if self._frame is None or not self._near:
            return np.zeros((len(candidates), len(self._orientations)))
        return self._near * self._frame.loss_spreads * self.distances(candidates)[:, None]

    def distances(self, candidates: Numbers) -> Numbers:
        """(P,) mean distance of candidates (P, f) from the defaults, in [0, 1].

        What candidates mean counts and not where they lie in the unit cube: whole numbers are rounded, and
        parameters that are not active stand at their defaults.
        """
        space = self._space
        points = space.to_unit(space.to_values(torch.from_numpy(candidates))).numpy()
        away = np.abs(points - self._default)
        away[:, self._choices] = away[:, self._choices] > 0
        return np.asarray(away.mean(axis=1), dtype=np.float64)

    def slopes(self, candidates: Numbers) -> Numbers:
        """(P, f) gradients of what the distance from the defaults adds to the one loss, in the unit cube."""
        if self._frame is None or not self._near:
            return np.zeros_like(candidates)
        signs = np.sign(candidates - self._default)
        return np.asarray(self._near * self._frame.loss_spreads[0] * signs / candidates.shape[1])

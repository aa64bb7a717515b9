"""Pictures of programs and devices, scored in groups while others are made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from isptune.contracts.pipeline import Pipeline, Scene
from isptune.runs.generation import FAILED
from isptune.tuning.batches import Batches
from isptune.tuning.blame import called
from isptune.tuning.developing import Developed
from isptune.tuning.fates import Fates

# Pictures come one by one: so many of them are scored together.
_SCORED_TOGETHER = 8


class Arrivals:
    """Takes pictures in any order and scores them group by group.

    Which pictures are scored together depends on the candidates' places alone, not on which picture came
    first: a run that is repeated gives the same scores to the last bit.

    Args:
        pipeline: whose pictures they are.
        batches: scores them.
        device: where it does.
        fates: gets the scores.
        rows: the places in ``fates`` of the candidates that are developed, in their order.
        scenes: indices of the scenes that they meet, in their order.
        shown: the scenes themselves, of which ``scenes`` are indices.

    Attributes:
        keep_pictures: also note the pictures in ``fates``, for judges.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        batches: Batches,
        device: torch.device,
        fates: Fates,
        rows: NDArray[np.int64],
        scenes: Sequence[int],
        shown: Sequence[Scene],
    ) -> None:
        self._pipeline, self._batches, self._device = pipeline, batches, device
        self._fates, self._rows, self._scenes = fates, rows, list(scenes)
        self._shown = shown
        self._pictures: dict[tuple[int, int], NDArray[np.float32]] = {}
        # Whose picture of a scene is there, or will never be; by the scene's place among those that are met.
        self._settled = np.zeros((len(self._scenes), len(rows)), dtype=bool)
        self.keep_pictures = False

    def take(self, one: Developed) -> None:
        """Take what became of one candidate on one scene."""
        row, place = int(self._rows[one.candidate]), self._scenes.index(one.scene)
        if one.picture is not None:
            self._pictures[place, one.candidate] = one.picture
            if self.keep_pictures:
                self._fates.pictures[one.scene][row] = torch.from_numpy(one.picture)
            self._settled[place, one.candidate] = True
            self._score(place, one.candidate)
            return
        where = self._shown[one.scene].name
        why = f"the pipeline '{called(self._pipeline)}' {one.status}: {one.reason} on scene '{where}'"
        self._fates.end(row, one.scene, one.status, why)
        for later in range(place, len(self._scenes)):
            self._settled[later, one.candidate] = True
            self._score(later, one.candidate)

    def _score(self, place: int, candidate: int) -> None:
        """Score the group that a candidate belongs to, where all of it is settled."""
        start = candidate - candidate % _SCORED_TOGETHER
        group = range(start, min(start + _SCORED_TOGETHER, len(self._rows)))
        if not self._settled[place, group.start : group.stop].all():
            return
        there = [one for one in group if (place, one) in self._pictures]
        if not there:
            return
        index = self._scenes[place]
        scene = self._shown[index]
        pictures = np.stack([self._pictures.pop((place, one)) for one in there])
        found = self._batches.score(torch.from_numpy(pictures).to(self._device), scene)
        rows = [int(self._rows[one]) for one in there]
        self._fates.scores[index, rows] = found.scores
        for row, reason in found.failures.items():
            self._fates.end(rows[row], index, FAILED, f"{reason} on scene '{scene.name}'")

"""Candidates meet scenes: what becomes of each on every scene, or on as many as a race lets it meet."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isptune.contracts.pipeline import Pipeline, Scene
from isptune.parameters import ParameterSpace
from isptune.runs.generation import DONE, FAILED
from isptune.tuning.arrivals import Arrivals
from isptune.tuning.batches import Batches
from isptune.tuning.developing import Developing
from isptune.tuning.fates import Fates
from isptune.tuning.racing import Race
from isptune.tuning.scoring import Scoring

Numbers = NDArray[np.float64]


class Meetings:
    """Renders or develops candidates on scenes and scores them, before judges see them.

    Args:
        pipeline, scoring: on the device already.
        space: what candidates are of.
        device: where both run.
        memory_gb: gigabytes that the temporaries of one micro-batch may take.
        autocast: the number type of the objectives' matrix products, or None.
        developing: develops a pipeline that makes one picture at a time.

    Attributes:
        batches: scores whole scenes.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        scoring: Scoring,
        space: ParameterSpace,
        device: torch.device,
        memory_gb: float,
        autocast: torch.dtype | None,
        developing: Developing | None,
    ) -> None:
        self.pipeline, self.scoring, self.space, self.device = pipeline, scoring, space, device
        self._developing = developing
        self.batches = Batches(pipeline, scoring, space, device, memory_gb, autocast)
        self._of_windows = self.batches
        if scoring.guards:
            alone = scoring.without_guards()
            self._of_windows = Batches(pipeline, alone, space, device, memory_gb, autocast)

    @property
    def seconds_rendering(self) -> float:
        """Seconds spent so far on rendering, or on waiting for pictures."""
        return sum(one.seconds_rendering for one in {self.batches, self._of_windows})

    @property
    def seconds_scoring(self) -> float:
        """Seconds spent so far on scoring."""
        return sum(one.seconds_scoring for one in {self.batches, self._of_windows})

    def bind(self) -> None:
        """Ask the objectives again what scores each scene, where they have changed since this was made."""
        for batches in {self.batches, self._of_windows}:
            batches.bind()

    def fates(
        self, unit: Tensor, slopes: Numbers | None, race: Race | None = None, by_label: bool = False
    ) -> Fates:
        """What becomes of candidates on the scenes.

        Args:
            unit: (P, f) in the unit cube.
            slopes: (P, f) to which the scores' slopes are added, where they are wanted.
            race: drops candidates that fall behind.
            by_label: also score the objective's labels, in columns behind all others; not in a race.
        """
        columns = len(self.scoring.pictured) + len(self.scoring.guards)
        self.batches.by_label = by_label
        if by_label:
            columns += len(self.scoring.objectives[0].labels)
        fates = Fates(len(unit), len(self.pipeline.scenes), columns)
        if race is None:
            self._meet(unit, fates, slopes, range(len(self.pipeline.scenes)))
            return fates
        for row, parts in race.known.items():
            fates.know(row, parts)
        if race.windows:
            race.end_windows(fates, self._on_windows(unit, fates, race.windows))
        legs = race.legs()
        for place, (rung, scenes) in enumerate(legs):
            rows = fates.going_on()
            self._meet(unit, fates, None, scenes)
            following = legs[place + 1][0].candidates if place + 1 < len(legs) else len(unit)
            race.end_leg(fates, rung, rows, following)
        return fates

    def _on_windows(self, unit: Tensor, fates: Fates, windows: Sequence[Scene]) -> Fates:
        """What becomes of candidates on windows, which guards do not see; who fails there has failed."""
        found = Fates(len(unit), len(windows), len(self.scoring.pictured))
        self._meet(unit, found, None, range(len(windows)), windows)
        for row, (status, reason) in enumerate(zip(found.statuses, found.reasons, strict=True)):
            if status != DONE:
                fates.end(row, 0, status, reason)
        return found

    def _meet(
        self,
        unit: Tensor,
        fates: Fates,
        slopes: Numbers | None,
        scenes: Sequence[int],
        windows: Sequence[Scene] | None = None,
    ) -> None:
        """Have the candidates that go on meet some scenes.

        Args:
            unit: (P, f) all candidates.
            fates: of them, for each scene or for each window.
            slopes: (P, f) to which the scores' slopes are added, where they are wanted.
            scenes: the places of the scenes that are met.
            windows: that are met instead of the pipeline's scenes.
        """
        if self._developing is None:
            self._render(unit, fates, slopes, scenes, windows)
        else:
            self._develop(self._developing, unit, fates, scenes, windows)

    def _shown(self, windows: Sequence[Scene] | None) -> tuple[Sequence[Scene], Batches]:
        """The scenes that are met, and what scores them."""
        return (self.pipeline.scenes, self.batches) if windows is None else (windows, self._of_windows)

    def _render(
        self,
        unit: Tensor,
        fates: Fates,
        slopes: Numbers | None,
        scenes: Sequence[int],
        windows: Sequence[Scene] | None,
    ) -> None:
        """Scene by scene, the candidates that have not failed."""
        shown, batches = self._shown(windows)
        for index in scenes:
            scene = shown[index]
            rows = fates.lacking(index)
            if not len(rows):
                continue
            found = batches.evaluate(_chosen(unit, rows), scene, slopes is not None)
            fates.scores[index, rows] = found.scores
            fates.pictures[index].update((int(rows[row]), image) for row, image in found.pictures.items())
            if slopes is not None and found.slopes is not None:
                slopes[rows] += found.slopes
            for row, reason in found.failures.items():
                fates.end(int(rows[row]), index, FAILED, f"{reason} on scene '{scene.name}'")

    def _develop(
        self,
        developing: Developing,
        unit: Tensor,
        fates: Fates,
        scenes: Sequence[int],
        windows: Sequence[Scene] | None,
    ) -> None:
        """Score the pictures of the candidates that go on, while others are made."""
        groups: dict[tuple[int, ...], list[int]] = {}
        lacking = [set(fates.lacking(scene).tolist()) for scene in scenes]
        for row in fates.going_on().tolist():
            unmet = tuple(scene for scene, rows in zip(scenes, lacking, strict=True) if row in rows)
            groups.setdefault(unmet, []).append(row)
        for unmet, some in groups.items():
            if unmet:
                self._develop_some(developing, unit, fates, np.array(some, dtype=np.int64), unmet, windows)

    def _develop_some(
        self,
        developing: Developing,
        unit: Tensor,
        fates: Fates,
        rows: NDArray[np.int64],
        scenes: Sequence[int],
        windows: Sequence[Scene] | None,
    ) -> None:
        """The same for candidates that meet the same scenes."""
        shown, batches = self._shown(windows)
        with torch.no_grad():
            values = self.space.to_values(_chosen(unit, rows))
        started, scored = time.perf_counter(), self.seconds_scoring
        arrivals = Arrivals(self.pipeline, batches, self.device, fates, rows, scenes, shown)
        arrivals.keep_pictures = bool(self.scoring.judges)
        with developing.lent(windows or ()) as lent:
            numbers = list(scenes) if windows is None else [lent[scene] for scene in scenes]
            for one in developing.develop(values, numbers):
                arrivals.take(replace(one, scene=scenes[numbers.index(one.scene)]))
        waited = time.perf_counter() - started - (self.seconds_scoring - scored)
        batches.seconds_rendering += waited


def _chosen(unit: Tensor, rows: NDArray[np.int64]) -> Tensor:
    return unit if len(rows) == len(unit) else unit[torch.from_numpy(rows).to(unit.device)]

"""The races of a run, generation by generation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from isptune.contracts.pipeline import Pipeline
from isptune.runs.generation import Parts
from isptune.tuning.doubts import Penalties
from isptune.tuning.race_plans import parts_of
from isptune.tuning.racing import Race
from isptune.tuning.scoring import Scoring
from isptune.tuning.settings import RunConfig
from isptune.tuning.windows import drawn_windows


class Races:
    """What races the generations of a run have.

    Args:
        config: of the run.
        pipeline: that is tuned.
        scoring: of the run.
        penalties: what it adds to losses.
        share: the share of an evaluation that windows take; 0 without any.
    """

    def __init__(
        self, config: RunConfig, pipeline: Pipeline, scoring: Scoring, penalties: Penalties, share: float
    ) -> None:
        self._race, self._seed, self._share = config.race, config.seed, share
        self._pipeline, self._scoring, self._penalties = pipeline, scoring, penalties

    def race(
        self, candidates: NDArray[np.float64], number: int, known: Mapping[int, Parts] | None = None
    ) -> Race | None:
        """The race of the generation of a number; None where the run has none.

        Args:
            candidates: (P, f) of it.
            number: from 0.
            known: by candidate what earlier races have scored.
        """
        if self._race is None:
            return None
        parts = parts_of(self._race)
        windows = [] if parts is None else drawn_windows(self._pipeline, parts, self._seed, number)
        return Race(
            self._race if isinstance(self._race, int) else 0,
            len(self._pipeline.scenes),
            self._seed,
            number,
            self._scoring.orientations,
            self._penalties.near(candidates),
            known,
            windows,
            self._share,
        )

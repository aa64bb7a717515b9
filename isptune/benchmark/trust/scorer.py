"""An objective that may fail: its scores as losses, and what it could not score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isptune.contracts.objective import Objective, require_scores
from isptune.tuning.blame import called, is_out_of_memory
from isptune.wording.showing import one_line

Numbers = NDArray[np.float64]

# So many pictures are scored together.
_TOGETHER = 8


@dataclass
class Scorer:
    """Scores as losses, lower is better; NaN where a picture has none.

    Attributes:
        objective: what scores.
        asked, failed: how many pictures it was shown, and to how many of them it gave no finite score.
        first: what happened to the first of these.
    """

    objective: Objective
    asked: int = 0
    failed: int = 0
    first: str = ""

    @property
    def name(self) -> str:
        return called(self.objective)

    @property
    def sign(self) -> float:
        """What a loss is multiplied with to be a score."""
        return -1.0 if self.objective.higher_is_better else 1.0

    def losses(self, images: Tensor, reference: Tensor | None, what: str) -> Numbers:
        """(N,) losses of pictures (N, 3, H, W); ``what`` they are, for the message of a failure."""
        self.asked += len(images)
        return np.concatenate([self._batch(part, reference, what) for part in images.split(_TOGETHER)])

    def _batch(self, images: Tensor, reference: Tensor | None, what: str) -> Numbers:
        try:
            with torch.no_grad():
                scores = self.objective.score(images, reference)
            require_scores(scores, "score", (len(images),))
        except Exception as error:
            if len(images) > 1:
                # One picture may be at fault: each is asked for alone.
                return np.concatenate([self._batch(one, reference, what) for one in images.split(1)])
            if is_out_of_memory(error):
                raise
            self._note(what, one_line(error))
            return np.array([np.nan])
        losses: Numbers = self.sign * scores.detach().double().cpu().numpy()
        for loss in losses[~np.isfinite(losses)]:
            self._note(what, f"the score {self.sign * loss:g}")
        return np.where(np.isfinite(losses), losses, np.nan)

    def _note(self, what: str, reason: str) -> None:
        self.failed += 1
        self.first = self.first or f"{what}: {reason}"

    def told(self) -> str:
        """The failures in one sentence; empty where there are none."""
        if not self.failed:
            return ""
        return (
            f"'{self.name}' gave no score to {self.failed} of {self.asked} pictures, the first {self.first}"
        )

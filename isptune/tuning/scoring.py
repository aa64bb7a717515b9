"""One or several objectives as the K columns of scores that a run works with."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isptune.failures import called
from isptune.objective import Objective
from isptune.vector import Part, VectorObjective


class Scoring:
    """What a run scores pictures by: the columns of its objective, or of several.

    Each column keeps its own units and its own orientation; nothing is weighted (the objective ``weighted``
    does that).

    Args:
        objective: one that gives one score, or several as a ``VectorObjective``.

    Attributes:
        labels: (K,) the columns' names.
        orientations: (K,) whether higher is better.
        name: the objectives' names.
        is_differentiable: there is one column, and gradients reach it.
    """

    def __init__(self, objective: Objective) -> None:
        if isinstance(objective, VectorObjective):
            self.parts = list(objective.parts)
        else:
            name = called(objective)
            self.parts = [Part(objective, (name,), (bool(objective.higher_is_better),), whole=True)]
        self.name = called(objective)
        self.objectives = tuple(part.objective for part in self.parts)
        self.labels = tuple(label for part in self.parts for label in part.labels)
        self.orientations = tuple(higher for part in self.parts for higher in part.orientations)
        self.is_differentiable = len(self.labels) == 1 and bool(self.objectives[0].is_differentiable)

    def columns(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        """(N, K) float64 scores of a batch (N, 3, H, W), each in its own orientation.

        Raises:
            EvaluationError: an objective raised, or gave another shape; the message names it.
        """
        parts = [part.columns(images, reference) for part in self.parts]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def losses(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores (P, K) as losses to minimise.

        A candidate that fails in one column counts as the worst in all of them: +inf.
        """
        losses = np.where(self.orientations, -scores, scores)
        losses[np.isnan(losses).any(axis=1)] = np.inf
        return losses

    def working_bytes(self, image: int, gradients: bool) -> float:
        """What one sample holds at the peak of scoring, whose picture takes ``image`` bytes.

        The objectives score one after the other, and without gradients nothing stays of them but numbers.
        """
        needs = [objective.memory for objective in self.objectives]
        pictures = max(memory.images_at_peak(gradients, usual=3) for memory in needs)
        return image * pictures + max(memory.bytes_at_peak(gradients) for memory in needs)

    def to(self, device: torch.device | str) -> Scoring:
        """Move the objectives to a device and return the scoring itself."""
        for objective in self.objectives:
            objective.to(device)
        return self

"""The contract of a pipeline that knows how far a candidate is from the optimum."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor


class Truthful(ABC):
    """A mixin of pipelines whose hidden distortion levels are known.

    Evaluation and plots alone ask for them; optimizers and objectives never see them::

        class MyCamera(isptune.Truthful, isptune.Pipeline): ...

    Attributes that a subclass sets:
        truth_labels, truth_maxima: the K names and highest levels of ``truth``.
        truth_units: their units, empty texts for pure numbers.
    """

    truth_labels: tuple[str, ...]
    truth_maxima: tuple[float, ...]
    truth_units: tuple[str, ...]

    @abstractmethod
    def truth(self, values: Tensor) -> Tensor:
        """(P, K) distortion levels of candidates (P, n) in the labels' units, all 0 at the optimum."""

    def losses(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """The two L1 distortion losses of candidates (P, n), each (P,) on the CPU; see ``l1_distortion``."""
        return l1_distortion(self.truth(values).cpu(), self.truth_maxima)


def l1_distortion(levels: Tensor, maxima: Sequence[float]) -> tuple[Tensor, Tensor]:
    """The two L1 distortion losses of hidden levels.

    Args:
        levels: (P, K) levels in the stages' own units.
        maxima: the K highest levels.

    Returns:
        ``l1`` (P,), the mean of the absolute levels in the stages' own units (ScoreNet, WACV 2026,
        supplement, Table 1), and ``l1_normalised`` (P,), the mean of the levels' shares of their maxima.
    """
    scale = torch.as_tensor(maxima, dtype=levels.dtype, device=levels.device)
    return levels.abs().mean(dim=1), (levels.abs() / scale).mean(dim=1)

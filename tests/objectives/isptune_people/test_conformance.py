"""The simulated observer keeps the contract of judges."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from isptune.testing import JudgeConformance


class TestSimulatedObserver(JudgeConformance):
    name = "simulated-observer"


class TestCarefulObserverOfAnotherObjective(JudgeConformance):
    """No noise, one comparison each, and an objective of which lower is better and which needs no reference."""

    name = "simulated-observer"
    options: ClassVar = {"objective": "noise-level", "noise": 0.0, "comparisons": 1, "seed": 7}
    scenes = 1
    contenders = 4

    def spoilt(self, images: Tensor, strength: float) -> Tensor:
        noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
        return (images + 0.2 * strength * noise).clamp(0, 1)


class TestObserverOfEveryPair(JudgeConformance):
    name = "simulated-observer"
    options: ClassVar = {"objective": "ssim", "noise": 0.02, "comparisons": 20}
    contenders = 6

"""Every stage of the family keeps the contract of stages, on tiny pictures."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import isptune
from isptune.contracts.stage import Stage
from isptune.testing import StageConformance
from isptune_kornia.family import STAGES


@pytest.fixture(autouse=True, params=list(STAGES))
def family_name(request: pytest.FixtureRequest) -> None:
    request.instance.name = f"kornia:{request.param}"


class TestKornia(StageConformance):
    sizes = ((16, 20), (17, 13))

    def make(self) -> Stage:
        return isptune.create_stage(self.name)

    def gradient_picture(self) -> Tensor:
        # No two pixels alike: a median or a maximum has no slope where it has a choice.
        generator = torch.Generator().manual_seed(0)
        return torch.rand(1, 3, 9, 11, generator=generator, dtype=torch.float64) * 0.4 + 0.3

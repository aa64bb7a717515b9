"""Every raw stage keeps the contract of stages, on tiny pictures."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import isptune
from isptune.contracts.stage import Stage
from isptune.testing import StageConformance
from isptune_raw.pipeline import STAGES


@pytest.fixture(autouse=True, params=[stage["name"] for stage in STAGES])
def stage_name(request: pytest.FixtureRequest) -> None:
    request.instance.name = request.param


class TestRawStages(StageConformance):
    # A mosaic has even sides.
    sizes = ((48, 80), (32, 32), (34, 66))

    def make(self) -> Stage:
        return isptune.create_stage(self.name)

    def gradient_picture(self) -> Tensor:
        # No two pixels alike: a maximum has no slope where it has a choice.
        generator = torch.Generator().manual_seed(0)
        return torch.rand(1, 3, 24, 20, generator=generator, dtype=torch.float64) * 0.4 + 0.3

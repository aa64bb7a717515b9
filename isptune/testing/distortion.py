"""The conformance suite for distortions."""

from __future__ import annotations

import math
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from isptune.contracts.distortion import Distortion
from isptune.contracts.stage import Stage
from isptune.testing.checks import assert_equal
from isptune.testing.stage import StageConformance


class DistortionConformance(StageConformance):
    """What every distortion must keep beside what every stage does; inherit it and set ``name``.

    Example::

        from isptune.testing import DistortionConformance

        class TestVignette(DistortionConformance):
            name = "vignette"

    Class facts to override where a distortion needs it, beside those of ``StageConformance``:
        damage_tolerance: by which share of the largest damage the damage may fall as the level grows.
    """

    damage_tolerance: ClassVar[float] = 0.02

    def damage(self, images: Tensor, outputs: Tensor) -> Tensor:
        """(N,) how much worse the outputs are: the mean absolute difference by default."""
        return (outputs - images).abs().mean(dim=(1, 2, 3))

    def _made(self) -> tuple[Stage, float]:
        """A fresh distortion and its highest level."""
        stage = self.make()
        assert isinstance(stage, Distortion), "the stage is no Distortion; its suite is StageConformance"
        return stage, stage.level_range[1]

    def test_the_level_is_declared(self) -> None:
        stage, _ = self._made()
        assert isinstance(stage, Distortion), "the stage is no Distortion; its suite is StageConformance"
        low, high = stage.level_range
        assert low == 0 < high < math.inf, f"level_range is {stage.level_range}, allowed: (0, highest)"
        declared = list(stage.declared)
        assert declared == ["level"], f"the stage declares {declared}, allowed: its level alone"
        assert isinstance(stage.level_unit, str), (
            f"level_unit is {stage.level_unit!r}, expected a text; give an empty one where there is no unit"
        )
        name = stage.parameter_name
        assert name is None or name.isidentifier(), f"parameter_name is {name!r}, allowed: a name or None"
        assert (stage.domain_in, stage.domain_out) == ("encoded", "encoded"), (
            f"the domains are {stage.domain_in} and {stage.domain_out}, expected encoded for both; inherit "
            "isptune.Stage where it is no distortion of a picture"
        )

    def test_level_0_is_the_identity_to_the_last_bit(self) -> None:
        stage, _ = self._made()
        for size in range(len(self.sizes)):
            images, values, noise = self._batch(stage, 0.0, 0.6, 0.0, 1.0, size=size)
            images[2, :, :4], images[2, :, 4:8] = 0.0, 1.0
            for dtype in (torch.float32, torch.float64):
                output = self._apply(stage, images.to(dtype), values, noise)
                for sample in (0, 2):
                    assert torch.equal(output[sample], images[sample].to(dtype)), (
                        f"sample {sample} of level 0 differs from its input at {self.sizes[size]} in {dtype}"
                    )

    def test_level_0_is_the_identity_where_gradients_are_recorded(self) -> None:
        stage, high = self._made()
        if not stage.is_differentiable:
            pytest.skip("the stage declares no gradients")
        images, _, noise = self._batch(stage, 0.0, 0.6)
        level = torch.tensor([0.0, 0.6 * high], dtype=torch.float64, requires_grad=True)
        output = self._apply(stage, images.requires_grad_(True), {"level": level}, noise)
        remedy = "mix the distorted picture by the level, or return the input where the level is 0"
        assert_equal(output[0], images[0], "a pixel at level 0 where gradients are recorded", remedy)

    def test_quality_falls_as_the_level_grows(self) -> None:
        stage, high = self._made()
        shares = [0.0, 0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 1.0]
        height, width = self.sizes[0]
        images = self.picture(height, width).expand(len(shares), -1, -1, -1)
        level = torch.tensor(shares) * high
        noise = self._draw(stage, height, width)
        damage = self.damage(images, self._apply(stage, images, {"level": level}, noise))
        assert float(damage[0]) == 0, (
            f"level 0 does the damage {float(damage[0]):g}, expected 0; return the input where the level is "
            "0, or override damage() in the test"
        )
        assert float(damage[-1]) > 0, (
            "the highest level changes nothing, expected a change; let the level reach the output, or "
            "override picture() in the test"
        )
        falls = damage[:-1] - damage[1:]
        assert float(falls.max()) <= self.damage_tolerance * float(damage.max()), (
            f"the damage falls somewhere while the level grows: {[round(d, 5) for d in damage.tolist()]}"
        )

"""The conformance suite for stages."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

import isptune
from isptune.stage import Stage
from isptune.testing.checks import assert_gradients_are_true, assert_pictures, global_random_state
from isptune.testing.pictures import picture


class StageConformance:
    """What every stage must keep; inherit it in a plugin's tests and set ``name``.

    Example::

        from isptune.testing import StageConformance

        class TestVignette(StageConformance):
            name = "vignette"

    Class facts to override where a stage needs it:
        name, options: what ``make`` creates through the registry; override ``make`` for anything else.
        sizes: (height, width) of the pictures; the first is the one that most tests use.
        batch_tolerance: how far a pixel may move with the rest of the batch; 0 means not at all.
        mode_tolerance: how far a pixel may move where gradients are recorded.
        dtype_tolerance: how far the outputs for float32 and float64 pictures may be apart.
        damage_tolerance: by which share of the largest damage the damage may fall as the level grows.
        gradient_tolerance, difference_step: for the comparison of the gradients with differences.
        gradient_shares: the levels, as shares of the highest, at which the gradients are compared.
    """

    name: ClassVar[str] = ""
    options: ClassVar[dict[str, Any]] = {}
    sizes: ClassVar[tuple[tuple[int, int], ...]] = ((48, 80), (32, 32), (33, 65), (97, 41))
    batch_tolerance: ClassVar[float] = 1e-6
    mode_tolerance: ClassVar[float] = 1e-5
    dtype_tolerance: ClassVar[float] = 1e-4
    damage_tolerance: ClassVar[float] = 0.02
    gradient_tolerance: ClassVar[float] = 1e-5
    difference_step: ClassVar[float] = 1e-6
    gradient_shares: ClassVar[tuple[float, ...]] = (0.13, 0.37, 0.71)

    # What a subclass may override.

    def make(self) -> Stage:
        """A fresh stage."""
        return isptune.create_stage(self.name, **self.options)

    def picture(self, height: int, width: int) -> Tensor:
        """(1, 3, H, W) float32 in [0, 1]: a picture that the stage can spoil."""
        return picture(height, width)

    def gradient_picture(self) -> Tensor:
        """(1, 3, H, W) float64: a small picture whose outputs the stage does not clip at 0 or 1."""
        return picture(20, 24).double() * 0.4 + 0.3

    def damage(self, images: Tensor, outputs: Tensor) -> Tensor:
        """(N,) how much worse the outputs are: the mean absolute difference by default."""
        return (outputs - images).abs().mean(dim=(1, 2, 3))

    # Helpers.

    def _batch(self, stage: Stage, *shares: float, size: int = 0) -> tuple[Tensor, Tensor, Tensor | None]:
        """Different pictures, levels at the given shares of the highest one, and noise."""
        height, width = self.sizes[size]
        base = self.picture(height, width)
        images = torch.cat([base.roll(3 * i, dims=-1) * (1 - 0.08 * i) for i in range(len(shares))])
        level = torch.tensor(shares, dtype=torch.float64) * stage.level_range[1]
        return images, level, self._draw(stage, height, width)

    def _draw(self, stage: Stage, height: int, width: int, seed: int = 1) -> Tensor | None:
        return stage.draw(height, width, torch.Generator().manual_seed(seed))

    def _apply(self, stage: Stage, images: Tensor, level: Tensor, noise: Tensor | None) -> Tensor:
        if noise is None:
            return stage(images, level)
        return stage(images, level, noise.to(images.dtype) if noise.is_floating_point() else noise)

    def _near(self, got: Tensor, expected: Tensor, tolerance: float) -> bool:
        return float((got.double() - expected.double()).abs().max()) <= tolerance

    # The rules.

    def test_facts_are_declared(self) -> None:
        stage = self.make()
        assert stage.name, "a stage has the name that it is registered under"
        low, high = stage.level_range
        assert low == 0 < high < math.inf, f"level_range is {stage.level_range}, allowed: (0, highest)"
        assert isinstance(stage.level_unit, str)
        assert stage.parameter_name is None or stage.parameter_name.isidentifier()
        assert isinstance(stage.is_differentiable, bool)
        assert isinstance(stage.is_stochastic, bool)
        assert stage.working_images > 0

    def test_level_0_is_the_identity_to_the_last_bit(self) -> None:
        stage = self.make()
        for size in range(len(self.sizes)):
            images, level, noise = self._batch(stage, 0.0, 0.6, 0.0, 1.0, size=size)
            images[2, :, :4], images[2, :, 4:8] = 0.0, 1.0
            for dtype in (torch.float32, torch.float64):
                output = self._apply(stage, images.to(dtype), level, noise)
                for sample in (0, 2):
                    assert torch.equal(output[sample], images[sample].to(dtype)), (
                        f"sample {sample} of level 0 differs from its input at {self.sizes[size]} in {dtype}"
                    )

    def test_level_0_is_the_identity_where_gradients_are_recorded(self) -> None:
        stage = self.make()
        if not stage.is_differentiable:
            pytest.skip("the stage declares no gradients")
        images, level, noise = self._batch(stage, 0.0, 0.6)
        output = self._apply(stage, images.requires_grad_(True), level.requires_grad_(True), noise)
        assert torch.equal(output[0], images[0])

    def test_output_has_the_shape_type_and_range_of_images(self) -> None:
        stage = self.make()
        for size in range(len(self.sizes)):
            images, level, noise = self._batch(stage, 0.05, 0.5, 1.0, size=size)
            for dtype in (torch.float32, torch.float64):
                output = self._apply(stage, images.to(dtype), level.to(dtype), noise)
                assert output.shape == images.shape
                assert output.dtype == dtype
                assert_pictures(output)

    def test_flat_pictures_stay_in_range(self) -> None:
        stage = self.make()
        images = torch.tensor([0.0, 0.5, 1.0]).reshape(3, 1, 1, 1).expand(-1, 3, *self.sizes[0])
        level = torch.full((3,), stage.level_range[1])
        output = self._apply(stage, images, level, self._draw(stage, *self.sizes[0]))
        assert_pictures(output)

    def test_a_sample_does_not_depend_on_the_batch(self) -> None:
        stage = self.make()
        for size in range(len(self.sizes)):
            images, level, noise = self._batch(stage, 0.9, 0.0, 0.2, 0.55, size=size)
            together = self._apply(stage, images, level, noise)
            for index in range(len(images)):
                one = slice(index, index + 1)
                alone = self._apply(stage, images[one].clone(), level[one], noise)
                assert self._near(together[one], alone, self.batch_tolerance), (
                    f"sample {index} differs from the same picture on its own at {self.sizes[size]}"
                )

    def test_one_picture_may_be_expanded_to_a_batch(self) -> None:
        stage = self.make()
        images, level, noise = self._batch(stage, 0.9, 0.0, 0.3)
        expanded = images[:1].expand(3, -1, -1, -1)
        output = self._apply(stage, expanded, level, noise)
        copied = self._apply(stage, expanded.clone(), level, noise)
        assert self._near(output, copied, self.batch_tolerance)
        channels_last = expanded.contiguous(memory_format=torch.channels_last)
        assert self._near(self._apply(stage, channels_last, level, noise), copied, self.batch_tolerance)

    def test_quality_falls_as_the_level_grows(self) -> None:
        stage = self.make()
        shares = [0.0, 0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 1.0]
        height, width = self.sizes[0]
        images = self.picture(height, width).expand(len(shares), -1, -1, -1)
        level = torch.tensor(shares) * stage.level_range[1]
        damage = self.damage(images, self._apply(stage, images, level, self._draw(stage, height, width)))
        assert float(damage[0]) == 0
        assert float(damage[-1]) > 0, "the highest level changes nothing"
        falls = damage[:-1] - damage[1:]
        assert float(falls.max()) <= self.damage_tolerance * float(damage.max()), (
            f"the damage falls somewhere while the level grows: {[round(d, 5) for d in damage.tolist()]}"
        )

    def test_float32_and_float64_agree(self) -> None:
        stage = self.make()
        images, level, noise = self._batch(stage, 0.1, 0.5, 1.0)
        single = self._apply(stage, images, level, noise)
        double = self._apply(stage, images.double(), level, noise)
        assert self._near(single, double, self.dtype_tolerance)

    def test_results_are_the_same_with_and_without_gradients(self) -> None:
        stage = self.make()
        images, level, noise = self._batch(stage, 0.1, 0.5, 1.0)
        with torch.no_grad():
            without = self._apply(stage, images, level, noise)
        assert not without.requires_grad
        recorded = self._apply(stage, images.clone().requires_grad_(True), level, noise).detach()
        assert self._near(recorded, without, self.mode_tolerance)

    def test_nothing_is_modified(self) -> None:
        stage = self.make()
        images, level, noise = self._batch(stage, 0.0, 0.4, 1.0)
        kept = images.clone(), level.clone(), None if noise is None else noise.clone()
        self._apply(stage, images, level, noise)
        assert torch.equal(images, kept[0]), "the input pictures were written over"
        assert torch.equal(level, kept[1]), "the levels were written over"
        assert noise is None or kept[2] is None or torch.equal(noise, kept[2]), "the noise was written over"

    def test_global_random_state_is_neither_used_nor_changed(self) -> None:
        stage = self.make()
        images, level, _ = self._batch(stage, 0.5, 1.0)
        before = global_random_state()
        noise = self._draw(stage, *self.sizes[0])
        first = self._apply(stage, images, level, noise)
        assert global_random_state() == before
        torch.rand(7)
        assert torch.equal(self._apply(stage, images, level, noise), first)

    def test_is_stochastic_is_true(self) -> None:
        stage = self.make()
        height, width = self.sizes[0]
        images, level, noise = self._batch(stage, 0.5, 1.0)
        if not stage.is_stochastic:
            assert noise is None, "draw() gives noise, although is_stochastic is False"
            return
        assert noise is not None, "draw() gives None, although is_stochastic is True"
        again = self._draw(stage, height, width)
        assert again is not None
        assert torch.equal(again, noise), "equal generators give different draws"
        output = self._apply(stage, images, level, noise)
        assert torch.equal(self._apply(stage, images, level, noise), output)
        other = self._apply(stage, images, level, self._draw(stage, height, width, seed=2))
        assert not torch.equal(other, output), "another draw gives the same picture"
        assert torch.equal(stage(images, level), stage(images, level)), "without noise it is not reproducible"

    def test_gradients_are_true(self) -> None:
        stage = self.make()
        if not stage.is_differentiable:
            pytest.skip("the stage declares no gradients")
        image = self.gradient_picture()
        noise = self._draw(stage, image.shape[-2], image.shape[-1])
        level = torch.tensor(self.gradient_shares, dtype=torch.float64) * stage.level_range[1]
        assert_gradients_are_true(
            lambda images, level: self._apply(stage, images, level, noise),
            (image.repeat(len(level), 1, 1, 1), level),
            step=self.difference_step,
            tolerance=self.gradient_tolerance,
            scales=(1.0, stage.level_range[1]),
        )

    def test_gradients_are_finite_at_the_ends(self) -> None:
        stage = self.make()
        if not stage.is_differentiable:
            pytest.skip("the stage declares no gradients")
        images, level, noise = self._batch(stage, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0)
        for index, grey in ((1, 0.0), (2, 0.5), (3, 1.0), (5, 0.0), (6, 0.5), (7, 1.0)):
            images[index] = grey
        for dtype in (torch.float32, torch.float64):
            leaves = images.to(dtype).requires_grad_(True), level.to(dtype).requires_grad_(True)
            output = self._apply(stage, *leaves, noise)
            for gradient in torch.autograd.grad(output.sum(), leaves):
                assert bool(gradient.isfinite().all()), f"a gradient is not finite in {dtype}"

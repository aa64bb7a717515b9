"""The part of the conformance suite for objectives that is about gradients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from isptune.testing.objective_subject import ObjectiveSubject

_FALSE = "compute with tensors throughout, without rounding, or set is_differentiable = False"
_SINGLE = (
    "; where it is computed in float32, set supports_float64 = False, difference_step = 1e-3 and "
    "gradient_tolerance = 0.05 in the test"
)


class ObjectiveGradients(ObjectiveSubject):
    """What an objective that calls itself differentiable must keep."""

    def test_no_graph_without_gradients(self) -> None:
        images, reference = self._batch(*self.sizes[0])
        scores = self._score(self.make(), images, reference)
        assert not scores.requires_grad, (
            "a score of pictures without gradients requires one, expected none: weights keep a graph of "
            "every score; call requires_grad_(False) on the network"
        )

    def test_gradient_is_true(self) -> None:
        objective = self.make()
        if not objective.is_differentiable:
            pytest.skip("this objective declares that it is not differentiable")
        dtype = torch.float64 if self.supports_float64 else torch.float32
        good = self.good(*self.sizes[0]).to(dtype)
        images = torch.cat([self.distorted(good).to(dtype), good.roll(3, -1)]) * 0.9 + 0.05
        images.requires_grad_()
        scores = self._score(objective, images, good)
        single = scores.dtype == torch.float32
        assert scores.requires_grad, f"the score carries no gradient, expected one; {_FALSE}"
        (gradient,) = torch.autograd.grad(scores[0], images)
        assert bool(gradient.isfinite().all()), (
            f"the gradient is not finite, expected finite numbers; {_FALSE}"
        )
        assert bool((gradient[0] != 0).any()), (
            f"the gradient is zero everywhere, expected the slope; {_FALSE}"
        )
        assert bool((gradient[1] == 0).all()), (
            "the gradient of a score reaches another sample, expected its own alone; take means over "
            "dim=(1, 2, 3), and put networks into eval()"
        )
        generator = torch.Generator().manual_seed(3)
        for direction in self._directions(gradient[0], generator):
            expected = float((gradient[0] * direction).sum())
            with torch.no_grad():
                ahead, behind = (
                    float(self._score(objective, images[:1] + step * direction, good))
                    for step in (self.difference_step, -self.difference_step)
                )
            found = (ahead - behind) / (2 * self.difference_step)
            assert found == pytest.approx(expected, rel=self.gradient_tolerance), (
                f"the gradient is not the slope: {expected:.9g} along a direction in which the score changes "
                f"by {found:.9g}; {_FALSE}" + (_SINGLE if single else "")
            )

    def _directions(self, gradient: Tensor, generator: torch.Generator) -> Iterator[Tensor]:
        """Directions of at most one unit per value along which the score really changes."""
        yield gradient / gradient.abs().max()
        # Signs of the gradient, with a random third of them dropped, so that more values take part.
        kept = torch.rand(gradient.shape, generator=generator) > 1 / 3
        yield gradient.sign() * kept
        # One value in ten alone, at random, where one wrong pixel would show.
        kept = torch.rand(gradient.shape, generator=generator) > 0.9
        yield gradient.sign() * kept

    def test_gradient_is_finite_at_flat_and_identical_images(self) -> None:
        objective = self.make()
        if not (objective.is_differentiable and self.scores_flat_images):
            pytest.skip("this objective declares no gradient, or no score of flat images")
        good = self.good(*self.sizes[0])
        cases = [good] + [torch.full_like(good, level) for level in (0.0, 0.5, 1.0)]
        for images in cases:
            leaf = images.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(self._score(objective, leaf, good).sum(), leaf)
            assert bool(gradient.isfinite().all()), (
                "the gradient of a flat picture, or of one equal to its reference, is not finite, expected "
                "finite numbers; keep roots and divisions away from 0, or set scores_flat_images = False in "
                "the test"
            )

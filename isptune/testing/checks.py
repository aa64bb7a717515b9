"""Checks that several conformance suites share."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor


def global_random_state() -> tuple[Any, ...]:
    """The states of the global generators of torch, numpy and Python, to compare before and after."""
    name, keys, *rest = np.random.get_state()
    return (
        torch.get_rng_state().numpy().tobytes(),
        name,
        np.asarray(keys).tobytes(),
        *rest,
        random.getstate(),
    )


def assert_pictures(images: Tensor) -> None:
    """Refuse numbers that are not finite or not in [0, 1]."""
    assert_finite(images)
    low, high = (float(end) for end in images.detach().aminmax())
    assert low >= 0, f"the lowest number is {low:g}, below 0"
    assert high <= 1, f"the highest number is {high:g}, above 1"


def assert_finite(images: Tensor) -> None:
    """Refuse numbers that are not finite."""
    assert bool(images.isfinite().all()), "there are numbers that are not finite"


def assert_gradients_are_true(
    function: Callable[..., Tensor],
    inputs: Sequence[Tensor],
    *,
    step: float,
    tolerance: float,
    scales: Sequence[float] | None = None,
    directions: int = 4,
    names: Sequence[str] | None = None,
) -> None:
    """Compare gradients with central differences along random directions.

    A function of many numbers whose gradient is wrong anywhere differs along almost every direction, so a
    few directions tell as much as every coordinate would, in a fraction of the time. Each input is
    varied alone.

    Args:
        function: tensors to a tensor.
        inputs: float64 tensors at which it is smooth.
        step: how far to go to either side, times the input's scale.
        tolerance: the difference allowed, as a share of the gradient's norm; what the outputs' rounding
            does to a difference is allowed as well.
        scales: a typical size of each input; 1 for all if None.
        directions: how many directions per input.
        names: what messages call the inputs; by their places if None.

    Raises:
        AssertionError: a gradient is missing, not finite, zero everywhere, or not the slope.
    """
    generator = torch.Generator().manual_seed(0)
    leaves = [tensor.detach().clone().requires_grad_(True) for tensor in inputs]
    output = function(*leaves)
    assert output.requires_grad, "the output carries no gradient, although is_differentiable says so"
    weights = torch.rand(output.shape, generator=generator, dtype=output.dtype).to(output.device)
    gradients = torch.autograd.grad((output * weights).sum(), leaves, allow_unused=True)
    # Rounding errors of some units in the last place of every output, added up at random.
    rounding = 32 * torch.finfo(output.dtype).eps * float(output.detach().abs().max()) * output.numel() ** 0.5
    for number, (leaf, gradient) in enumerate(zip(leaves, gradients, strict=True)):
        what = f"input {number}" if names is None else names[number]
        assert gradient is not None, f"{what} gets no gradient, although is_differentiable says so"
        assert bool(gradient.isfinite().all()), f"the gradient of {what} is not finite"
        assert bool(gradient.any()), f"the gradient of {what} is zero everywhere"
        reach = step * (1.0 if scales is None else scales[number])
        for _ in range(directions):
            direction = torch.randn(leaf.shape, generator=generator, dtype=leaf.dtype).to(leaf.device)
            direction = direction / direction.norm()
            moved = [tensor.detach() for tensor in leaves]
            sides = []
            with torch.no_grad():
                for sign in (1, -1):
                    moved[number] = leaf.detach() + sign * reach * direction
                    sides.append(function(*moved).double())
                # Subtracted entry by entry first: the difference of two large sums would lose digits.
                slope = float(((sides[0] - sides[1]) * weights).sum() / (2 * reach))
            expected = float((gradient * direction).sum())
            allowed = tolerance * float(gradient.norm()) + rounding / reach
            assert abs(slope - expected) <= allowed, (
                f"the gradient of {what} is not the slope: {expected:.9g} along a direction in which "
                f"the output changes by {slope:.9g} (allowed difference {allowed:.3g})"
            )

"""Checks that several conformance suites share."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isptune.contracts.requirements import Memory, Packaging
from isptune.errors import ConfigurationError, IsptuneError
from isptune.plugins.earlier_facts import check_instance_records


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


@contextmanager
def untouched_generators(remedy: str, seed: int | None = None) -> Iterator[None]:
    """A block in which the global generators of torch, numpy and Python keep their states.

    They are afterwards what they were before.

    Args:
        remedy: what mends it where one was used.
        seed: of all three, for the block; as they are found if None.

    Raises:
        AssertionError: the block left another state than it found.
    """
    held = torch.get_rng_state(), np.random.get_state(), random.getstate()
    try:
        if seed is not None:
            torch.manual_seed(seed)
            np.random.seed(seed)
            random.seed(seed)
        before = global_random_state()
        yield
        assert global_random_state() == before, (
            f"a global random generator was used or seeded, expected none; {remedy}"
        )
    finally:
        torch.set_rng_state(held[0])
        np.random.set_state(held[1])
        random.setstate(held[2])


def check_flags(plugin: Any, *facts: str) -> None:
    """Refuse facts of a plugin that are neither True nor False."""
    for fact in facts:
        value = getattr(plugin, fact)
        assert isinstance(value, bool), f"{fact} is {value!r}, expected True or False; set it in the class"


def check_summary(plugin: Any) -> None:
    """Refuse a docstring whose first line is missing or too long for a list."""
    summary = (inspect.getdoc(type(plugin)) or "").split("\n", 1)[0]
    assert 0 < len(summary) <= 100, (
        f"the docstring's first line has {len(summary)} characters, expected 1 to 100; write one line "
        "under the class, which 'isptune list' shows"
    )


def assert_near(
    got: Tensor, expected: Tensor, tolerance: float, what: str, remedy: str, relative: bool = False
) -> None:
    """Refuse tensors that differ by more than a tolerance.

    Args:
        got, expected: of one shape.
        tolerance: the largest difference allowed, as a share of the expected numbers where ``relative``.
        what: they are, for the message, such as ``"the score of a picture alone"``.
        remedy: what mends it.

    Raises:
        AssertionError: how far they are apart, how far they may be, and the remedy.
    """
    assert got.shape == expected.shape, (
        f"{what} has the shape {tuple(got.shape)}, expected {tuple(expected.shape)}; {remedy}"
    )
    got, expected = got.detach().double(), expected.detach().double().to(got.device)
    both = got.isnan() & expected.isnan()
    difference = torch.where(both | (got == expected), 0.0, (got - expected).abs())
    allowed = tolerance * expected.abs() + 1e-8 if relative else torch.full_like(difference, tolerance)
    worst = int((difference - allowed).nan_to_num(nan=float("inf")).argmax()) if got.numel() else 0
    apart = difference.flatten()[worst] if got.numel() else torch.tensor(0.0)
    assert not got.numel() or bool(apart <= allowed.flatten()[worst]), (
        f"{what} is {float(got.flatten()[worst]):.9g}, expected {float(expected.flatten()[worst]):.9g} "
        f"within {float(allowed.flatten()[worst]):.3g}; {remedy}"
    )


def assert_equal(got: Tensor, expected: Tensor, what: str, remedy: str) -> None:
    """Refuse tensors that differ in any bit; the message says by how much and what mends it."""
    assert_near(got, expected, 0.0, what, remedy)
    assert torch.equal(got, expected), f"{what} is another; {remedy}"


def _told(error: Exception) -> str:
    """An error in words; of a check that was raised for another error, that one."""
    cause = error.__cause__ if isinstance(error, AssertionError) and error.__cause__ else error
    return f"{type(cause).__name__}: {cause}"


@contextmanager
def refuses(kind: type[Exception], what: str, remedy: str, message: str = "") -> Iterator[None]:
    """A block that has to raise an error of a class.

    Args:
        kind: the class.
        what: is given, for the message, such as ``"a picture of one channel"``.
        remedy: what mends it.
        message: of the error, where it is laid down.

    Raises:
        AssertionError: nothing or something else was raised.
    """
    try:
        yield
    except kind as error:
        said = str(error)
    except Exception as error:
        raise AssertionError(
            f"{what} must be refused with {kind.__name__}, got {_told(error)}; {remedy}"
        ) from error
    else:
        raise AssertionError(f"{what} must be refused with {kind.__name__}, and nothing was raised; {remedy}")
    assert message in ("", said), f"{what} is refused with '{said}', expected '{message}'; {remedy}"


@contextmanager
def worded(what: str, remedy: str) -> Iterator[None]:
    """A block in which a plugin works: what it raises becomes a failure in words.

    Errors of isptune's own and failures of checks are passed on: they have words.

    Raises:
        AssertionError: the plugin raised something else.
    """
    try:
        yield
    except (AssertionError, IsptuneError):
        raise
    except Exception as error:
        raise AssertionError(
            f"{what}, raised {type(error).__name__}: {error}; expected a result; {remedy}"
        ) from error


def check_requirements(plugin: Any) -> None:
    """Raise an AssertionError where an object's ``memory`` or ``packaging`` is no such record."""
    try:
        check_instance_records(plugin)
    except ConfigurationError as error:
        raise AssertionError(str(error)) from error
    for fact, kind in (("memory", Memory), ("packaging", Packaging)):
        value = getattr(plugin, fact)
        assert isinstance(value, kind), (
            f"{fact} is {value!r}, expected an isptune.{kind.__name__}; set it in the class"
        )
    assert plugin.memory.images > 0, (
        f"memory.images is {plugin.memory.images}, expected a number above 0; give how many temporaries of "
        "an image's size it holds at its peak"
    )


def assert_pictures(images: Tensor) -> None:
    """Refuse numbers that are not finite or not in [0, 1]."""
    assert_finite(images)
    low, high = (float(end) for end in images.detach().aminmax())
    assert low >= 0, f"the lowest number is {low:g}, expected at least 0; end with .clamp(0, 1)"
    assert high <= 1, f"the highest number is {high:g}, expected at most 1; end with .clamp(0, 1)"


def assert_finite(images: Tensor) -> None:
    """Refuse numbers that are not finite."""
    assert bool(images.isfinite().all()), (
        f"{int((~images.isfinite()).sum())} of {images.numel()} numbers are not finite, expected none; "
        "look for divisions by 0, roots and logarithms of 0"
    )


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
    assert output.requires_grad, (
        "the output carries no gradient, expected one, as is_differentiable is True; compute with tensors "
        "throughout, without numpy or rounding, or set is_differentiable = False"
    )
    weights = torch.rand(output.shape, generator=generator, dtype=output.dtype).to(output.device)
    gradients = torch.autograd.grad((output * weights).sum(), leaves, allow_unused=True)
    # Rounding errors of some units in the last place of every output, added up at random.
    rounding = 32 * torch.finfo(output.dtype).eps * float(output.detach().abs().max()) * output.numel() ** 0.5
    for number, (leaf, gradient) in enumerate(zip(leaves, gradients, strict=True)):
        what = f"input {number}" if names is None else names[number]
        assert gradient is not None, (
            f"{what} gets no gradient, expected one, as is_differentiable is True; let it reach the output "
            "as a tensor, or set is_differentiable = False"
        )
        assert bool(gradient.isfinite().all()), (
            f"the gradient of {what} is not finite, expected finite numbers; keep roots and powers away from "
            "0"
        )
        assert bool(gradient.any()), (
            f"the gradient of {what} is zero everywhere, expected the slope; a clamp, a rounding or a count "
            "stops it: mend it, or set is_differentiable = False"
        )
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
                f"the output changes by {slope:.9g} (allowed difference {allowed:.3g}); mend it, or set "
                "is_differentiable = False"
            )

"""The conformance suite catches the objectives that it is there to catch."""

from __future__ import annotations

import math

import pytest
import torch

from isptune.contracts.objective import Objective, check_images
from isptune.testing import ObjectiveConformance


class Honest(Objective):
    """Mean squared difference to the reference."""

    higher_is_better = False
    needs_reference = True
    is_differentiable = True
    score_range = (0.0, 1.0)

    def score(self, images, reference=None):
        images = check_images(images, "honest")
        reference = self.require_reference(images, reference)
        return self.reduce((images - reference) ** 2)

    def reduce(self, squares):
        return squares.mean(dim=(1, 2, 3))


class BatchDependent(Honest):
    """Divides by the largest value of the batch."""

    def reduce(self, squares):
        return super().reduce(squares) / squares.max().clamp(min=1e-3)


class WrongWayRound(Honest):
    """Says that higher is better."""

    higher_is_better = True


class OutOfRange(Honest):
    """Leaves its range."""

    score_range = (0.0, 1e-4)


class WithoutGradient(Honest):
    """Says that it is differentiable, but cuts the graph and adds a false one."""

    def reduce(self, squares):
        return super().reduce(squares.detach()) + 0 * super().reduce(squares)


class WrongGradient(Honest):
    """Has twice the gradient that it should."""

    def reduce(self, squares):
        right = super().reduce(squares)
        return right + (right - right.detach())


class NaNGradient(Honest):
    """A root whose gradient is not a number at identical images."""

    def reduce(self, squares):
        return super().reduce(squares).sqrt()


class Random(Honest):
    """Adds noise from the global generator."""

    def reduce(self, squares):
        return super().reduce(squares) * (1 + 1e-3 * torch.rand(()))


class Modifying(Honest):
    """Clamps the caller's images in place."""

    def score(self, images, reference=None):
        result = super().score(images, reference)
        if images.ndim == 4 and not images.requires_grad:
            images.mul_(0.99)
        return result


class Unchecked(Honest):
    """Takes whatever it is given."""

    def score(self, images, reference=None):
        if reference is None:
            return super().score(images, reference)
        return self.reduce((images - reference) ** 2)


class Retaining(Honest):
    """Keeps a graph through a weight of its own."""

    def __init__(self):
        self.weight = torch.nn.Parameter(torch.ones(()))

    def reduce(self, squares):
        return super().reduce(squares) * self.weight


class Scalar(Honest):
    """Gives one number for the whole batch."""

    def reduce(self, squares):
        return squares.mean()


class FlatFails(Honest):
    """Is not a number for black images."""

    def score(self, images, reference=None):
        return super().score(images, reference) / images.amax(dim=(1, 2, 3)) * images.amax(dim=(1, 2, 3))


class NotBest(Honest):
    """Prefers an error of its own taste to none."""

    def reduce(self, squares):
        return (super().reduce(squares) - 0.004).abs()


class WrongLabels(Honest):
    """Declares two scores and gives three."""

    labels = ("one", "two")

    def scores(self, images, reference=None):
        return self.score(images, reference)[:, None].expand(-1, 3)


class FirstReference(Honest):
    """Compares every sample with the first reference."""

    def score(self, images, reference=None):
        return super().score(images, None if reference is None else reference[:1])


def suite_of(kind):
    class Suite(ObjectiveConformance):
        def make(self):
            return kind()

    return Suite()


def failed_tests(kind):
    """The names of the suite's tests that an objective fails."""
    suite = suite_of(kind)
    failed = set()
    for name in dir(suite):
        if name.startswith("test_"):
            try:
                getattr(suite, name)()
            except pytest.skip.Exception:
                pass
            except (Exception, pytest.fail.Exception):
                failed.add(name)
    return failed


def test_an_honest_objective_passes_all():
    assert failed_tests(Honest) == set()


@pytest.mark.parametrize(
    ("kind", "test"),
    [
        (BatchDependent, "test_a_score_does_not_depend_on_the_batch"),
        (WrongWayRound, "test_orientation_is_true"),
        (OutOfRange, "test_scores_are_finite_and_in_range"),
        (WithoutGradient, "test_gradient_is_true"),
        (WrongGradient, "test_gradient_is_true"),
        (NaNGradient, "test_gradient_is_finite_at_flat_and_identical_images"),
        (Random, "test_global_random_state_is_neither_used_nor_changed"),
        (Random, "test_scores_are_deterministic"),
        (Modifying, "test_input_is_not_modified"),
        (Unchecked, "test_wrong_shapes_are_refused"),
        (Retaining, "test_no_graph_without_gradients"),
        (Scalar, "test_scores_are_finite_and_in_range"),
        (FlatFails, "test_flat_images_have_finite_scores"),
        (NotBest, "test_identical_images_score_best"),
        (WrongLabels, "test_labels_agree_with_scores"),
        (FirstReference, "test_one_reference_serves_the_batch"),
    ],
)
def test_a_broken_objective_fails_the_test_for_it(kind, test):
    with pytest.raises((Exception, pytest.fail.Exception)):
        getattr(suite_of(kind), test)()


def test_facts_are_checked():
    class Undocumented(Honest):
        pass

    Undocumented.__doc__ = ""

    class Reversed(Honest):
        """A range the wrong way round."""

        score_range = (1.0, -math.inf)

    for kind in (Undocumented, Reversed):
        with pytest.raises(AssertionError):
            suite_of(kind).test_facts_are_declared()

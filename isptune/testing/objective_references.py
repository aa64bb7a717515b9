"""The part of the conformance suite for objectives that is about references."""

from __future__ import annotations

import math

import pytest
import torch

from isptune.contracts.objective import Objective
from isptune.errors import ConfigurationError, IsptuneError
from isptune.testing.checks import assert_equal, assert_near, refuses
from isptune.testing.objective_subject import BATCH, ObjectiveSubject

_REFERENCE = "begin with reference = self.require_reference(images, reference)"


class ObjectiveReferences(ObjectiveSubject):
    """What an objective must keep that compares with a reference, or that does not."""

    def test_reference_is_needed_or_ignored(self) -> None:
        objective = self.make()
        images, reference = self._batch(*self.sizes[0])
        if not objective.needs_reference:
            given, without = objective.score(images, reference), objective.score(images)
            remedy = "ignore it, or set needs_reference = True"
            assert_equal(given, without, "a score with a reference", remedy)
            return
        wanted = f"the objective '{_called(objective)}' needs a reference image"
        with refuses(ConfigurationError, "a score without a reference", _REFERENCE, wanted):
            objective.score(images)
        for wrong in (reference[..., :-1], reference[..., :-1, :], reference.repeat(3, 1, 1, 1)):
            what = f"a reference {tuple(wrong.shape)} for pictures {tuple(images.shape)}"
            with refuses(IsptuneError, what, _REFERENCE):
                objective.score(images, wrong)

    def test_one_reference_serves_the_batch(self) -> None:
        objective = self.make()
        if not objective.needs_reference:
            pytest.skip("this objective needs no reference")
        images, reference = self._batch(*self.sizes[0])
        one = objective.score(images, reference)
        each = objective.score(images, reference.expand_as(images))
        remedy = "let references of the shape (1, 3, H, W) broadcast"
        what = "a score against one reference for all"
        assert_near(one, each, self.batch_tolerance, what, remedy, relative=True)
        # Every sample meets its own reference.
        own = objective.score(images[:2], images[[1, 0]])
        alone = torch.cat([objective.score(images[i : i + 1], images[1 - i : 2 - i]) for i in (0, 1)])
        what = "a score against its own reference"
        assert_near(own, alone, self.batch_tolerance, what, BATCH, relative=True)

    def test_identical_images_score_best(self) -> None:
        objective = self.make()
        if not (objective.needs_reference and self.identical_is_best):
            pytest.skip("this objective needs no reference, or declares that identical pictures are not best")
        for height, width in self.sizes:
            images, reference = self._batch(height, width)
            identical = float(objective.score(reference, reference))
            others = objective.score(images, reference)
            best = objective.score_range[1 if objective.higher_is_better else 0]
            if math.isfinite(best):
                assert math.isclose(identical, best, rel_tol=1e-5, abs_tol=1e-6), (
                    f"identical pictures score {identical:g}, expected {best:g}, the best of score_range; "
                    "declare the true range, or set identical_is_best = False in the test"
                )
            worse = others < identical if objective.higher_is_better else others > identical
            assert bool(worse.all()), (
                f"identical pictures score {identical:g} and others {others.tolist()}, expected identical "
                "ones to be best; turn higher_is_better round, or set identical_is_best = False in the test"
            )


def _called(objective: Objective) -> str:
    return objective.name or type(objective).__name__

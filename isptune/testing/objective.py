"""The conformance suite for objectives."""

from __future__ import annotations

import math

import pytest
import torch

from isptune.contracts.coverage import Coverage
from isptune.errors import ConfigurationError, IsptuneError
from isptune.testing.checks import (
    assert_equal,
    assert_near,
    check_flags,
    check_requirements,
    check_summary,
    refuses,
    untouched_generators,
)
from isptune.testing.objective_gradients import ObjectiveGradients
from isptune.testing.objective_references import ObjectiveReferences
from isptune.testing.objective_subject import BATCH

_RANDOM = "draw from a torch.Generator of its own with a fixed seed"
_COPY = "work on a copy, without operations in place"
_SHAPES = "begin with images = isptune.contracts.objective.check_images(images, self.name)"


class ObjectiveConformance(ObjectiveGradients, ObjectiveReferences):
    """What every objective must keep; inherit it in a plugin's tests and set ``name``.

    Example::

        from isptune.testing import ObjectiveConformance

        class TestWarmth(ObjectiveConformance):
            name = "warmth"
            options = {"strength": 2}

            def distorted(self, images):
                return images.flip(1)

    ``make``, ``good`` and ``distorted`` may be overridden, and the settings of ``ObjectiveSubject``: sizes,
    tolerances, and what an objective declares that it does not do.
    """

    # Facts.

    def test_facts_are_declared(self) -> None:
        objective = self.make()
        check_flags(objective, "higher_is_better", "needs_reference", "is_differentiable")
        stated = objective.coverage
        assert stated is None or isinstance(stated, Coverage), (
            f"coverage is {stated!r}, expected a Coverage, or None where nothing is stated; see "
            "isptune.contracts.coverage"
        )
        low, high = objective.score_range
        assert low < high, (
            f"score_range is {objective.score_range}, expected (lowest, highest); where it is open, give "
            "(-math.inf, math.inf)"
        )
        check_requirements(objective)
        assert len(set(objective.labels)) == len(objective.labels), (
            f"labels is {objective.labels}, expected different names; give each score one of its own"
        )
        check_summary(objective)

    def test_label_weights_give_the_score(self) -> None:
        objective = self.make()
        if objective.label_weights is None:
            pytest.skip("the score is no sum of labels times weights")
        images, reference = self._batch(*self.sizes[0])
        with torch.no_grad():
            scores, score = objective.scores(images, reference), objective.score(images, reference)
        remedy = "let score_of add up what score adds up, in the same order"
        assert torch.equal(objective.score_of(scores), score), (
            f"score_of(scores) gives {objective.score_of(scores).tolist()}, expected {score.tolist()}, which "
            f"score gives; {remedy}"
        )
        added = scores.double() @ torch.tensor(objective.label_weights, dtype=torch.float64)
        assert_near(added, score.double(), 1e-5, "the labels times their weights", remedy, relative=True)

    # Scores.

    def test_scores_are_finite_and_in_range(self) -> None:
        objective = self.make()
        low, high = objective.score_range
        slack = 1e-6 * max([1.0, *(abs(end) for end in (low, high) if math.isfinite(end))])
        for height, width in self.sizes:
            images, reference = self._batch(height, width)
            for count in (1, len(images)):
                scores = self._score(objective, images[:count], reference)
                assert scores.shape == (count,), (
                    f"score gave the shape {tuple(scores.shape)}, expected ({count},) for {count} pictures; "
                    "give one number each, as .mean(dim=(1, 2, 3)) does"
                )
                assert scores.is_floating_point(), (
                    f"score gave {scores.dtype}, expected floating point; end with .to(images.dtype)"
                )
                assert bool(scores.isfinite().all()), (
                    f"score gave {scores.tolist()} at {height}x{width}, expected finite numbers; refuse "
                    "sizes that it cannot score with a ConfigurationError, and give others as sizes in the "
                    "test"
                )
                assert bool(((scores >= low - slack) & (scores <= high + slack)).all()), (
                    f"score gave {scores.tolist()}, expected numbers from {low} to {high}; declare the true "
                    "range as score_range"
                )

    def test_flat_images_have_finite_scores(self) -> None:
        if not self.scores_flat_images:
            pytest.skip("this objective declares that it does not score flat images")
        objective = self.make()
        reference = self.good(*self.sizes[0])
        for level in (0.0, 0.5, 1.0):
            scores = self._score(objective, torch.full_like(reference, level), reference)
            assert bool(scores.isfinite().all()), (
                f"a picture of {level} everywhere scores {scores.tolist()}, expected a finite number; keep "
                "divisions away from 0, or set scores_flat_images = False in the test"
            )

    def test_a_score_does_not_depend_on_the_batch(self) -> None:
        objective = self.make()
        images, reference = self._batch(*self.sizes[0])
        together = self._score(objective, images, reference)
        order = [2, 0, 3, 1]
        # Neighbours of extreme values would show in any statistic over the batch.
        extremes = torch.stack([torch.zeros_like(images[0]), torch.ones_like(images[0])])
        for label, found, expected in (
            ("alone", torch.cat([self._score(objective, one[None], reference) for one in images]), together),
            ("permuted", self._score(objective, images[order], reference), together[order]),
            ("with others", self._score(objective, torch.cat([images, extremes]), reference)[:4], together),
            (
                "in a larger batch",
                self._score(objective, images.repeat(3, 1, 1, 1), reference)[4:8],
                together,
            ),
        ):
            assert_near(found, expected, self.batch_tolerance, f"a score {label}", BATCH, relative=True)

    def test_orientation_is_true(self) -> None:
        objective = self.make()
        for height, width in self.sizes:
            good = self.good(height, width)
            better, worse = (
                float(self._score(objective, images, good).detach())
                for images in (good, self.distorted(good))
            )
            higher = objective.higher_is_better
            assert better > worse if higher else better < worse, (
                f"the distorted picture scores {worse:g} and the good one {better:g}, expected the good one "
                f"to be better, as higher_is_better is {higher}{', the default' if higher else ''}; set it "
                f"to {not higher} where that is the truth, or override good() and distorted() in the test "
                "with pictures that the objective tells apart"
            )

    def test_scores_are_deterministic(self) -> None:
        images, reference = self._batch(*self.sizes[0])
        objective = self.make()
        first = self._score(objective, images, reference)
        assert torch.equal(first, self._score(objective, images, reference)), (
            f"a second call gives other scores, expected the same; {_RANDOM}"
        )
        assert torch.equal(first, self._score(self.make(), images, reference)), (
            f"a second object gives other scores, expected the same; {_RANDOM}, first weights too"
        )

    def test_global_random_state_is_neither_used_nor_changed(self) -> None:
        images, reference = self._batch(*self.sizes[0])
        found = []
        for seed in (1, 2):
            with untouched_generators(_RANDOM, seed):
                found.append(self._score(self.make(), images, reference))
        assert torch.equal(*found), f"the scores follow a global random generator, expected none; {_RANDOM}"

    def test_input_is_not_modified(self) -> None:
        images, reference = self._batch(*self.sizes[0])
        kept = images.clone(), reference.clone()
        self._score(self.make(), images, reference)
        assert torch.equal(images, kept[0]), f"score changed the images, expected them as they were; {_COPY}"
        assert torch.equal(reference, kept[1]), f"score changed the reference, expected it as it was; {_COPY}"

    def test_memory_layout_does_not_matter(self) -> None:
        objective = self.make()
        images, reference = self._batch(*self.sizes[0])
        expected = self._score(objective, images, reference)
        last = torch.channels_last
        found = self._score(
            objective, images.contiguous(memory_format=last), reference.contiguous(memory_format=last)
        )
        remedy = "use .reshape and .flatten in the place of .view, or begin with images.contiguous()"
        tolerance = max(1e-5, self.batch_tolerance)
        assert_near(found, expected, tolerance, "a score in channels_last", remedy, relative=True)

    def test_float32_and_float64_agree(self) -> None:
        objective = self.make()
        images, reference = self._batch(*self.sizes[0])
        single = self._score(objective, images, reference)
        double = self._score(objective, images.double(), reference.double())
        apart = (
            (single.double() - double.double()).abs() - 1e-6 - self.dtype_tolerance * double.double().abs()
        )
        assert bool((apart <= 0).all()), (
            f"float32 pictures score {single.tolist()} and float64 ones {double.tolist()}, expected the same "
            f"within {self.dtype_tolerance:g} of it; sum in float64, or raise dtype_tolerance in the test"
        )

    def test_moving_to_a_device_keeps_the_scores(self) -> None:
        objective = self.make()
        images, reference = self._batch(*self.sizes[0])
        expected = self._score(objective, images, reference)
        assert objective.to("cpu") is objective, (
            "to() gave another object, expected the objective; return self"
        )
        again = self._score(objective, images, reference)
        assert_equal(again, expected, 'a score after to("cpu")', "let to() move weights and nothing else")
        if torch.cuda.is_available():
            there = self._score(objective.to("cuda"), images.cuda(), reference.cuda())
            assert there.device.type == "cuda", (
                f"pictures on a GPU have scores on {there.device}, expected the same GPU; end with "
                ".to(images.device)"
            )
            remedy = "compare what to() moves with what score uses"
            assert_near(there.cpu(), expected, 1e-3, "a score on a GPU", remedy, relative=True)

    # Refusals.

    def test_wrong_shapes_are_refused(self) -> None:
        objective = self.make()
        good = self.good(*self.sizes[0])
        for wrong in (
            good[0],
            good[:, :1],
            torch.cat([good, good[:, :1]], dim=1),
            good[None],
            (good * 255).to(torch.uint8),
        ):
            kind = str(wrong.dtype).removeprefix("torch.")
            with refuses(IsptuneError, f"pictures {tuple(wrong.shape)} of {kind}", _SHAPES):
                self._score(objective, wrong, wrong if wrong.ndim == 4 else good)

    # Several scores.

    def test_labels_agree_with_scores(self) -> None:
        objective = self.make()
        images, reference = self._batch(*self.sizes[0])
        given = reference if objective.needs_reference else None
        if not objective.labels:
            remedy = "leave scores() as it is inherited, or name its columns in labels"
            with refuses(ConfigurationError, "scores() without labels", remedy):
                objective.scores(images, given)
            return
        scores = objective.scores(images, given)
        wanted = (len(images), len(objective.labels))
        assert scores.shape == wanted, (
            f"scores gave the shape {tuple(scores.shape)}, expected {wanted}; give a column for each of "
            "labels"
        )
        alone = torch.cat([objective.scores(one[None], given) for one in images])
        assert_near(scores, alone, self.batch_tolerance, "scores() of a picture alone", BATCH, relative=True)

    def test_maps_have_a_place_for_every_label(self) -> None:
        objective = self.make()
        if not objective.has_maps:
            pytest.skip("this objective gives no maps")
        images, _ = self._batch(*self.sizes[0])
        maps = objective.maps(images)
        wanted = (len(images), len(objective.labels))
        assert tuple(maps.shape[:2]) == wanted, (
            f"maps gave the shape {tuple(maps.shape)}, expected {wanted} and two more sides: a plane of "
            "places for each picture and label"
        )
        assert maps.ndim == 4, f"maps gave {maps.ndim} dimensions, expected (N, K, h, w)"
        assert bool(maps.isfinite().all()), "maps gave numbers that are not finite"

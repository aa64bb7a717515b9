"""The conformance suite for objectives."""

from __future__ import annotations

import inspect
import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

from isptune.coverage import Coverage
from isptune.errors import ConfigurationError, IsptuneError
from isptune.objective import Objective
from isptune.testing.objective_gradients import ObjectiveGradients


class ObjectiveConformance(ObjectiveGradients):
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
        for fact in ("higher_is_better", "needs_reference", "is_differentiable"):
            assert isinstance(getattr(objective, fact), bool), f"{fact} must be True or False"
        stated = objective.coverage
        assert stated is None or isinstance(stated, Coverage), "coverage must be a Coverage or None"
        low, high = objective.score_range
        assert low < high
        assert objective.working_images > 0
        assert len(set(objective.labels)) == len(objective.labels)
        summary = (inspect.getdoc(type(objective)) or "").split("\n", 1)[0]
        assert 0 < len(summary) <= 100, "the docstring's first line is what 'isptune list' shows"

    # Scores.

    def test_scores_are_finite_and_in_range(self) -> None:
        objective = self.make()
        low, high = objective.score_range
        slack = 1e-6 * max([1.0, *(abs(end) for end in (low, high) if math.isfinite(end))])
        for height, width in self.sizes:
            images, reference = self._batch(height, width)
            for count in (1, len(images)):
                scores = self._score(objective, images[:count], reference)
                assert scores.shape == (count,)
                assert scores.is_floating_point()
                assert bool(scores.isfinite().all()), f"{scores} at {height}x{width}"
                assert bool(((scores >= low - slack) & (scores <= high + slack)).all()), (
                    f"{scores} leaves the range [{low}, {high}]"
                )

    def test_flat_images_have_finite_scores(self) -> None:
        if not self.scores_flat_images:
            pytest.skip("this objective declares that it does not score flat images")
        objective = self.make()
        reference = self.good(*self.sizes[0])
        for level in (0.0, 0.5, 1.0):
            scores = self._score(objective, torch.full_like(reference, level), reference)
            assert bool(scores.isfinite().all()), f"a picture of {level} everywhere scores {scores}"

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
            torch.testing.assert_close(
                found,
                expected,
                rtol=self.batch_tolerance,
                atol=1e-8,
                msg=label,
            )

    def test_orientation_is_true(self) -> None:
        objective = self.make()
        for height, width in self.sizes:
            good = self.good(height, width)
            better, worse = (
                float(self._score(objective, images, good)) for images in (good, self.distorted(good))
            )
            if objective.higher_is_better:
                assert better > worse, f"the distorted picture scores {worse}, the good one {better}"
            else:
                assert better < worse, f"the distorted picture scores {worse}, the good one {better}"

    def test_scores_are_deterministic(self) -> None:
        images, reference = self._batch(*self.sizes[0])
        objective = self.make()
        first = self._score(objective, images, reference)
        assert torch.equal(first, self._score(objective, images, reference)), "the second call differs"
        assert torch.equal(first, self._score(self.make(), images, reference)), "a second object differs"

    def test_global_random_state_is_neither_used_nor_changed(self) -> None:
        images, reference = self._batch(*self.sizes[0])
        found = []
        with _random_state_kept():
            for seed in (1, 2):
                torch.manual_seed(seed)
                np.random.seed(seed)
                random.seed(seed)
                before = _random_state()
                found.append(self._score(self.make(), images, reference))
                assert _random_state() == before, "a global random generator was used"
        assert torch.equal(*found), "the scores follow a global random generator"

    def test_input_is_not_modified(self) -> None:
        images, reference = self._batch(*self.sizes[0])
        kept = images.clone(), reference.clone()
        self._score(self.make(), images, reference)
        assert torch.equal(images, kept[0]), "score changed the images"
        assert torch.equal(reference, kept[1]), "score changed the reference"

    def test_memory_layout_does_not_matter(self) -> None:
        objective = self.make()
        images, reference = self._batch(*self.sizes[0])
        expected = self._score(objective, images, reference)
        last = torch.channels_last
        found = self._score(
            objective, images.contiguous(memory_format=last), reference.contiguous(memory_format=last)
        )
        torch.testing.assert_close(found, expected, rtol=max(1e-5, self.batch_tolerance), atol=1e-8)

    def test_float32_and_float64_agree(self) -> None:
        objective = self.make()
        images, reference = self._batch(*self.sizes[0])
        single = self._score(objective, images, reference)
        double = self._score(objective, images.double(), reference.double())
        torch.testing.assert_close(single.double(), double.double(), rtol=self.dtype_tolerance, atol=1e-6)

    def test_moving_to_a_device_keeps_the_scores(self) -> None:
        objective = self.make()
        images, reference = self._batch(*self.sizes[0])
        expected = self._score(objective, images, reference)
        assert objective.to("cpu") is objective
        assert torch.equal(self._score(objective, images, reference), expected)
        if torch.cuda.is_available():
            there = self._score(objective.to("cuda"), images.cuda(), reference.cuda())
            assert there.device.type == "cuda"
            torch.testing.assert_close(there.cpu(), expected, rtol=1e-3, atol=1e-4)

    # The reference.

    def test_reference_is_needed_or_ignored(self) -> None:
        objective = self.make()
        images, reference = self._batch(*self.sizes[0])
        if not objective.needs_reference:
            assert torch.equal(objective.score(images), objective.score(images, reference))
            return
        with pytest.raises(ConfigurationError) as caught:
            objective.score(images)
        assert str(caught.value) == f"the objective '{_called(objective)}' needs a reference image"
        for wrong in (reference[..., :-1], reference[..., :-1, :], reference.repeat(3, 1, 1, 1)):
            with pytest.raises(IsptuneError):
                objective.score(images, wrong)

    def test_one_reference_serves_the_batch(self) -> None:
        objective = self.make()
        if not objective.needs_reference:
            pytest.skip("this objective needs no reference")
        images, reference = self._batch(*self.sizes[0])
        one = objective.score(images, reference)
        each = objective.score(images, reference.expand_as(images))
        torch.testing.assert_close(one, each, rtol=self.batch_tolerance, atol=1e-8)
        # Every sample meets its own reference.
        own = objective.score(images[:2], images[[1, 0]])
        alone = torch.cat([objective.score(images[i : i + 1], images[1 - i : 2 - i]) for i in (0, 1)])
        torch.testing.assert_close(own, alone, rtol=self.batch_tolerance, atol=1e-8)

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
                assert identical == pytest.approx(best, rel=1e-5, abs=1e-6)
            worse = others < identical if objective.higher_is_better else others > identical
            assert bool(worse.all()), f"identical pictures score {identical}, others {others.tolist()}"

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
            with pytest.raises(IsptuneError):
                self._score(objective, wrong, wrong if wrong.ndim == 4 else good)

    # Several scores.

    def test_labels_agree_with_scores(self) -> None:
        objective = self.make()
        images, reference = self._batch(*self.sizes[0])
        given = reference if objective.needs_reference else None
        if not objective.labels:
            with pytest.raises(ConfigurationError):
                objective.scores(images, given)
            return
        scores = objective.scores(images, given)
        assert scores.shape == (len(images), len(objective.labels))
        alone = torch.cat([objective.scores(one[None], given) for one in images])
        torch.testing.assert_close(scores, alone, rtol=self.batch_tolerance, atol=1e-8)


def _called(objective: Objective) -> str:
    return objective.name or type(objective).__name__


def _random_state() -> tuple[Any, ...]:
    """The global generators' states, comparable with ==."""
    name, keys, *rest = np.random.get_state(legacy=True)
    return (
        torch.get_rng_state().numpy().tobytes(),
        name,
        np.asarray(keys).tobytes(),
        rest,
        random.getstate(),
    )


@contextmanager
def _random_state_kept() -> Iterator[None]:
    """Put the global generators back afterwards: a suite must not change them for other tests."""
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])
        random.setstate(states[2])

"""The conformance suite for pipelines."""

from __future__ import annotations

import math

import pytest
import torch

from isptune.contracts.pipeline import Scene
from isptune.contracts.truthful import Truthful
from isptune.contracts.variants import Variants
from isptune.errors import ConfigurationError, ParameterError
from isptune.testing.checks import (
    assert_near,
    assert_pictures,
    check_flags,
    check_requirements,
    refuses,
    untouched_generators,
)
from isptune.testing.pipeline_gradients import PipelineGradients
from isptune.testing.pipeline_together import PipelineTogether
from isptune.testing.pipeline_windows import PipelineWindows
from isptune.tuning.renderings import check_facts, render_soundly

_REPEAT = (
    "draw noise once, from a torch.Generator of its own with a fixed seed, keep nothing from call to call, "
    "or raise repeat_tolerance in the test"
)
_RANDOM = "draw from a torch.Generator of its own with a fixed seed"
_ALONE = "compute every sample from its own row of values, or raise batch_tolerance in the test"
_VALUES = "begin with values = self.space.check(values)"


class PipelineConformance(PipelineGradients, PipelineTogether, PipelineWindows):
    """What every pipeline must keep; inherit it in a plugin's tests and set ``name`` and ``options``.

    Give it scenes of different sizes, small ones, so that the suite stays quick.

    Example::

        from isptune.testing import PipelineConformance

        class TestMyCamera(PipelineConformance):
            name = "my-camera"
            options = {"scenes": ["chart:64x48", "chart:48x56"]}

    Class facts to override where a pipeline needs it stand in ``PipelineSubject``.
    """

    # The rules.

    def test_facts_are_declared(self) -> None:
        pipeline = self.make()
        assert pipeline.name, (
            f"name is {pipeline.name!r}, expected the name it is registered under; set name in __init__, or "
            "make it by create_pipeline"
        )
        assert isinstance(pipeline.options, dict), (
            f"options is {pipeline.options!r}, expected a dict with what __init__ was given; set it in "
            "__init__"
        )
        assert len(pipeline.space) >= 1, (
            "space holds no parameter, expected at least 1; set space = ParameterSpace([Float(...)]) in "
            "__init__"
        )
        check_flags(pipeline, "is_differentiable", "has_reference")
        check_requirements(pipeline)
        assert isinstance(pipeline.variants, Variants), (
            f"variants is {pipeline.variants!r}, expected one of isptune.contracts.variants; set it in "
            "the class"
        )
        check_facts(pipeline)

    def test_scenes_have_sizes_and_know_their_places(self) -> None:
        pipeline = self.make()
        assert len(pipeline.scenes) >= 1, (
            "scenes is empty, expected at least one; give the test options that name scenes, or override "
            "make()"
        )
        for index, scene in enumerate(pipeline.scenes):
            assert scene.name, f"scene {index} has no name, expected a text; give Scene(name=...)"
            assert scene.index == index, (
                f"the scene in place {index} has the index {scene.index}, expected {index}; give "
                "Scene(index=...)"
            )
            assert min(scene.size) > 0, (
                f"the scene '{scene.name}' has the size {scene.size}, expected (height, width) above 0; give "
                "it the size of its result"
            )
            if scene.reference is not None:
                assert scene.reference.shape == (3, *scene.size), (
                    f"the reference of '{scene.name}' has the shape {tuple(scene.reference.shape)}, expected "
                    f"{(3, *scene.size)}; give it the size of the result"
                )
                assert_pictures(scene.reference)
            digest = pipeline.digest(scene)
            assert digest is None or isinstance(digest, str), (
                f"digest gives {digest!r}, expected a text, or None where a scene has none; return one of "
                "these"
            )
            assert digest == pipeline.digest(index), (
                f"the scene '{scene.name}' has the digest {digest}, and {pipeline.digest(index)} when asked "
                "again; expected one of its content alone"
            )
            whole = pipeline.whole(scene)
            assert isinstance(whole, Scene), (
                f"whole() gives a {type(whole).__name__}, expected a Scene; return the scene itself where it "
                "is no crop"
            )
            for asked in (index, scene):
                assert pipeline.scene(asked) is scene, (
                    f"scene({asked!r}) gives another scene, expected that of scenes; leave scene() as it is "
                    "inherited"
                )

    def test_an_unknown_scene_is_refused(self) -> None:
        pipeline = self.make()
        remedy = "begin render with scene = self.scene(scene)"
        with refuses(ConfigurationError, f"scene {len(pipeline.scenes)} of {len(pipeline.scenes)}", remedy):
            self._render(pipeline, pipeline.space.start(), len(pipeline.scenes))

    def test_a_population_renders_to_one_picture_each(self) -> None:
        pipeline = self.make()
        for scene in pipeline.scenes:
            for count in (1, 3):
                # Refuses, in a sentence, what a run would refuse.
                images = render_soundly(pipeline, self._values(pipeline, count), scene)
                assert_pictures(images)

    def test_the_whole_space_can_be_rendered(self) -> None:
        pipeline = self.make()
        ends = torch.tensor([[0.0], [1.0]], dtype=torch.float64).expand(-1, len(pipeline.space.free))
        images = render_soundly(pipeline, pipeline.space.to_values(ends), pipeline.scene(0))
        assert_pictures(images)

    def test_different_values_give_different_pictures(self) -> None:
        pipeline = self.make()
        images = self._render(pipeline, self._values(pipeline, 2), 0)
        assert not torch.equal(images[0], images[1]), (
            f"two candidates give one picture, expected different ones; let the values reach the picture: "
            f"{self._values(pipeline, 2).tolist()}"
        )

    def test_a_picture_depends_on_its_own_values_alone(self) -> None:
        pipeline = self.make()
        values = self._values(pipeline)
        for scene in pipeline.scenes:
            together = self._render(pipeline, values, scene)
            for index in range(len(values)):
                alone = self._render(pipeline, values[index : index + 1], scene)
                what = f"a pixel of candidate {index} among others on '{scene.name}'"
                assert_near(together[index : index + 1], alone, self.batch_tolerance, what, _ALONE)

    def test_rendering_is_deterministic(self) -> None:
        pipeline, twin = self.make(), self.make()
        values = self._values(pipeline, 2)
        # The twin renders in another order: nothing may be left over from one call to the next.
        expected = [self._render(pipeline, values, scene).clone() for scene in pipeline.scenes]
        others = [self._render(twin, values, scene).clone() for scene in reversed(twin.scenes)]
        for scene, first, second in zip(pipeline.scenes, expected, reversed(others), strict=True):
            what = f"a pixel of a second pipeline on '{scene.name}'"
            assert_near(second, first, self.repeat_tolerance, what, _REPEAT)
            again = self._render(pipeline, values, scene)
            assert_near(
                again, first, self.repeat_tolerance, f"a pixel rendered again on '{scene.name}'", _REPEAT
            )

    def test_a_result_is_not_overwritten_later(self) -> None:
        pipeline = self.make()
        values = self._values(pipeline, 2)
        first = self._render(pipeline, values, 0)
        kept = first.clone()
        self._render(pipeline, values.flip(0), 0)
        assert torch.equal(first, kept), (
            "a later rendering changed an earlier result, expected results of their own; give a new tensor, "
            "or .clone() what a buffer holds"
        )

    def test_nothing_is_modified(self) -> None:
        pipeline = self.make()
        values = self._values(pipeline)
        before = values.clone(), [pipeline.digest(scene) for scene in pipeline.scenes]
        references = [None if s.reference is None else s.reference.clone() for s in pipeline.scenes]
        for scene in pipeline.scenes:
            # Writing into a result must not reach the scene either.
            self._render(pipeline, values, scene).fill_(0.5)
        assert torch.equal(values, before[0]), (
            "the values were written over, expected them as they were; work on a copy"
        )
        for scene, digest, reference in zip(pipeline.scenes, before[1], references, strict=True):
            assert pipeline.digest(scene) == digest, (
                f"the scene '{scene.name}' was written over, expected it as it was; work on a copy, and "
                "return one"
            )
            same = reference is None or scene.reference is None or torch.equal(scene.reference, reference)
            assert same, (
                f"the reference of the scene '{scene.name}' was written over, expected it as it was; work on "
                "a copy, and return one"
            )

    def test_global_random_state_is_neither_used_nor_changed(self) -> None:
        with untouched_generators(_RANDOM):
            pipeline = self.make()
            values = self._values(pipeline, 2)
            first = self._render(pipeline, values, 0).clone()
            if isinstance(pipeline, Truthful):
                pipeline.truth(values)
        torch.rand(7)
        again = self._render(self.make(), values, 0)
        what = "a pixel after a draw from torch's global generator"
        assert_near(again, first, self.repeat_tolerance, what, _RANDOM)

    def test_wrong_values_are_refused(self) -> None:
        pipeline = self.make()
        good = self._values(pipeline, 2)
        nan, high = good.clone(), good.clone()
        nan[1, 0], high[1, 0] = math.nan, 1e9
        for wrong, what in (
            (nan, "NaN as a value"),
            (high, f"the value {1e9:g} of '{pipeline.space.parameters[0].name}'"),
            (good[:, :-1], f"values of the shape {tuple(good[:, :-1].shape)}"),
            (good[0], f"values of the shape {tuple(good[0].shape)}"),
        ):
            with refuses(ParameterError, what, _VALUES):
                self._render(pipeline, wrong, 0)

    def test_reference_is_there_where_declared(self) -> None:
        pipeline = self.make()
        for scene in pipeline.scenes:
            reference = pipeline.reference(scene)
            if not pipeline.has_reference:
                assert reference is None, (
                    "reference() gives one, expected None, as has_reference is False; set it to True"
                )
                continue
            assert reference is not None, (
                "reference() gives None, expected a picture, as has_reference is True; set it to False, or "
                "give (1, 3, H, W)"
            )
            rendered = self._render(pipeline, pipeline.space.start(), scene)
            assert reference.shape == rendered.shape, (
                f"the reference of '{scene.name}' has the shape {tuple(reference.shape)}, expected that of "
                f"one rendering, {tuple(rendered.shape)}; give it the size of the result"
            )
            assert_pictures(reference)

    def test_truth_is_a_table_of_levels_in_their_ranges(self) -> None:
        pipeline = self.make()
        values = self._values(pipeline, 16)
        if not isinstance(pipeline, Truthful):
            assert not hasattr(pipeline, "truth"), (
                "there is a truth(), and the pipeline is not Truthful; expected both or none: inherit "
                "isptune.contracts.pipeline.Truthful"
            )
            pytest.skip("the pipeline is not Truthful")
        levels = pipeline.truth(values)
        count = len(pipeline.truth_labels)
        assert len(pipeline.truth_maxima) == len(pipeline.truth_units) == count, (
            f"there are {count} truth_labels, {len(pipeline.truth_maxima)} truth_maxima and "
            f"{len(pipeline.truth_units)} truth_units, expected one of each; give every level all three"
        )
        assert len(set(pipeline.truth_labels)) == count, (
            f"truth_labels is {pipeline.truth_labels}, expected different names; give each level one of its "
            "own"
        )
        assert levels.shape == (16, count), (
            f"truth gives the shape {tuple(levels.shape)} for 16 candidates, expected {(16, count)}; give a "
            "column for each of truth_labels"
        )
        assert float(levels.min()) >= 0, (
            f"the lowest level is {float(levels.min()):g}, expected at least 0; levels count from no "
            "distortion, without a sign"
        )
        assert bool((levels <= torch.tensor(pipeline.truth_maxima, dtype=levels.dtype)).all()), (
            f"the highest levels are {levels.amax(0).tolist()}, expected at most truth_maxima, "
            f"{pipeline.truth_maxima}; declare the true maxima"
        )
        alone = torch.cat([pipeline.truth(values[i : i + 1]) for i in range(16)])
        assert torch.equal(alone, levels), (
            "a candidate's levels differ alone and among others, expected the same; compute every row from "
            "its own values"
        )
        with refuses(ParameterError, "NaN as a value of truth", _VALUES):
            pipeline.truth(torch.full_like(values, math.nan))

    def test_moving_to_the_cpu_changes_nothing(self) -> None:
        pipeline = self.make()
        values = self._values(pipeline, 2)
        before = self._render(pipeline, values, 0)
        assert pipeline.to("cpu") is pipeline, "to() gave another object, expected the pipeline; return self"
        again = self._render(pipeline, values, 0)
        what, remedy = 'a pixel after to("cpu")', "let to() move buffers and nothing else"
        assert_near(again, before, self.repeat_tolerance, what, remedy)

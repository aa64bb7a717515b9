"""The conformance suite for pipelines."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

import isptune
from isptune.contracts.truthful import Truthful
from isptune.errors import ConfigurationError, ParameterError
from isptune.parameters import Float
from isptune.pipeline import Pipeline, Scene
from isptune.renderings import check_facts, render_soundly
from isptune.testing.checks import assert_gradients_are_true, assert_pictures, global_random_state


class PipelineConformance:
    """What every pipeline must keep; inherit it in a plugin's tests and set ``name`` and ``options``.

    Give it scenes of different sizes, small ones, so that the suite stays quick.

    Example::

        from isptune.testing import PipelineConformance

        class TestMyCamera(PipelineConformance):
            name = "my-camera"
            options = {"scenes": ["chart:64x48", "chart:48x56"]}

    Class facts to override where a pipeline needs it:
        name, options: what ``make`` creates through the registry; override ``make`` for anything else.
        batch_tolerance: how far a pixel may move with the rest of the batch; 0 means not at all.
        repeat_tolerance: how far two renderings of the same values may be apart; 0 means equal.
        mode_tolerance: how far a pixel may move where gradients are recorded.
        gradient_tolerance, difference_step: for the comparison of the gradients with differences; give
            ``make`` float64 scenes or larger numbers here.
        gradient_points: points of the unit cube, the same coordinate everywhere, at which they are compared.
    """

    name: ClassVar[str] = ""
    options: ClassVar[dict[str, Any]] = {}
    batch_tolerance: ClassVar[float] = 1e-6
    repeat_tolerance: ClassVar[float] = 0.0
    mode_tolerance: ClassVar[float] = 1e-4
    gradient_tolerance: ClassVar[float] = 0.05
    difference_step: ClassVar[float] = 1e-3
    gradient_points: ClassVar[tuple[float, ...]] = (0.31, 0.62)

    # What a subclass may override.

    def make(self) -> Pipeline:
        """A fresh pipeline with at least one scene."""
        return isptune.create_pipeline(self.name, **self.options)

    # Helpers.

    def _values(self, pipeline: Pipeline, count: int = 4) -> Tensor:
        generator = torch.Generator().manual_seed(5)
        unit = torch.rand(count, len(pipeline.space.free), generator=generator, dtype=torch.float64)
        return pipeline.space.to_values(unit)

    def _near(self, got: Tensor, expected: Tensor, tolerance: float) -> bool:
        return float((got.detach().double() - expected.detach().double()).abs().max()) <= tolerance

    # The rules.

    def test_facts_are_declared(self) -> None:
        pipeline = self.make()
        assert pipeline.name
        assert isinstance(pipeline.options, dict)
        assert len(pipeline.space) >= 1
        assert isinstance(pipeline.is_differentiable, bool)
        assert isinstance(pipeline.has_reference, bool)
        assert min(pipeline.working_images, pipeline.working_images_with_gradients) > 0
        check_facts(pipeline)

    def test_scenes_have_sizes_and_know_their_places(self) -> None:
        pipeline = self.make()
        assert len(pipeline.scenes) >= 1
        for index, scene in enumerate(pipeline.scenes):
            assert scene.name
            assert scene.index == index
            assert min(scene.size) > 0
            if scene.reference is not None:
                assert scene.reference.shape == (3, *scene.size)
                assert_pictures(scene.reference)
            digest = pipeline.digest(scene)
            assert digest is None or isinstance(digest, str), "a scene's digest is a text, or None"
            assert digest == pipeline.digest(index), "a scene has another digest when it is asked again"
            whole = pipeline.whole(scene)
            assert isinstance(whole, Scene), f"whole() gives a {type(whole).__name__}, expected a Scene"
            assert pipeline.scene(index) is scene
            assert pipeline.scene(scene) is scene

    def test_an_unknown_scene_is_refused(self) -> None:
        pipeline = self.make()
        with pytest.raises(ConfigurationError):
            pipeline.render(pipeline.space.start(), len(pipeline.scenes))

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
        images = pipeline.render(self._values(pipeline, 2), 0)
        assert not torch.equal(images[0], images[1])

    def test_a_picture_depends_on_its_own_values_alone(self) -> None:
        pipeline = self.make()
        values = self._values(pipeline)
        for scene in pipeline.scenes:
            together = pipeline.render(values, scene)
            for index in range(len(values)):
                alone = pipeline.render(values[index : index + 1], scene)
                assert self._near(together[index : index + 1], alone, self.batch_tolerance), (
                    f"candidate {index} on '{scene.name}' differs from the same candidate on its own"
                )

    def test_rendering_is_deterministic(self) -> None:
        pipeline, twin = self.make(), self.make()
        values = self._values(pipeline, 2)
        # The twin renders in another order: nothing may be left over from one call to the next.
        expected = [pipeline.render(values, scene).clone() for scene in pipeline.scenes]
        others = [twin.render(values, scene).clone() for scene in reversed(twin.scenes)]
        for scene, first, second in zip(pipeline.scenes, expected, reversed(others), strict=True):
            assert self._near(first, second, self.repeat_tolerance)
            assert self._near(pipeline.render(values, scene), first, self.repeat_tolerance)

    def test_a_result_is_not_overwritten_later(self) -> None:
        pipeline = self.make()
        values = self._values(pipeline, 2)
        first = pipeline.render(values, 0)
        kept = first.clone()
        pipeline.render(values.flip(0), 0)
        assert torch.equal(first, kept)

    def test_nothing_is_modified(self) -> None:
        pipeline = self.make()
        values = self._values(pipeline)
        before = values.clone(), [pipeline.digest(scene) for scene in pipeline.scenes]
        references = [None if s.reference is None else s.reference.clone() for s in pipeline.scenes]
        for scene in pipeline.scenes:
            # Writing into a result must not reach the scene either.
            pipeline.render(values, scene).fill_(0.5)
        assert torch.equal(values, before[0]), "the values were written over"
        for scene, digest, reference in zip(pipeline.scenes, before[1], references, strict=True):
            assert pipeline.digest(scene) == digest, f"the scene '{scene.name}' was written over"
            same = reference is None or scene.reference is None or torch.equal(scene.reference, reference)
            assert same, f"the reference of the scene '{scene.name}' was written over"

    def test_global_random_state_is_neither_used_nor_changed(self) -> None:
        before = global_random_state()
        pipeline = self.make()
        values = self._values(pipeline, 2)
        first = pipeline.render(values, 0).clone()
        if isinstance(pipeline, Truthful):
            pipeline.truth(values)
        assert global_random_state() == before
        torch.rand(7)
        assert self._near(self.make().render(values, 0), first, self.repeat_tolerance)

    def test_wrong_values_are_refused(self) -> None:
        pipeline = self.make()
        good = self._values(pipeline, 2)
        nan, high = good.clone(), good.clone()
        nan[1, 0], high[1, 0] = math.nan, 1e9
        for wrong in (nan, high, good[:, :-1], good[0]):
            with pytest.raises(ParameterError):
                pipeline.render(wrong, 0)

    def test_reference_is_there_where_declared(self) -> None:
        pipeline = self.make()
        for scene in pipeline.scenes:
            reference = pipeline.reference(scene)
            if not pipeline.has_reference:
                assert reference is None, "there is a reference, although has_reference is False"
                continue
            assert reference is not None, "there is no reference, although has_reference is True"
            rendered = pipeline.render(pipeline.space.start(), scene)
            assert reference.shape == rendered.shape
            assert_pictures(reference)

    def test_truth_is_a_table_of_levels_in_their_ranges(self) -> None:
        pipeline = self.make()
        values = self._values(pipeline, 16)
        if not isinstance(pipeline, Truthful):
            assert not hasattr(pipeline, "truth"), "there is a truth(), but the pipeline is not Truthful"
            pytest.skip("the pipeline is not Truthful")
        levels = pipeline.truth(values)
        count = len(pipeline.truth_labels)
        assert len(pipeline.truth_maxima) == len(pipeline.truth_units) == count
        assert len(set(pipeline.truth_labels)) == count
        assert levels.shape == (16, count)
        assert float(levels.min()) >= 0
        assert bool((levels <= torch.tensor(pipeline.truth_maxima, dtype=levels.dtype)).all())
        alone = torch.cat([pipeline.truth(values[i : i + 1]) for i in range(16)])
        assert torch.equal(alone, levels), "a candidate's levels depend on the batch"
        with pytest.raises(ParameterError):
            pipeline.truth(torch.full_like(values, math.nan))

    def test_moving_to_the_cpu_changes_nothing(self) -> None:
        pipeline = self.make()
        values = self._values(pipeline, 2)
        before = pipeline.render(values, 0)
        assert pipeline.to("cpu") is pipeline
        assert self._near(pipeline.render(values, 0), before, self.repeat_tolerance)

    def test_no_graph_without_gradients(self) -> None:
        pipeline = self.make()
        values = self._values(pipeline, 2)
        assert not pipeline.render(values, 0).requires_grad
        with torch.no_grad():
            assert not pipeline.render(values.requires_grad_(True), 0).requires_grad

    def test_gradients_are_true(self) -> None:
        pipeline = self.make()
        if not pipeline.is_differentiable:
            pytest.skip("the pipeline declares no gradients")
        space = pipeline.space
        for scene in pipeline.scenes:
            for point in self.gradient_points:
                unit = torch.full((1, len(space.free)), point, dtype=torch.float64)
                active = space.active(space.to_values(unit))[0].tolist()
                floats = [
                    column
                    for column, place in enumerate(space.free_indices)
                    if isinstance(space.parameters[place], Float) and active[place]
                ]
                assert floats, (
                    f"a differentiable pipeline needs a float parameter that is active at {point:g}"
                )

                def render(
                    *columns: Tensor, unit: Tensor = unit, floats: list[int] = floats, scene: Any = scene
                ) -> Tensor:
                    whole = list(unit.split(1, dim=1))
                    for place, column in zip(floats, columns, strict=True):
                        whole[place] = column
                    return pipeline.render(space.to_values(torch.cat(whole, dim=1)), scene)

                start = [unit[:, place : place + 1] for place in floats]
                recorded = render(*(column.clone().requires_grad_(True) for column in start))
                assert self._near(recorded.detach(), render(*start), self.mode_tolerance)
                # Each parameter is an input of its own: a small gradient must not hide behind a large one.
                assert_gradients_are_true(
                    render,
                    start,
                    step=self.difference_step,
                    tolerance=self.gradient_tolerance,
                    directions=1,
                    names=[f"the parameter '{space.free[place].name}'" for place in floats],
                )

"""The part of the conformance suite for pipelines that is about gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from isptune.parameters import Float
from isptune.testing.checks import assert_gradients_are_true, assert_near
from isptune.testing.pipeline_subject import PipelineSubject


class PipelineGradients(PipelineSubject):
    """What a pipeline that calls itself differentiable must keep."""

    def test_no_graph_without_gradients(self) -> None:
        pipeline = self.make()
        values = self._values(pipeline, 2)
        assert not self._render(pipeline, values, 0).requires_grad, (
            "a rendering of values without gradients requires one, expected none; call requires_grad_(False) "
            "on what the pipeline holds"
        )
        with torch.no_grad():
            assert not self._render(pipeline, values.requires_grad_(True), 0).requires_grad, (
                "a rendering under torch.no_grad() requires a gradient, expected none; do not switch "
                "gradients on in render"
            )

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
                    f"no float parameter is active at {point:g} of the space, expected one, as "
                    "is_differentiable is True; set it to False, or give other gradient_points in the test"
                )

                def render(
                    *columns: Tensor, unit: Tensor = unit, floats: list[int] = floats, scene: Any = scene
                ) -> Tensor:
                    whole = list(unit.split(1, dim=1))
                    for place, column in zip(floats, columns, strict=True):
                        whole[place] = column
                    return self._render(pipeline, space.to_values(torch.cat(whole, dim=1)), scene)

                start = [unit[:, place : place + 1] for place in floats]
                recorded = render(*(column.clone().requires_grad_(True) for column in start))
                what = "a pixel where gradients are recorded"
                remedy = "take one path for both, or raise mode_tolerance in the test"
                assert_near(recorded.detach(), render(*start), self.mode_tolerance, what, remedy)
                # Each parameter is an input of its own: a small gradient must not hide behind a large one.
                assert_gradients_are_true(
                    render,
                    start,
                    step=self.difference_step,
                    tolerance=self.gradient_tolerance,
                    directions=1,
                    names=[f"the parameter '{space.free[place].name}'" for place in floats],
                )

"""What every part of the conformance suite for pipelines builds on: settings, values, the pipeline."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

import isptune
from isptune.contracts.pipeline import Pipeline, Scene
from isptune.testing.checks import worded


class PipelineSubject:
    """The pipeline under test and the values that it renders.

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

    def _render(self, pipeline: Pipeline, values: Tensor, scene: Scene | int) -> Tensor:
        with worded(f"render, given values {tuple(values.shape)}", "take (P, n) values, a row a candidate"):
            return pipeline.render(values, scene)

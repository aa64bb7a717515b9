"""The registered objective of dead leaves; a thin class over ``isptune_charts.leaves``."""

from __future__ import annotations

import torch
from torch import Tensor

from isptune.contracts.chart import Chart
from isptune.contracts.scene import Scene
from isptune.errors import ConfigurationError
from isptune_charts import leaves
from isptune_charts.base import ChartObjective, PixelsPerDegree, checked_ppd, light_in
from isptune_charts.light import luminance


class Acutance(ChartObjective):
    """Acutance of dead leaves: how much of a texture's contrast is kept, as an eye weighs it.

    The cross spectrum of picture and reference, so that noise does not count as texture, registered to a
    fraction of a pixel, of luminance in linear light; see ``isptune_charts.leaves``. Range [-2, 10]: 1 where
    nothing is lost, higher is better, above 1 where detail is exaggerated.

    Args:
        pixels_per_degree: of the eye's field, 5 to 300: 60 is a usual screen at 86 cm, where finer detail
            hardly counts; 30 looks from half as far.
    """

    chart_kinds = ("dead-leaves",)
    needs_reference = True
    score_range = (-2.0, 10.0)

    def __init__(self, pixels_per_degree: PixelsPerDegree = 60.0) -> None:
        self.pixels_per_degree = checked_ppd(pixels_per_degree)
        self._boxes: list[tuple[int, int, int, int]] = []

    def bind(self, charts: list[Chart], scene: Scene) -> None:
        self._boxes = [leaves_box(chart) for chart in charts]

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        images = self.checked(images)
        reference = self.require_reference(images, reference)
        found = [
            leaves.acutance(*leaves_contrast(box, images, reference), self.pixels_per_degree)
            for box in self._boxes
        ]
        return torch.stack(found).mean(dim=0).clamp(-2.0, 10.0).to(images.dtype)


def leaves_box(chart: Chart) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a texture in whole pixels, refused where it is too small."""
    left, top, right, bottom = (round(value) for value in chart.box)
    if min(right - left, bottom - top) < 32:
        raise ConfigurationError(
            f"the dead leaves at {left}, {top} have {right - left}x{bottom - top} pixels; "
            "needed: at least 32x32"
        )
    return left, top, right, bottom


def leaves_contrast(
    box: tuple[int, int, int, int], images: Tensor, reference: Tensor
) -> tuple[Tensor, Tensor]:
    """Frequencies and contrast of the texture in a box, see ``isptune_charts.leaves.texture_mtf``."""
    return leaves.texture_mtf(luminance(light_in(box, images)), luminance(light_in(box, reference)))

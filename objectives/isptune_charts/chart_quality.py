"""The objective ``chart-quality``: what charts tell of a picture as one loss in just noticeable differences.

It follows IEEE 1858 (CPIQ) in its form: each attribute becomes a loss of quality in just noticeable
differences (JND), and a Minkowski sum joins them. Of the numbers two are published: the loss of visual noise
(Keelan, Jin and Prokushkin, "Development of a perceptually calibrated objective metric of noise", 2011) and
the sum's exponent (Keelan, "Handbook of Image Quality", 2002). The standard's other curves are not public;
those here are plain ones of isptune's own and say so, so that its numbers are not the standard's.
"""

from __future__ import annotations

import torch
from torch import Tensor

from isptune.contracts.chart import Chart
from isptune.contracts.scene import Scene
from isptune_charts import edges, leaves
from isptune_charts.base import (
    Box,
    ChartObjective,
    PixelsPerDegree,
    checked_ppd,
    cut_to_patches,
    edge_luminance,
    edges_of,
    fields_of,
    light_in,
)
from isptune_charts.edge_objectives import channel_displacements
from isptune_charts.kinds import LEAVES, EdgeRegion, PatchField
from isptune_charts.light import luma
from isptune_charts.patch_objectives import field_visual_noise, patch_differences, preferred
from isptune_charts.texture_objectives import leaves_box, leaves_contrast

# Keelan, Jin and Prokushkin (2011): the metric at which noise is first seen, its step of one JND where that
# is widest, and the radius of the bend between both.
_NOISE_SEEN, _NOISE_STEP, _NOISE_BEND = 0.4627, 0.02398, 0.1418
# Of isptune's own: where a loss begins, and what one JND is.
_ACUTANCE_FULL, _ACUTANCE_STEP = 0.9, 0.03
_COLOUR_SEEN, _COLOUR_STEP = 1.0, 1.0
_OVERSHOOT_SEEN, _OVERSHOOT_STEP = 0.05, 0.05
_ARC_MINUTES_STEP = 0.5


def noise_loss(visual_noise: Tensor) -> Tensor:
    """Loss of quality by visual noise in JND, 0 where it is not seen (Keelan, Jin and Prokushkin, 2011)."""
    above = (visual_noise - _NOISE_SEEN).clamp(min=0)
    share = above / _NOISE_BEND
    return above / _NOISE_STEP - _NOISE_BEND / _NOISE_STEP**2 * torch.log1p(_NOISE_STEP * share)


def acutance_loss(acutance: Tensor) -> Tensor:
    """Loss of quality by blur in JND: one for every 0.03 of acutance below 0.9; isptune's own."""
    return (_ACUTANCE_FULL - acutance).clamp(min=0) / _ACUTANCE_STEP


def colour_loss(difference: Tensor) -> Tensor:
    """Loss of quality by wrong colours in JND: one for every CIEDE2000 of 1 above 1; isptune's own."""
    return (difference - _COLOUR_SEEN).clamp(min=0) / _COLOUR_STEP


def overshoot_loss(overshoot: Tensor) -> Tensor:
    """Loss of quality by halos in JND: one for every 5% of an edge's height above 5%; isptune's own."""
    return (overshoot - _OVERSHOOT_SEEN).clamp(min=0) / _OVERSHOOT_STEP


def displacement_loss(pixels: Tensor, pixels_per_degree: float) -> Tensor:
    """Loss of quality by coloured edges in JND: one for every half of an arc minute; isptune's own."""
    return pixels * 60 / pixels_per_degree / _ARC_MINUTES_STEP


def joined(losses: Tensor) -> Tensor:
    """Losses (..., K) in JND as one (...), by Keelan's Minkowski sum of a variable exponent (2002).

    ``(sum of l^n)^(1/n)`` with ``n = 1 + 2 tanh(max l / 16.9)``: small losses add up, and a large one hides
    the others.

    Example:
        >>> float(joined(torch.tensor([3.0, 0.0])))
        3.0
    """
    largest = losses.amax(dim=-1, keepdim=True)
    power = 1 + 2 * torch.tanh(largest / 16.9)
    unit = largest.clamp(min=1e-9)
    shares = (losses / unit).clamp(min=1e-9)
    total = (unit * (shares**power).sum(dim=-1, keepdim=True) ** (1 / power))[..., 0]
    return torch.where(largest[..., 0] > 1e-9, total, losses.sum(dim=-1))


class ChartQuality(ChartObjective):
    """All that the charts of a scene tell, as one loss of quality in just noticeable differences (JND).

    The form of IEEE 1858 (CPIQ), with losses of edge acutance, texture acutance, visual noise, colour,
    overshoot and chromatic displacement, of which noise's and the sum's numbers are published and the others
    are isptune's own; see ``isptune_charts.chart_quality``. An attribute whose chart a scene does not show
    costs nothing, and neither does texture where a scene has no reference. Range [0, 10000], 0 where nothing
    is lost, LOWER is better.

    Args:
        pixels_per_degree: of the eye's field, 5 to 300; 60 is a usual screen at 86 cm.
    """

    chart_kinds = ("slanted-edge", "dead-leaves", "colour-checker", "grey-scale")
    higher_is_better = False
    score_range = (0.0, 10_000.0)
    labels = ("edges", "texture", "visual noise", "colour", "overshoot", "displacement")

    def __init__(self, pixels_per_degree: PixelsPerDegree = 60.0) -> None:
        self.pixels_per_degree = checked_ppd(pixels_per_degree)
        self._edges: list[EdgeRegion] = []
        self._fields: list[PatchField] = []
        self._box: Box = (0, 0, 1, 1)
        self._boxes: list[tuple[int, int, int, int]] = []
        self._target: Tensor | None = None

    def bind(self, charts: list[Chart], scene: Scene) -> None:
        self._edges = edges_of(charts, scene)
        self._box, self._fields = cut_to_patches(fields_of(charts, scene))
        self._target = None if scene.reference is None else scene.reference[None]
        self._boxes = (
            [] if self._target is None else [leaves_box(one) for one in charts if one.kind == LEAVES]
        )

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        return joined(self._losses(images)).clamp(max=10_000.0).to(images.dtype)

    def scores(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        return self._losses(images).to(images.dtype)

    def _losses(self, images: Tensor) -> Tensor:
        """(N, K) float64 losses."""
        images = self.checked(images)
        nothing = images.new_zeros(len(images), dtype=torch.float64)
        halos = self._mean([self._edge(region, images) for region in self._edges], nothing.expand(3, -1))
        texture = self._mean([self._texture(box, images) for box in self._boxes], nothing)
        light = light_in(self._box, images)
        noises = [
            noise_loss(field_visual_noise(field, light, self.pixels_per_degree)).mean(dim=1)
            for field in preferred(self._fields)
        ]
        colours = [
            colour_loss(patch_differences(field, light).mean(dim=1))
            for field in self._fields
            if field.colours is not None
        ]
        found = [
            halos[0],
            texture,
            self._mean(noises, nothing),
            self._mean(colours, nothing),
            halos[1],
            halos[2],
        ]
        return torch.stack(found, dim=1)

    @staticmethod
    def _mean(found: list[Tensor], nothing: Tensor) -> Tensor:
        return torch.stack(found).mean(dim=0) if found else nothing

    def _edge(self, region: EdgeRegion, images: Tensor) -> Tensor:
        """(3, N) losses of an edge's acutance, overshoot and displacement."""
        bright, line = edge_luminance(region, images)
        frequencies, contrast = edges.sfr(bright, line)
        half = frequencies <= 0.5
        acutance = leaves.acutance(frequencies[half], contrast[:, half], self.pixels_per_degree)
        halo = torch.maximum(*edges.overshoot(edges.edge_spread(luma(region.cut(images).double()), line)))
        red, blue = channel_displacements(region, images)
        apart = torch.maximum(red.abs(), blue.abs())
        return torch.stack(
            [
                acutance_loss(acutance),
                overshoot_loss(halo),
                displacement_loss(apart, self.pixels_per_degree),
            ]
        )

    def _texture(self, box: tuple[int, int, int, int], images: Tensor) -> Tensor:
        assert self._target is not None
        target = self._target.to(images)
        found = leaves.acutance(*leaves_contrast(box, images, target), self.pixels_per_degree)
        return acutance_loss(found)

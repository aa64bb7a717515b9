"""The registered objectives of slanted edges; thin classes over ``isptune_charts.edges``."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from isptune.contracts.chart import Chart
from isptune.contracts.scene import Scene
from isptune.errors import ConfigurationError
from isptune_charts import edges
from isptune_charts.base import ChartObjective, edge_luminance, edges_of
from isptune_charts.kinds import EdgeRegion
from isptune_charts.light import linear, luma

Share = Annotated[float, Field(gt=0, lt=1)]


class EdgeObjective(ChartObjective):
    """One number of each slanted edge of a scene, of which the mean is told."""

    chart_kinds = ("slanted-edge",)
    _edges: tuple[EdgeRegion, ...] = ()

    def bind(self, charts: list[Chart], scene: Scene) -> None:
        self._edges = tuple(edges_of(charts, scene))

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        images = self.checked(images)
        found = torch.stack([self.of_edge(region, images) for region in self._edges])
        return found.mean(dim=0).to(images.dtype)

    def of_edge(self, region: EdgeRegion, images: Tensor) -> Tensor:
        """(N,) float64, the number of one edge."""
        raise NotImplementedError


class MTF50(EdgeObjective):
    """MTF50 of slanted edges: the frequency at which contrast has fallen to a half (ISO 12233, e-SFR).

    See ``isptune_charts.edges``. In cycles per pixel, range [0, 1], higher is better; the mean of all edges
    that a scene shows, of luminance in linear light. 0.5 is half a cycle per pixel, more is left of
    sharpening or aliasing alone: watch ``overshoot`` beside it. Edges are 2 to 15 degrees from upright or
    level. Where the file does not say their angle, the scene's reference does, else each picture.

    Args:
        level: of contrast, in (0, 1); 0.1 gives MTF10.

    Example:
        >>> import isptune
        >>> from isptune.scenes import load_scenes
        >>> (scene,) = load_scenes("chart:384x256")
        >>> objective = isptune.create_objective("mtf50").for_scene(scene)
        >>> round(float(objective.score(scene.reference[None])), 1)
        0.6
    """

    score_range = (0.0, 1.0)

    def __init__(self, level: Share = 0.5) -> None:
        if not 0 < level < 1:
            raise ConfigurationError(f"level is {level}; allowed: above 0 and below 1")
        self.level = level

    def of_edge(self, region: EdgeRegion, images: Tensor) -> Tensor:
        return edges.crossing(*edges.sfr(*edge_luminance(region, images)), self.level)


class MTF(EdgeObjective):
    """Contrast of slanted edges at one frequency (ISO 12233, e-SFR).

    See ``isptune_charts.edges``. Range [0, 10], 1 for no loss, higher is better; the mean of all edges, of
    luminance in linear light.

    Args:
        frequency: in cycles per pixel, in (0, 1).
    """

    score_range = (0.0, 10.0)

    def __init__(self, frequency: Share = 0.25) -> None:
        if not 0 < frequency < 1:
            raise ConfigurationError(f"frequency is {frequency}; allowed: above 0 and below 1")
        self.frequency = frequency

    def of_edge(self, region: EdgeRegion, images: Tensor) -> Tensor:
        frequencies, found = edges.sfr(*edge_luminance(region, images))
        return edges.mtf_at(frequencies, found, self.frequency).clamp(max=10.0)


class Overshoot(EdgeObjective):
    """By how much edges rise above their bright side or fall below their dark one: halos of sharpening.

    A share of the edge's height in encoded values, as it is seen; the larger of both sides, and the mean of
    all edges. Range [0, 10], 0 for none, LOWER is better. Noise makes some of its own.
    """

    higher_is_better = False
    score_range = (0.0, 10.0)

    def of_edge(self, region: EdgeRegion, images: Tensor) -> Tensor:
        _, line = edge_luminance(region, images)
        spread = edges.edge_spread(luma(region.cut(images).double()), line)
        return torch.maximum(*edges.overshoot(spread)).clamp(max=10.0)


class ChromaticDisplacement(EdgeObjective):
    """How far the edges of red and blue lie from green's (IEEE 1858's lateral chromatic displacement).

    In pixels along the edge's normal; the larger of red and blue, and the mean of all edges. Range [0, 10],
    0 for none, LOWER is better. From the phases of the line spreads' spectra, see
    ``isptune_charts.edges.displacement``; true to 2 pixels.
    """

    higher_is_better = False
    score_range = (0.0, 10.0)

    def of_edge(self, region: EdgeRegion, images: Tensor) -> Tensor:
        red, blue = channel_displacements(region, images)
        return torch.maximum(red.abs(), blue.abs()).clamp(max=10.0)


def channel_displacements(region: EdgeRegion, images: Tensor) -> tuple[Tensor, Tensor]:
    """(N,) how far red and blue edges lie from green's, in pixels."""
    _, line = edge_luminance(region, images)
    light = linear(region.cut(images).double())
    red, green, blue = (edges.edge_spread(light[:, channel], line) for channel in range(3))
    return edges.displacement(red, green), edges.displacement(blue, green)

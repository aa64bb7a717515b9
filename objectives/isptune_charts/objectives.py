"""The registered objectives of edges, textures, noise and colours; thin classes over the pure functions."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from isptune.contracts.chart import Chart
from isptune.contracts.scene import Scene
from isptune.errors import ConfigurationError
from isptune_charts import edges, leaves, noise
from isptune_charts.base import ChartObjective, edge_luminance, edges_of, fields_of
from isptune_charts.colour import ciede2000, lab
from isptune_charts.kinds import CHECKER, EDGE, GREYS, LEAVES, EdgeRegion, PatchField
from isptune_charts.light import linear, luma, luminance
from isptune_charts.patches import deviations, means
from isptune_charts.published import PATCH_NAMES
from isptune_charts.uniformity import uniformity

Share = Annotated[float, Field(gt=0, lt=1)]
PixelsPerDegree = Annotated[float, Field(ge=5, le=300)]


class EdgeObjective(ChartObjective):
    """One number of each slanted edge of a scene, of which the mean is told."""

    chart_kinds = (EDGE,)
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
        spread = edges.edge_spread(region.cut(luma(images.double())), line)
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
    light = linear(images.double())
    red, green, blue = (edges.edge_spread(region.cut(light[:, channel]), line) for channel in range(3))
    return edges.displacement(red, green), edges.displacement(blue, green)


class Acutance(ChartObjective):
    """Acutance of dead leaves: how much of a texture's contrast is kept, as an eye weighs it.

    The cross spectrum of picture and reference, so that noise does not count as texture, registered to a
    fraction of a pixel, of luminance in linear light; see ``isptune_charts.leaves``. Range [-2, 10]: 1 where
    nothing is lost, higher is better, above 1 where detail is exaggerated.

    Args:
        pixels_per_degree: of the eye's field, 5 to 300: 60 is a usual screen at 86 cm, where finer detail
            hardly counts; 30 looks from half as far.
    """

    chart_kinds = (LEAVES,)
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
    left, top, right, bottom = box
    bright, target = (
        luminance(linear(one[..., top:bottom, left:right].double())) for one in (images, reference)
    )
    return leaves.texture_mtf(bright, target)


class PatchObjective(ChartObjective):
    """One number of the patches of each chart of a scene, of which the mean is told."""

    chart_kinds = (GREYS, CHECKER)
    _fields: tuple[PatchField, ...] = ()

    def bind(self, charts: list[Chart], scene: Scene) -> None:
        self._fields = tuple(preferred(fields_of(charts, scene)))

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        light = linear(self.checked(images).double())
        found = torch.stack([self.of_field(field, light) for field in self._fields])
        return found.mean(dim=0).to(images.dtype)

    def of_field(self, field: PatchField, light: Tensor) -> Tensor:
        """(N,) float64, the number of one chart in linear pictures."""
        raise NotImplementedError


def preferred(fields: list[PatchField]) -> list[PatchField]:
    """The scales of grey where there is one, else the greys of colour charts."""
    scales = [field for field in fields if field.colours is None]
    return scales or fields


def grey_statistics(field: PatchField, light: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Known luminance (K,) and, from dark to light, mean and deviation (N, K) of the grey patches."""
    greys = [field.patches[place] for place in field.greys]
    bright = luminance(light)[:, None]
    known = field.luminance[list(field.greys)].to(light)
    return known, means(bright, greys)[..., 0], deviations(bright, greys)[..., 0]


class SNR(PatchObjective):
    """Signal-to-noise ratio of grey patches in dB, the mean of all of them.

    ``20 log10(mean / standard deviation)`` of luminance in linear light, without what a slope over the patch
    explains, at most 80; see ``isptune_charts.noise.snr``. Of a grey scale where a scene shows one, else of
    the greys of a colour checker. Range [0, 80], higher is better; smoothing raises it:
    watch ``acutance``.
    """

    score_range = (0.0, noise.HIGHEST_SNR)

    def of_field(self, field: PatchField, light: Tensor) -> Tensor:
        _, mean, deviation = grey_statistics(field, light)
        return noise.snr(mean, deviation).mean(dim=1)


class DynamicRange(PatchObjective):
    """Dynamic range in stops, from the brightest step that is not clipped to where signal equals noise.

    Noise is told in the scene's light by the slope of the tone curve (ISO 15739); see
    ``isptune_charts.noise.dynamic_range``. Of a grey scale where a scene shows one, else of the greys of a
    colour checker. Range [0, 40], higher is better.
    """

    score_range = (0.0, 40.0)

    def of_field(self, field: PatchField, light: Tensor) -> Tensor:
        return noise.dynamic_range(*grey_statistics(field, light)).clamp(max=40.0)


class VisualNoise(PatchObjective):
    """Noise as an eye sees it, mean of the grey patches (ISO 15739 and IEEE 1858).

    Patches are filtered by the eye's sensitivity in opponent channels, and the variances in CIELAB joined as
    Keelan, Jin and Prokushkin (2011) did; see ``isptune_charts.noise.visual_noise``. Range [0, 10]: 0 for
    none, seen from about 0.46 on, LOWER is better.

    Args:
        pixels_per_degree: of the eye's field, 5 to 300; 60 is a usual screen at 86 cm.
    """

    higher_is_better = False
    score_range = (0.0, 10.0)

    def __init__(self, pixels_per_degree: PixelsPerDegree = 60.0) -> None:
        self.pixels_per_degree = checked_ppd(pixels_per_degree)

    def of_field(self, field: PatchField, light: Tensor) -> Tensor:
        return field_visual_noise(field, light, self.pixels_per_degree).mean(dim=1)


def field_visual_noise(field: PatchField, light: Tensor, pixels_per_degree: float) -> Tensor:
    """(N, K) visual noise of grey patches, from dark to light."""
    moments = [
        noise.visual_noise_moments(light, field.patches[place], pixels_per_degree) for place in field.greys
    ]
    return noise.visual_noise(torch.stack(moments, dim=1)).clamp(max=10.0)


class CIEDE2000(PatchObjective):
    """Colour differences CIEDE2000 of the 24 patches of a colour checker: mean, largest, and each.

    Patches are averaged in linear light and compared in CIELAB under D50 with the chart's values, published
    or given; white balance counts, and exposure unless it is matched. See
    ``isptune_charts.colour.ciede2000``. ``score`` is the mean, range [0, 200], 0 for none, LOWER is better.

    Args:
        match_exposure: scale the picture's light first so that the greys are as bright in all as they are
            known to be.
    """

    chart_kinds = (CHECKER,)
    higher_is_better = False
    score_range = (0.0, 200.0)
    labels = ("mean", "largest", *PATCH_NAMES)

    def __init__(self, match_exposure: bool = False) -> None:
        self.match_exposure = match_exposure

    def of_field(self, field: PatchField, light: Tensor) -> Tensor:
        return patch_differences(field, light, self.match_exposure).mean(dim=1)

    def scores(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        light = linear(self.checked(images).double())
        found = [patch_differences(field, light, self.match_exposure) for field in self._fields]
        each = torch.stack(found).mean(dim=0)
        return torch.cat([each.mean(dim=1, keepdim=True), each.amax(dim=1, keepdim=True), each], dim=1).to(
            images
        )


def patch_differences(field: PatchField, light: Tensor, match_exposure: bool = False) -> Tensor:
    """(N, K) CIEDE2000 of the patches of linear pictures from their known colours.

    With ``match_exposure`` the light is scaled first so that the greys' luminances have the sum they should.
    """
    assert field.colours is not None
    colours = means(light, field.patches)
    if match_exposure:
        greys = list(field.greys)
        seen = luminance(colours[:, greys].transpose(1, 2)[..., None])[..., 0].sum(dim=1)
        colours = colours * (field.luminance[greys].sum() / seen.clamp(min=1e-6))[:, None, None]
    return ciede2000(lab(colours), field.colours.to(light))


class ColourUniformity(PatchObjective):
    """How far colours stray within the patches of a colour checker: blotches of chroma, shading of colour.

    The root mean square distance in a* and b* of the ninths of a patch from its mean, mean over the patches;
    see ``isptune_charts.uniformity``. Range [0, 200], 0 for none, LOWER is better.
    """

    chart_kinds = (CHECKER,)
    higher_is_better = False
    score_range = (0.0, 200.0)

    def of_field(self, field: PatchField, light: Tensor) -> Tensor:
        return uniformity(light, field.patches).mean(dim=1)


def checked_ppd(value: float) -> float:
    """Pixels per degree, refused where they are none."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 5 <= value <= 300:
        raise ConfigurationError(f"pixels_per_degree is {value}; allowed: 5 to 300")
    return float(value)

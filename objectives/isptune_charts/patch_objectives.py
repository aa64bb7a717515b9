"""The registered objectives of noise and colour on patches; thin classes over the pure functions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from isptune.contracts.chart import Chart
from isptune.contracts.scene import Scene
from isptune_charts import noise
from isptune_charts.base import (
    Box,
    ChartObjective,
    PixelsPerDegree,
    checked_ppd,
    cut_to_patches,
    fields_of,
    light_in,
)
from isptune_charts.colour import ciede2000, lab
from isptune_charts.kinds import PatchField
from isptune_charts.light import luminance
from isptune_charts.patches import deviations, means
from isptune_charts.published import PATCH_NAMES
from isptune_charts.uniformity import uniformity


class PatchObjective(ChartObjective):
    """One number of the patches of each chart of a scene, of which the mean is told."""

    chart_kinds: tuple[str, ...] = ("grey-scale", "colour-checker")
    _fields: Sequence[PatchField] = ()
    _box: Box = (0, 0, 1, 1)

    def bind(self, charts: list[Chart], scene: Scene) -> None:
        self._box, self._fields = cut_to_patches(preferred(fields_of(charts, scene)))

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        light = light_in(self._box, self.checked(images))
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

    chart_kinds = ("colour-checker",)
    higher_is_better = False
    score_range = (0.0, 200.0)
    labels = ("mean", "largest", *PATCH_NAMES)

    def __init__(self, match_exposure: bool = False) -> None:
        self.match_exposure = match_exposure

    def of_field(self, field: PatchField, light: Tensor) -> Tensor:
        return patch_differences(field, light, self.match_exposure).mean(dim=1)

    def scores(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        light = light_in(self._box, self.checked(images))
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

    chart_kinds = ("colour-checker",)
    higher_is_better = False
    score_range = (0.0, 200.0)

    def of_field(self, field: PatchField, light: Tensor) -> Tensor:
        return uniformity(light, field.patches).mean(dim=1)

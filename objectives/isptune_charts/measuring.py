"""All that the charts of one picture allow to be measured, as plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from isptune.contracts.chart import Chart
from isptune.errors import ConfigurationError
from isptune_charts import edges, leaves, noise
from isptune_charts.base import edge_luminance
from isptune_charts.checks import settled_edge
from isptune_charts.colour import ciede2000, lab
from isptune_charts.edge_objectives import channel_displacements
from isptune_charts.kinds import EDGE, FIELDS, LEAVES, EdgeRegion, PatchField, check_kind, edge_region
from isptune_charts.light import linear, luma
from isptune_charts.patch_objectives import field_visual_noise, grey_statistics, patch_differences
from isptune_charts.patches import means
from isptune_charts.spectra import noise_spectrum
from isptune_charts.texture_objectives import leaves_box, leaves_contrast
from isptune_charts.uniformity import uniformity

Numbers = NDArray[np.float64]


@dataclass
class MeasuredEdge:
    """One slanted edge.

    Attributes:
        name: with its place.
        degrees: its tilt from upright or level.
        numbers: by name: MTF50, MTF10 and contrast at a quarter of a cycle per pixel, shares and pixels.
        frequencies, responses: (F,) cycles per pixel, and the response by channel.
    """

    name: str
    degrees: float
    numbers: dict[str, float]
    frequencies: Numbers
    responses: dict[str, Numbers]


@dataclass
class MeasuredTexture:
    """One texture of dead leaves: its acutance, and its contrast by frequency in cycles per pixel."""

    name: str
    acutance: float
    frequencies: Numbers
    contrast: Numbers


@dataclass
class MeasuredField:
    """Patches of one chart.

    Attributes:
        name: of the chart.
        numbers: by name: mean and largest CIEDE2000, uniformity, SNR, dynamic range, visual noise.
        names: (K,) of the patches.
        seen, known: (K, 3) CIELAB under D50; None for a scale of grey.
        differences: (K,) CIEDE2000, likewise.
        greys: of the grey patches from dark to light: name, known luminance, mean, SNR in dB, visual noise.
        frequencies, spectrum: (F,) cycles per pixel, and the noise's density there, of the middle grey.
    """

    name: str
    numbers: dict[str, float]
    names: tuple[str, ...]
    seen: Numbers | None
    known: Numbers | None
    differences: Numbers | None
    greys: list[tuple[str, float, float, float, float]]
    frequencies: Numbers
    spectrum: Numbers


@dataclass
class Measured:
    """What was measured of one picture; ``left_out`` says in a sentence each what could not be."""

    edges: list[MeasuredEdge] = field(default_factory=list)
    textures: list[MeasuredTexture] = field(default_factory=list)
    fields: list[MeasuredField] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, with all curves."""
        return {
            "edges": [
                {
                    "name": one.name,
                    "degrees": one.degrees,
                    **one.numbers,
                    "frequencies": one.frequencies.tolist(),
                    "responses": {name: values.tolist() for name, values in one.responses.items()},
                }
                for one in self.edges
            ],
            "textures": [
                {
                    "name": one.name,
                    "acutance": one.acutance,
                    "frequencies": one.frequencies.tolist(),
                    "contrast": one.contrast.tolist(),
                }
                for one in self.textures
            ],
            "fields": [_field_dict(one) for one in self.fields],
            "left_out": self.left_out,
        }


def _field_dict(one: MeasuredField) -> dict[str, Any]:
    found: dict[str, Any] = {"name": one.name, **one.numbers}
    if one.seen is not None and one.known is not None and one.differences is not None:
        found["patches"] = [
            {"name": name, "lab": seen.tolist(), "known_lab": known.tolist(), "ciede2000": float(apart)}
            for name, seen, known, apart in zip(one.names, one.seen, one.known, one.differences, strict=True)
        ]
    keys = ("name", "known_luminance", "luminance", "snr_db", "visual_noise")
    found["greys"] = [dict(zip(keys, grey, strict=True)) for grey in one.greys]
    found["noise_spectrum"] = {"frequencies": one.frequencies.tolist(), "density": one.spectrum.tolist()}
    return found


def measure_picture(
    picture: Tensor,
    charts: Sequence[Chart],
    reference: Tensor | None = None,
    pixels_per_degree: float = 60.0,
) -> Measured:
    """Measure what the charts of a picture allow.

    Args:
        picture: (3, H, W) encoded sRGB in [0, 1].
        charts: where they lie in it.
        reference: (3, H, W), what was photographed, for textures.
        pixels_per_degree: of the eye's field.

    Raises:
        ConfigurationError: there is no chart, or none that can be measured on.
    """
    found = Measured()
    picture = picture.double()
    size = int(picture.shape[-2]), int(picture.shape[-1])
    refusals: list[ConfigurationError] = []
    numbers: dict[str, int] = {}
    for chart in charts:
        check_kind(chart)
        number = numbers[chart.kind] = numbers.get(chart.kind, 0) + 1
        try:
            if chart.kind == EDGE:
                region = settled_edge(edge_region(chart, number), picture)
                found.edges.append(_edge(region, picture))
            elif chart.kind == LEAVES:
                found.textures.append(_texture(chart, picture, reference, pixels_per_degree))
            else:
                one = FIELDS[chart.kind](chart, size, number)
                found.fields.append(_field(one, picture, pixels_per_degree))
        except ConfigurationError as error:
            refusals.append(error)
    if refusals and not (found.edges or found.textures or found.fields):
        raise refusals[0]
    found.left_out = [str(error) for error in refusals]
    return found


def _edge(region: EdgeRegion, picture: Tensor) -> MeasuredEdge:
    images = picture[None]
    bright, line = edge_luminance(region, images)
    frequencies, found = edges.sfr(bright, line)
    responses = {"luminance": found[0].numpy()}
    light = linear(picture)
    for name, plane in zip(("red", "green", "blue"), light, strict=True):
        responses[name] = edges.sfr(region.cut(plane[None]), line)[1][0].numpy()
    over, under = edges.overshoot(edges.edge_spread(region.cut(luma(images)), line))
    red, blue = channel_displacements(region, images)
    numbers = {
        "mtf50": float(edges.crossing(frequencies, found)),
        "mtf10": float(edges.crossing(frequencies, found, 0.1)),
        "mtf_at_0.25": float(edges.mtf_at(frequencies, found, 0.25)),
        "overshoot": float(over),
        "undershoot": float(under),
        "red_displacement": float(red),
        "blue_displacement": float(blue),
    }
    return MeasuredEdge(region.name, float(line.degrees.abs()), numbers, frequencies.numpy(), responses)


def _texture(
    chart: Chart, picture: Tensor, reference: Tensor | None, pixels_per_degree: float
) -> MeasuredTexture:
    box = leaves_box(chart)
    if reference is None:
        raise ConfigurationError(
            f"the dead leaves at {box[0]}, {box[1]} are measured against what was photographed; give that "
            "picture, of the same size, as the reference"
        )
    frequencies, contrast = leaves_contrast(box, picture[None], reference[None].double())
    found = float(leaves.acutance(frequencies, contrast, pixels_per_degree))
    name = f"leaves at {box[0]}, {box[1]}"
    return MeasuredTexture(name, found, frequencies.numpy(), contrast[0].numpy())


def _field(one: PatchField, picture: Tensor, pixels_per_degree: float) -> MeasuredField:
    light = linear(picture)[None]
    known, mean, deviation = grey_statistics(one, light)
    ratio = noise.snr(mean, deviation)
    visual = field_visual_noise(one, light, pixels_per_degree)
    numbers = {
        "snr_db": float(ratio.mean()),
        "dynamic_range_stops": float(noise.dynamic_range(known, mean, deviation)),
        "visual_noise": float(visual.mean()),
    }
    seen = differences = colours = None
    if one.colours is not None:
        measured = lab(means(light, one.patches))[0]
        apart = ciede2000(measured, one.colours)
        even = uniformity(light, one.patches)
        numbers = {
            "ciede2000_mean": float(apart.mean()),
            "ciede2000_largest": float(apart.max()),
            "ciede2000_mean_exposure_matched": float(patch_differences(one, light, True).mean()),
            "uniformity": float(even.mean()),
            **numbers,
        }
        seen, colours, differences = measured.numpy(), one.colours.numpy(), apart.numpy()
    names = [one.names[place] for place in one.greys]
    columns = (known.tolist(), mean[0].tolist(), ratio[0].tolist(), visual[0].tolist())
    greys = [
        (name, float(wanted), float(found), float(decibels), float(visible))
        for name, wanted, found, decibels, visible in zip(names, *columns, strict=True)
    ]
    middle = one.patches[one.greys[len(one.greys) // 2]]
    frequencies, spectrum = noise_spectrum(light, middle)
    return MeasuredField(
        one.name,
        numbers,
        one.names,
        seen,
        colours,
        differences,
        greys,
        frequencies.numpy(),
        spectrum[0].numpy(),
    )

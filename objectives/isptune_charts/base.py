"""What the objectives of charts share: they are bound to the scene whose charts they measure on."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Annotated

from pydantic import Field
from torch import Tensor

from isptune.contracts.chart import Chart
from isptune.contracts.objective import Objective, check_images
from isptune.contracts.requirements import Memory
from isptune.contracts.scene import Scene
from isptune.errors import ConfigurationError
from isptune.wording.naming import listed
from isptune_charts.checks import require_same_size, settled_edge
from isptune_charts.edges import Line, find_line
from isptune_charts.kinds import EDGE, FIELDS, EdgeRegion, PatchField, check_kind, edge_region
from isptune_charts.light import linear, luminance

PixelsPerDegree = Annotated[float, Field(ge=5, le=300)]


class ChartObjective(Objective):
    """An objective that knows where the charts of one scene lie, once ``for_scene`` has told it.

    A subclass writes ``bind`` and ``score``.
    """

    is_differentiable = True
    memory = Memory(images=2.0)

    _size: tuple[int, int] | None = None

    def for_scene(self, scene: Scene) -> Objective:
        """The objective for the pictures of one scene.

        Raises:
            ConfigurationError: the scene shows no chart of the kind, or one that cannot be measured on.
        """
        charts = charts_for(scene, self.chart_kinds, self.name or type(self).__name__)
        bound = copy(self)
        bound._size = scene.size
        try:
            bound.bind(charts, scene)
        except ConfigurationError as error:
            raise ConfigurationError(f"the scene '{scene.name}': {error}") from error
        return bound

    def bind(self, charts: list[Chart], scene: Scene) -> None:
        """Take what is measured from the charts of a scene, of which there is at least one."""
        raise NotImplementedError

    def checked(self, images: Tensor) -> Tensor:
        """The batch, refused where it is none, or where nothing is known of its charts."""
        name = self.name or type(self).__name__
        images = check_images(images, name)
        if self._size is None:
            raise ConfigurationError(
                f"the objective '{name}' measures on a chart ({listed(self.chart_kinds)}), and nothing is "
                "known of where one lies; score the generated 'chart', or a picture with a file such as "
                "photo.chart.yaml beside it"
            )
        require_same_size(images, self._size, name)
        return images


def charts_for(scene: Scene, kinds: tuple[str, ...], name: str) -> list[Chart]:
    """The charts of these kinds that a scene shows.

    Raises:
        ConfigurationError: it shows none, or one of an unknown kind.
    """
    for chart in scene.charts:
        check_kind(chart)
    found = [chart for chart in scene.charts if chart.kind in kinds]
    if not found:
        others = sorted({chart.kind for chart in scene.charts})
        shows = f"shows {listed(others)} alone" if others else "shows none"
        needed = f"the objective '{name}' measures on a chart ({listed(kinds)}), and the scene '{scene.name}'"
        if scene.source.get("crop") is not None:
            raise ConfigurationError(
                f"{needed}, a crop, {shows}; a crop shows the charts that lie whole in it: leave --crop out"
            )
        raise ConfigurationError(
            f"{needed} {shows}; describe it in a file such as photo.chart.yaml beside the picture, or take "
            "the generated 'chart'"
        )
    return found


def edges_of(charts: list[Chart], scene: Scene) -> list[EdgeRegion]:
    """Regions of edges; what a file does not say of them is taken from the scene's reference.

    Where there is none, an edge lies along its region's longer side, and each picture tells its slope.
    """
    regions = []
    for number, chart in enumerate((chart for chart in charts if chart.kind == EDGE), 1):
        region = edge_region(chart, number)
        if scene.reference is not None:
            region = settled_edge(region, scene.reference)
        if region.upright is None:
            left, top, right, bottom = region.box
            region = replace(region, upright=bottom - top >= right - left)
        regions.append(region)
    return regions


def fields_of(charts: list[Chart], scene: Scene) -> list[PatchField]:
    """Patches of all charts that have some."""
    found: list[PatchField] = []
    for chart in charts:
        if chart.kind in FIELDS:
            number = sum(chart.kind in field.name for field in found) + 1
            found.append(FIELDS[chart.kind](chart, scene.size, number))
    return found


Box = tuple[int, int, int, int]


def cut_to_patches(fields: list[PatchField]) -> tuple[Box, list[PatchField]]:
    """The box around all patches (left, top, right, bottom), and the fields as they lie in it.

    What lies outside need not be turned into light.
    """
    every = [patch for field in fields for patch in field.patches]
    if not every:
        return (0, 0, 1, 1), fields
    left, top = min(patch.left for patch in every), min(patch.top for patch in every)
    right, bottom = max(patch.right for patch in every), max(patch.bottom for patch in every)
    moved = [
        replace(
            field,
            patches=[
                replace(
                    patch,
                    top=patch.top - top,
                    bottom=patch.bottom - top,
                    left=patch.left - left,
                    right=patch.right - left,
                )
                for patch in field.patches
            ],
        )
        for field in fields
    ]
    return (left, top, right, bottom), moved


def light_in(box: Box, images: Tensor) -> Tensor:
    """(N, 3, h, w) float64 linear light of a part of pictures."""
    left, top, right, bottom = box
    return linear(images[..., top:bottom, left:right].double())


def edge_luminance(region: EdgeRegion, images: Tensor) -> tuple[Tensor, Line]:
    """(N, h, w) float64 luminance of the upright edge in linear light, and where its line lies."""
    bright = luminance(light_in(region.box, images))
    bright = bright if region.upright else bright.transpose(-2, -1)
    if region.offset is None or region.slope is None:
        return bright, find_line(bright, region.slope)
    known = bright.new_tensor([region.offset, region.slope]).expand(len(bright), 2)
    return bright, Line(known[:, 0], known[:, 1])


def checked_ppd(value: float) -> float:
    """Pixels per degree, refused where they are none."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 5 <= value <= 300:
        raise ConfigurationError(f"pixels_per_degree is {value}; allowed: 5 to 300")
    return float(value)

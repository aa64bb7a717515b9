"""From what the user names to raw scenes: files, folders, globs, the chart, raw pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from isptune.contracts.chart import Chart, charts_in
from isptune.contracts.scene import Scene
from isptune.errors import ConfigurationError, ImageError
from isptune.scenes import chart, read_image
from isptune.scenes.chart_files import charts_beside
from isptune.scenes.crops import CropRule, choose_crops, parse_crop
from isptune.scenes.generated import charts_of
from isptune.scenes.sources import ChartName, find_pictures
from isptune.storage.paths import shown
from isptune_raw.mosaic import RawImage
from isptune_raw.reading import read_raw
from isptune_raw.simulation import simulate
from isptune_raw.views import RawView, as_sensed, upright, upright_place

Source = str | Path | RawImage | Scene

_KINDS = "a raw file such as x.dng, a folder, a glob, 'chart', or a RawImage"


def raw_scenes(
    sources: Source | Sequence[Source] | None = None,
    *,
    reference: str | Path | Tensor | Sequence[str | Path | Tensor] | None = None,
    crop: str | int | None = "auto",
    seed: int = 0,
    iso: float = 1600,
) -> list[Scene]:
    """Make the scenes of raw pictures; the payload of each is a ``RawView``.

    Args:
        sources: raw files (see ``read_raw``), folders or globs of such, ``RawImage`` objects, or ``"chart"``
            and ``"chart:WxH"``, the generated chart as a simulated phone takes it. The chart if None.
        reference: what results are compared with: one upright picture for each source, a path or a
            (3, H, W) tensor in [0, 1]. If None it is ``x.reference.png`` beside ``x.dng`` where that is
            there, the chart's own picture, and else nothing. Charts are described in ``x.chart.yaml``.
        crop: as ``isptune.scenes.load_scenes`` has it; crops begin at even pixels and have even sides.
        seed: of the chart's noise and of the places of crops.
        iso: of the simulated chart.

    Raises:
        ImageError: a file that is not there or cannot be read, or a reference of another size.
        ConfigurationError: a crop that is not known, or other references than sources.

    Example:
        >>> scene = raw_scenes(["chart:96x64"])[0]
        >>> scene.size, scene.payload.raw.pattern
        ((64, 96), 'RGGB')
    """
    rule = parse_crop(crop)
    if sources is None:
        sources = ["chart"]
    if isinstance(sources, str | Path | RawImage | Scene):
        sources = [sources]
    found = [entry for source in sources for entry in _entries(source)]
    if reference is None:
        given: list[str | Path | Tensor | None] = [None] * len(found)
    else:
        given = [reference] if isinstance(reference, str | Path | Tensor) else [*reference]
        if len(given) != len(found):
            raise ConfigurationError(
                f"there are {len(given)} references and {len(found)} raw pictures; give one for each"
            )
    scenes: list[Scene] = []
    for entry, compared in zip(found, given, strict=True):
        scenes += _scenes_of(entry, compared, rule, seed, iso)
    for index, scene in enumerate(scenes):
        scene.index = index
    return scenes


def whole_scene(scene: Scene) -> Scene:
    """All of the raw picture that a scene is a crop of; the scene itself where it is no crop of a file."""
    file = scene.source.get("file")
    if file is None or "crop" not in scene.source:
        return scene
    (whole,) = _scenes_of(Path(file), scene.source.get("reference"), CropRule(side=0), 0, 0)
    whole.index = scene.index
    return whole


def raw_window(scene: Scene, place: tuple[int, int, int, int]) -> Scene:
    """A part of a raw scene as a scene of its own (``Pipeline.window``)."""
    x, y, width, height = place
    view = view_of(scene).part(place)
    reference = None
    if scene.reference is not None:
        reference = scene.reference[:, y : y + height, x : x + width].contiguous()
    return Scene(
        f"{scene.name}[{x},{y},{width}x{height}]",
        view.size,
        reference,
        view,
        index=scene.index,
        conditions=scene.conditions,
        charts=charts_in(scene.charts, (x, y), view.size),
    )


def raw_work(scene: Scene) -> float:
    """The pixels of the mosaic that is developed for a raw scene (``Pipeline.work``)."""
    return float(view_of(scene).raw.mosaic.size)


def view_of(scene: Scene) -> RawView:
    """The raw picture that a scene holds.

    Raises:
        ConfigurationError: it holds something else.
    """
    if not isinstance(scene.payload, RawView):
        raise ConfigurationError(
            f"the scene '{scene.name}' holds no raw picture, but a {type(scene.payload).__name__}"
        )
    return scene.payload


def raw_digest(scene: Scene) -> str | None:
    """A digest of the raw picture, of all that decides how it is developed, and of the reference."""
    held: Any = view_of(scene).digest()
    return Scene(scene.name, scene.size, scene.reference, held, charts=scene.charts).digest()


def _entries(source: Source) -> list[Path | RawImage | ChartName | Scene]:
    if isinstance(source, RawImage | Scene):
        return [source]
    if not isinstance(source, str | Path):
        raise ImageError(f"a raw scene is {_KINDS}, not an object of type {type(source).__name__}")
    return [*find_pictures(source, raw=True)]


def _scenes_of(
    entry: Path | RawImage | ChartName | Scene,
    compared: str | Path | Tensor | None,
    rule: CropRule,
    seed: int,
    iso: float,
) -> list[Scene]:
    if isinstance(entry, Scene):
        if not isinstance(entry.payload, RawView):
            raise ImageError(f"the scene '{entry.name}' holds no raw picture")
        return [entry]
    source: dict[str, Any]
    charts: tuple[Chart, ...] = ()
    if isinstance(entry, ChartName):
        picture = chart(entry.width, entry.height, seed)
        raw = simulate(picture, iso=iso, seed=seed)
        compared = picture[:, : raw.height, : raw.width] if compared is None else compared
        name, source = entry.name, {"chart": [entry.width, entry.height]}
        charts = charts_of(entry.width, entry.height)
    elif isinstance(entry, RawImage):
        raw, name, source = entry, "raw", {}
    else:
        raw, name, source = read_raw(entry), shown(entry.name), {"file": os.path.abspath(entry)}
        charts = charts_beside(entry, raw.upright_size)
        beside = entry.with_suffix(".reference.png")
        if compared is None and beside.is_file():
            compared = beside
    reference = None if compared is None else _reference(compared, raw, name)
    if isinstance(compared, str | Path):
        source["reference"] = os.path.abspath(compared)
    # A chart cut to pieces measures nothing.
    places = _places(raw, rule, seed, ready=isinstance(entry, ChartName) or bool(charts))
    if places is None:
        view = RawView.of(raw)
        seen = Scene(
            name, view.size, reference, view, source=source, conditions=raw.conditions, charts=charts
        )
        return [seen]
    scenes = []
    for x, y, width, height in places:
        view = RawView.of(raw, (x, y, width, height))
        part = None
        if reference is not None:
            sensed = as_sensed(reference, raw.orientation)[:, y : y + height, x : x + width]
            part = upright(sensed, raw.orientation).clone(memory_format=torch.contiguous_format)
        crop = {**source, "crop": [x, y, width, height]}
        seen = Scene(f"{name}[{x},{y}]", view.size, part, view, source=crop, conditions=raw.conditions)
        place = upright_place((x, y, width, height), (raw.width, raw.height), raw.orientation)
        seen.charts = charts_in(charts, place, view.size)
        scenes.append(seen)
    return scenes


def _places(raw: RawImage, rule: CropRule, seed: int, ready: bool) -> list[tuple[int, int, int, int]] | None:
    """The crops of a raw picture; None for the whole of it."""
    if rule.side == 0 or raw.width * raw.height <= rule.above or (rule.automatic and ready):
        return None
    half = rule.side // 2
    corners = choose_crops(torch.from_numpy(raw.preview()), rule.count, half, seed)
    return [(2 * x, 2 * y, 2 * half, 2 * half) for x, y in corners] or None


def _reference(compared: str | Path | Tensor, raw: RawImage, name: str) -> Tensor:
    picture = compared if isinstance(compared, Tensor) else read_image(compared)
    size = tuple(picture.shape[-2:])
    if size != raw.upright_size:
        wanted, got = raw.upright_size, size
        raise ImageError(
            f"the reference of '{name}' has {got[1]}x{got[0]} pixels, and the raw picture, upright, has "
            f"{wanted[1]}x{wanted[0]}; they must be of one size"
        )
    return picture.to(torch.float32)

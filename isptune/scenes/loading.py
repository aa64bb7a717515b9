"""From what the user names to scenes: files, folders, globs, the chart, tensors."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from isptune.contracts.chart import charts_in
from isptune.contracts.pipeline import Scene
from isptune.errors import ImageError
from isptune.scenes.chart_files import charts_beside
from isptune.scenes.crops import CropRule, choose_crops, parse_crop
from isptune.scenes.generated import chart, charts_of, check_seed
from isptune.scenes.image_reading import MINIMUM_SIDE, read_image
from isptune.scenes.scene_pictures import picture_of
from isptune.scenes.sources import FORMATS, ChartName, find_pictures
from isptune.storage.paths import shown

Source = str | Path | Tensor | Scene


def load_scenes(
    sources: Source | Sequence[Source],
    *,
    crop: str | int | None = "auto",
    seed: int = 0,
    references: Source | Sequence[Source] | None = None,
) -> list[Scene]:
    """Make the scenes that a pipeline renders.

    Args:
        sources: any of

            - an image file (see ``read_image``),
            - a folder: the image files in it, by suffix, in natural order; folders in it are not searched,
            - a glob such as ``"night/*.jpg"`` (``**`` searches folders too), likewise,
            - ``"chart"`` or ``"chart:640x480"``, the generated chart (see ``chart``),
            - a tensor (3, H, W) of float32 or float64 in [0, 1],
            - a ``Scene``.
        crop: how much of each picture is seen, always at its native resolution:

            - ``"auto"``: pictures of more than one megapixel through six crops of 256x256 pixels, others
              whole; charts, pictures with a file that describes charts, and ready-made scenes whole
              whatever their size,
            - None or ``"full"``: the whole picture,
            - a side in pixels, such as 192: six such crops,
            - count and side, such as ``"9x192"``.

            Crops never overlap: where fewer fit side by side, there are as many as fit, and a picture that is
            smaller than a crop stays whole. See ``choose_crops`` for where they lie.
        seed: of the chart's texture and of the places that crops may take.
        references: what results are compared with, given like the sources, as many pictures of the same
            sizes in the same order; each scene's own picture if None.

    Returns:
        Scenes, of which each knows its name (``"photo.png"``, or ``"photo.png[x,y]"`` for a crop; bytes and
        characters that cannot be shown stand as escapes), its index, and in ``source`` where it came from:
        ``file``, ``chart`` or ``tensor``, and ``crop`` as x, y, width, height. Each has the ``charts`` that
        it shows whole: those of the generated chart, and of a picture those that the file
        ``photo.chart.yaml`` beside ``photo.png`` describes.

    Raises:
        ImageError: nothing is there, or it cannot be read; a tensor of another shape, type or range; a
            reference of another size than its scene.
        ConfigurationError: a ``crop`` that is not known, a negative seed, a description of charts that cannot
            be.

    Example:
        >>> from isptune.scenes import load_scenes
        >>> [scene.name for scene in load_scenes(["chart:96x64"], crop=32)]  # doctest: +NORMALIZE_WHITESPACE
        ['chart:96x64[0,0]', 'chart:96x64[32,0]', 'chart:96x64[64,0]',
         'chart:96x64[0,32]', 'chart:96x64[32,32]', 'chart:96x64[64,32]']
    """
    rule = parse_crop(crop)
    check_seed(seed)
    if isinstance(sources, str | Path | Tensor | Scene):
        sources = [sources]
    scenes: list[Scene] = []
    entries = [entry for source in sources for entry in _entries(source)]
    pictures = _raised(_pictures(entries, seed))
    if references is not None:
        pictures = _compared(pictures, len(entries), references, seed)
    for picture in pictures:
        scenes += _seen(picture, rule, seed)
    if not scenes:
        raise ImageError(f"no scene is given; give an image file ({FORMATS}), a folder, a glob or 'chart'")
    for index, scene in enumerate(scenes):
        scene.index = index
    return scenes


def named_pictures(sources: Iterable[Source]) -> Iterator[Scene | ImageError]:
    """Whole pictures as ``load_scenes`` names them, one after another.

    In the place of a picture that cannot be had stands its error: the others come all the same.
    """
    entries: list[Any] = []
    for source in sources:
        try:
            entries += _entries(source)
        except ImageError as error:
            entries.append(error)
    yield from _pictures(entries, 0)


def _pictures(entries: Sequence[Any], seed: int) -> Iterator[Scene | ImageError]:
    """Whole pictures, one after another, so that no more than one large one is held.

    In the place of one that cannot be had stands its error. One that is given again (for another draw of
    noise) is called ``name#2``.
    """
    names = Counter(entry.name for entry in {entry for entry in entries if isinstance(entry, Path)})
    seen: Counter[str] = Counter()
    for position, entry in enumerate(entries):
        try:
            picture = _whole(entry, position, names, seed)
        except ImageError as error:
            yield error
            continue
        seen[picture.name] += 1
        if seen[picture.name] > 1:
            picture.name = f"{picture.name}#{seen[picture.name]}"
        yield picture


def _raised(pictures: Iterable[Scene | ImageError]) -> Iterator[Scene]:
    for picture in pictures:
        if isinstance(picture, ImageError):
            raise picture
        yield picture


def _compared(
    pictures: Iterable[Scene], count: int, references: Source | Sequence[Source], seed: int
) -> Iterator[Scene]:
    """The pictures, each with the picture that its results are compared with."""
    if isinstance(references, str | Path | Tensor | Scene):
        references = [references]
    others = [entry for one in references for entry in _entries(one)]
    if count != len(others):
        raise ImageError(
            f"there are {len(others)} pictures to compare with and {count} pictures to render; "
            "give one for each, in the same order"
        )
    for picture, other in zip(pictures, _raised(_pictures(others, seed)), strict=True):
        if picture.size != other.size:
            raise ImageError(
                f"the picture '{other.name}' is {other.width}x{other.height} pixels, and '{picture.name}', "
                f"which is compared with it, {picture.width}x{picture.height}; they must be of one size"
            )
        picture.reference = picture_of(other).to(picture_of(picture).dtype)
        if "file" in other.source:
            picture.source["reference"] = other.source["file"]
        yield picture


def _whole(entry: Any, position: int, names: Counter[str], seed: int) -> Scene:
    """The whole picture of one of the ``_entries``; an error that stands in its place is raised."""
    if isinstance(entry, ImageError):
        raise entry
    if isinstance(entry, Scene):
        return Scene.of_picture(
            entry.name,
            picture_of(entry),
            reference=entry.reference,
            source={**entry.source, "scene": True},
            conditions=entry.conditions,
            charts=entry.charts,
        )
    if isinstance(entry, Tensor):
        image = _checked(entry, position)
        return Scene.of_picture(f"tensor {position}", image, source={"tensor": position})
    if isinstance(entry, Path):
        name = shown(entry.name if names[entry.name] == 1 else entry.as_posix())
        picture = read_image(entry)
        charts = charts_beside(entry, (int(picture.shape[1]), int(picture.shape[2])))
        return Scene.of_picture(name, picture, source={"file": os.path.abspath(entry)}, charts=charts)
    assert isinstance(entry, ChartName)
    drawn = chart(entry.width, entry.height, seed)
    size = entry.width, entry.height
    return Scene.of_picture(entry.name, drawn, source={"chart": [*size]}, charts=charts_of(*size))


def _entries(source: Source) -> list[Any]:
    """A scene, a tensor, a chart's name, or the files that a text or path stands for."""
    if isinstance(source, Scene | Tensor):
        return [source]
    if not isinstance(source, str | Path):
        raise ImageError(
            f"a scene is a path, 'chart', a tensor or a Scene, not an object of type {type(source).__name__}"
        )
    return [*find_pictures(source)]


def _checked(image: Tensor, position: int) -> Tensor:
    """A user's tensor, detached and copied, so that later changes to it are not the scene's."""
    shape = tuple(image.shape)
    if image.ndim != 3 or shape[0] != 3:
        raise ImageError(f"scene {position} is a tensor of the shape {shape}; (3, H, W) is needed")
    if image.dtype not in (torch.float32, torch.float64):
        kind = str(image.dtype).removeprefix("torch.")
        raise ImageError(f"scene {position} is a tensor of {kind}; float32 or float64 in [0, 1] is needed")
    if min(shape[1:]) < MINIMUM_SIDE:
        raise ImageError(
            f"scene {position} is {shape[2]}x{shape[1]} pixels; "
            f"a scene needs at least {MINIMUM_SIDE}x{MINIMUM_SIDE}"
        )
    image = image.detach()
    low, high = float(image.min()), float(image.max())
    if not (low >= 0 and high <= 1):
        values = "NaN" if low != low or high != high else f"values in [{low:.4g}, {high:.4g}]"
        raise ImageError(f"scene {position} is a tensor with {values}; [0, 1] is needed")
    return image.clone(memory_format=torch.contiguous_format)


def _seen(picture: Scene, rule: CropRule, seed: int) -> list[Scene]:
    """The picture whole, or its crops."""
    made = "chart" in picture.source or picture.source.pop("scene", False)
    # A chart cut to pieces measures nothing.
    ready = made or bool(picture.charts)
    whole = rule.side == 0 or picture.width * picture.height <= rule.above or (rule.automatic and ready)
    places = [] if whole else choose_crops(picture_of(picture), rule.count, rule.side, seed)
    if not places:
        return [picture]
    side = rule.side
    whole_image, whole_reference = picture_of(picture), picture.reference
    crops = []
    for x, y in places:
        # Copies: views would keep the whole pictures in memory.
        image, reference = (
            None
            if one is None
            else one[:, y : y + side, x : x + side].clone(memory_format=torch.contiguous_format)
            for one in (whole_image, None if whole_reference is whole_image else whole_reference)
        )
        assert image is not None
        source = {**picture.source, "crop": [x, y, side, side]}
        crop = Scene.of_picture(
            f"{picture.name}[{x},{y}]",
            image,
            reference=reference,
            source=source,
            conditions=picture.conditions,
            charts=charts_in(picture.charts, (x, y), (side, side)),
        )
        crops.append(crop)
    return crops

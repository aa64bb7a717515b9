"""Pictures of the report: rendered from run directories and encoded as data URIs."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isptune.outputs import whole_scene
from isptune.pipeline import Pipeline, Scene, l1_distortion
from isptune.plots import before_after_crops
from isptune.renderings import render
from isptune.report.compute import by_objective, in_order, median_record
from isptune.report.levels import Pipelines
from isptune.report.records import Record

LARGEST_SIDE = 1400
CROPS = 3
CROP_SIDE = 160
_QUALITY = 90
_SMALL = 400 * 300


@dataclass(frozen=True)
class Picture:
    """One rendering of the scene.

    Attributes:
        name: what it is, as menus call it.
        note: one line about it, such as its score.
        image: (3, H, W) in [0, 1], at native resolution.
    """

    name: str
    note: str
    image: Tensor


@dataclass(frozen=True)
class Comparison:
    """Pictures of one scene, of one size, and where their detail crops lie.

    Attributes:
        scene: the scene's name.
        pictures: before, those that were found, and the pristine one where there is one.
        crops: (x, y, width, height) in pixels of the pictures.
    """

    scene: str
    pictures: tuple[Picture, ...]
    crops: tuple[tuple[int, int, int, int], ...]


def compare(records: Sequence[Record], pipelines: Pipelines) -> Comparison | None:
    """The first scene of the first run before and after tuning, and pristine.

    Of each objective the run in the middle is shown, of those on the first run's scene.

    Returns:
        None where no run's pipeline can be made here. Pictures of another size than the first one after
        tuning are left out: they could not be laid over it.
    """
    scene = records[0].scene
    pictures: list[Picture] = []
    pristine: Tensor | None = None
    name = scene
    single = len(by_objective(records)) == 1
    maps = len(in_order(records, lambda record: record.map))
    for objective, group in by_objective([r for r in records if r.scene == scene]).items():
        record = median_record(group)
        pipeline = pipelines.try_of(record)
        if pipeline is None:
            continue
        whole = whole_scene(pipeline.scenes[0])
        if not pictures:
            name = whole.name
            start = pipeline.space.start()
            note = _start_note(pipeline, start) + (f", map {record.map}" if maps > 1 else "")
            pictures.append(Picture("before", note, _render(pipeline, start, whole)))
            reference = pipeline.reference(whole)
            pristine = None if reference is None else reference[0].float().cpu()
        found = pipeline.space.from_dicts([record.parameters])
        title = "after" if single else f"after: {objective}"
        note = _note(record) + (f", map {record.map}" if maps > 1 else "")
        pictures.append(Picture(title, note, _render(pipeline, found, whole)))
    if not pictures:
        return None
    if pristine is not None:
        pictures.append(Picture("pristine", "the undistorted scene", pristine))
    size = pictures[1].image.shape
    pictures = [picture for picture in pictures if picture.image.shape == size]
    if pristine is not None and pristine.shape != size:
        pristine = None
    return Comparison(name, tuple(pictures), _crops(pictures[-1 if pristine is None else -2].image, pristine))


def _crops(after: Tensor, pristine: Tensor | None) -> tuple[tuple[int, int, int, int], ...]:
    shorter = min(after.shape[-2:])
    side = max(16, min(CROP_SIDE, shorter // 2))
    return tuple(before_after_crops(after, after, pristine, CROPS, side))


def _render(pipeline: Pipeline, values: Tensor, scene: Scene) -> Tensor:
    with torch.no_grad():
        return render(pipeline, values.to(scene.image.device), scene)[0].float().cpu().clamp(0, 1)


# Where a search has not begun yet.
START = "the factory's defaults, else the middle of the ranges"


def _start_note(pipeline: Pipeline, start: Tensor) -> str:
    levels = pipeline.truth(start)
    if levels is None:
        return START
    share = float(l1_distortion(levels, pipeline.truth_maxima)[1][0])
    return f"{START}, normalised L1 {share:.3g}"


def _note(record: Record) -> str:
    scores = record.scores or ({} if record.score is None else {record.objective: record.score})
    parts = [f"{name} {score:.4g}" for name, score in scores.items()]
    if record.l1_normalised is not None:
        parts.append(f"normalised L1 {record.l1_normalised:.3g}")
    return ", ".join(parts)


def preview_uri(image: Tensor, largest: int = LARGEST_SIDE) -> tuple[str, int, int]:
    """A picture as a WebP data URI, made smaller where it is larger than ``largest``.

    Small pictures, of which every pixel can be seen, are encoded without loss, others with quality 90.

    Args:
        image: (3, H, W) in [0, 1].
        largest: the most pixels of the longer side.

    Returns:
        The URI, and the encoded picture's width and height.
    """
    from PIL import Image

    picture = Image.fromarray(_samples(image))
    if max(picture.size) > largest:
        scale = largest / max(picture.size)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    lossless = picture.width * picture.height <= _SMALL
    picture.save(buffer, format="WEBP", lossless=lossless, quality=_QUALITY, method=4)
    return _uri(buffer, "webp"), picture.width, picture.height


def crop_uri(image: Tensor, crop: tuple[int, int, int, int]) -> str:
    """A part of a picture, pixel by pixel, as a PNG data URI.

    Args:
        image: (3, H, W) in [0, 1].
        crop: x, y, width and height.
    """
    from PIL import Image

    x, y, width, height = crop
    buffer = io.BytesIO()
    samples = _samples(image[:, y : y + height, x : x + width])
    Image.fromarray(samples).save(buffer, format="PNG", optimize=True)
    return _uri(buffer, "png")


def _samples(image: Tensor) -> NDArray[np.uint8]:
    """(H, W, 3)."""
    return (image.detach().cpu() * 255).round().permute(1, 2, 0).contiguous().numpy().astype(np.uint8)


def _uri(buffer: io.BytesIO, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"

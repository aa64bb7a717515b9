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

from isptune.contracts.truthful import Truthful
from isptune.pictured import MOST_SCENES, different_pictures, measured_on, reference_word
from isptune.pipeline import Pipeline, Scene
from isptune.plots import before_after_crops
from isptune.renderings import render
from isptune.report.compute import by_objective, in_order, median_record
from isptune.report.levels import Pipelines
from isptune.report.records import Record
from isptune.words import FOUND, NORMALISED_L1, PRISTINE, START, START_WORDS

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
        pictures: at the start, those that were found, and the reference where there is one.
        crops: (x, y, width, height) in pixels of the pictures.
    """

    scene: str
    pictures: tuple[Picture, ...]
    crops: tuple[tuple[int, int, int, int], ...]


def comparisons(records: Sequence[Record], pipelines: Pipelines) -> tuple[list[Comparison], int]:
    """The scenes of the runs at the start, as found, and what they are compared with.

    Of each objective the run in the middle of its runs on a scene is shown.

    Returns:
        The first few scenes, and how many there are; none where no run's pipeline can be made here.
    """
    found: list[Comparison] = []
    total = 0
    for label in in_order(records, lambda record: record.scene):
        group = [record for record in records if record.scene == label]
        made = next(filter(None, map(pipelines.try_of, group)), None)
        count = 0 if made is None else len(different_pictures(made.scenes))
        total += count
        for number in range(min(count, MOST_SCENES - len(found))):
            comparison = compare(group, pipelines, number)
            if comparison is not None:
                found.append(comparison)
    return found, total


def compare(records: Sequence[Record], pipelines: Pipelines, number: int = 0) -> Comparison | None:
    """One picture of runs on the same scenes.

    Args:
        records: of the runs.
        pipelines: of the runs.
        number: which of their different pictures.

    Returns:
        None where no run's pipeline can be made here. Pictures of another size than the first one that was
        found are left out: they could not be laid over it.
    """
    pictures: list[Picture] = []
    reference: Tensor | None = None
    name, word = records[0].scene, PRISTINE
    single = len(by_objective(records)) == 1
    maps = len(in_order(records, lambda record: record.map))
    for objective, group in by_objective(records).items():
        record = median_record(group)
        pipeline = pipelines.try_of(record)
        if pipeline is None:
            continue
        whole = pipeline.whole(different_pictures(pipeline.scenes)[number])
        if not pictures:
            name, word = whole.name, reference_word(pipeline)
            start = pipelines.space_of(record).start()
            note = _start_note(pipeline, start) + (f", map {record.map}" if maps > 1 else "")
            pictures.append(Picture(START, note, _render(pipeline, start, whole)))
            given = pipeline.reference(whole)
            reference = None if given is None else given[0].float().cpu()
        values = pipeline.space.from_dicts([record.parameters])
        title = FOUND if single else f"{FOUND}: {objective}"
        note = _note(record, measured_on(pipeline.scenes)) + (f", map {record.map}" if maps > 1 else "")
        pictures.append(Picture(title, note, _render(pipeline, values, whole)))
    if not pictures:
        return None
    if reference is not None:
        note = "the undistorted scene" if word == PRISTINE else "what candidates are compared with"
        pictures.append(Picture(word, note, reference))
    size = pictures[1].image.shape
    pictures = [picture for picture in pictures if picture.image.shape == size]
    if reference is not None and reference.shape != size:
        reference = None
    shown = pictures[-1 if reference is None else -2].image
    return Comparison(name, tuple(pictures), _crops(shown, reference))


def _crops(after: Tensor, pristine: Tensor | None) -> tuple[tuple[int, int, int, int], ...]:
    shorter = min(after.shape[-2:])
    side = max(16, min(CROP_SIDE, shorter // 2))
    return tuple(before_after_crops(after, after, pristine, CROPS, side))


def _render(pipeline: Pipeline, values: Tensor, scene: Scene) -> Tensor:
    with torch.no_grad():
        return render(pipeline, values.to(pipeline.device), scene)[0].float().cpu().clamp(0, 1)


def _start_note(pipeline: Pipeline, start: Tensor) -> str:
    if not isinstance(pipeline, Truthful):
        return START_WORDS
    return f"{START_WORDS}, {NORMALISED_L1} {float(pipeline.losses(start)[1][0]):.3g}"


def _note(record: Record, mean: str) -> str:
    scores = record.scores or ({} if record.score is None else {record.objective: record.score})
    parts = [", ".join(f"{name} {score:.4g}" for name, score in scores.items())]
    parts[0] += f" ({mean})" if mean and scores else ""
    if record.l1_normalised is not None:
        parts.append(f"{NORMALISED_L1} {record.l1_normalised:.3g}")
    return ", ".join(filter(None, parts))


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

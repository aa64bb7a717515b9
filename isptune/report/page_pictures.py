"""Pictures of the report: those that runs hold, encoded as data URIs."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from isptune.figures.before_after import before_after_crops
from isptune.figures.pixels import pixels_of
from isptune.figures.records import Record, by_objective, in_order, median_record
from isptune.runs.captions import MOST_SCENES, different_pictures, measured_on, reference_word
from isptune.runs.picture_files import read_picture
from isptune.runs.run import Run
from isptune.wording.words import FOUND, NORMALISED_L1, PRISTINE, START, START_WORDS

LARGEST_SIDE = 1400
CROPS = 3
CROP_SIDE = 160
# Base64 characters of all large pictures together.
MOST_CHARACTERS = 9_000_000
# Smaller ones are shown enlarged, by whole factors.
_LEAST_WIDTH, _LEAST_CROP = 480, 120
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


@dataclass(frozen=True)
class Encoded(Comparison):
    """A comparison as the page holds it.

    Attributes:
        uris: of the pictures.
        width, height: of the encoded pictures.
        size: of the pictures themselves, in words.
        crop_uris: by place and picture.
    """

    uris: list[str]
    width: int
    height: int
    size: str
    crop_uris: list[list[str]]

    @property
    def scaled(self) -> bool:
        """Whether the pictures are shown at another size than their own."""
        return self.size != f"{self.width}×{self.height}"

    @property
    def zoom(self) -> int:
        """How many pixels of the page a pixel of a picture is wide."""
        return max(1, _LEAST_WIDTH // self.width)

    @property
    def crop_zoom(self) -> int:
        """The same of a detail."""
        return max(1, _LEAST_CROP // self.crops[0][2])


def encoded(found: Sequence[Comparison]) -> list[Encoded]:
    """Comparisons at the largest of a few sizes at which they do not make the file heavy."""
    made = []
    for one in found:
        for side in (LARGEST_SIDE, 1000, 720, 480):
            previews = [preview_uri(picture.image, side) for picture in one.pictures]
            if sum(len(uri) for uri, _, _ in previews) <= MOST_CHARACTERS // len(found):
                break
        uris, widths, heights = zip(*previews, strict=True)
        _, high, wide = one.pictures[0].image.shape
        made.append(
            Encoded(
                **vars(one),
                uris=list(uris),
                width=widths[0],
                height=heights[0],
                size=f"{wide}×{high}",
                crop_uris=[[crop_uri(picture.image, crop) for picture in one.pictures] for crop in one.crops],
            )
        )
    return made


def comparisons(records: Sequence[Record]) -> tuple[list[Comparison], int]:
    """The scenes of the runs at the start, as found, and what they are compared with.

    Of each objective the run in the middle of its runs on a scene is shown.

    Returns:
        The first few scenes, and how many there are; none where no run holds pictures.
    """
    found: list[Comparison] = []
    total = 0
    for label in in_order(records, lambda record: record.scene):
        group = [record for record in records if record.scene == label]
        held = next((record.run for record in group if record.run is not None and record.run.pictures), None)
        if held is None:
            continue
        total += len(different_pictures(held.scenes))
        for number in range(min(len(held.pictures), MOST_SCENES - len(found))):
            comparison = compare(group, number)
            if comparison is not None:
                found.append(comparison)
    return found, total


def compare(records: Sequence[Record], number: int = 0) -> Comparison | None:
    """One picture of runs on the same scenes.

    Args:
        records: of the runs.
        number: which of their different pictures.

    Returns:
        None where no run holds it. Pictures of another size than the first one that was found are left out:
        they could not be laid over it.
    """
    pictures: list[Picture] = []
    reference: Tensor | None = None
    name, word = records[0].scene, PRISTINE
    single = len(by_objective(records)) == 1
    variants = len(in_order(records, lambda record: record.variant))
    for objective, group in by_objective(records).items():
        record = median_record(group)
        run = record.run
        if run is None or len(run.pictures) <= number:
            continue
        held = run.pictures[number]
        if not pictures:
            name, word = held.scene, reference_word(run.truth is not None)
            note = _start_note(run) + (f", {record.word} {record.variant}" if variants > 1 else "")
            if held.start is not None:
                pictures.append(Picture(START, note, read_picture(held.start)))
            reference = None if held.reference is None else read_picture(held.reference)
        title = FOUND if single else f"{FOUND}: {objective}"
        note = _note(record, measured_on(run.scenes)) + (
            f", {record.word} {record.variant}" if variants > 1 else ""
        )
        pictures.append(Picture(title, note, read_picture(held.found)))
    if not pictures:
        return None
    if reference is not None:
        note = "the undistorted scene" if word == PRISTINE else "what candidates are compared with"
        pictures.append(Picture(word, note, reference))
    size = next(picture.image.shape for picture in pictures if picture.name != START)
    pictures = [picture for picture in pictures if picture.image.shape == size]
    if reference is not None and reference.shape != size:
        reference = None
    shown = pictures[-1 if reference is None else -2].image
    return Comparison(name, tuple(pictures), _crops(shown, reference))


def _crops(after: Tensor, pristine: Tensor | None) -> tuple[tuple[int, int, int, int], ...]:
    shorter = min(after.shape[-2:])
    side = max(16, min(CROP_SIDE, shorter // 2))
    return tuple(before_after_crops(after, after, pristine, CROPS, side))


def _start_note(run: Run) -> str:
    if run.truth is None:
        return START_WORDS
    return f"{START_WORDS}, {NORMALISED_L1} {run.truth.start_share:.3g}"


def _note(record: Record, mean: str) -> str:
    parts = [", ".join(f"{name} {score:.4g}" for name, score in record.scores.items())]
    parts[0] += f" ({mean})" if mean and record.scores else ""
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

    picture = Image.fromarray(pixels_of(image))
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
    samples = pixels_of(image[:, y : y + height, x : x + width])
    Image.fromarray(samples).save(buffer, format="PNG", optimize=True)
    return _uri(buffer, "png")


def _uri(buffer: io.BytesIO, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"

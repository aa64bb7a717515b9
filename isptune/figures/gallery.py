"""The gallery of stages: every stage at rising levels on one detail of a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from isptune.errors import ConfigurationError, IsptuneError, StageError
from isptune.figures.pixels import Pixels, pixels_of
from isptune.figures.style import DOTS_PER_INCH, TITLE_LINE, draw_title, new_figure, style, title_lines

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

    from isptune.contracts.stage import Stage
    from isptune.parameters import Parameter

FRACTIONS = (0.2, 0.4, 0.6, 0.8, 1.0)
MINIMUM_SIZE, MAXIMUM_SIZE = 32, 512

# Pixels of the figure.
_MARGIN, _GAP, _NAME = 24, 10, 30
_LABEL, _BETWEEN, _APART = 24, 18, 56
# Width over height that columns aim at, and the most of them.
_SHAPE, _MOST_COLUMNS = 1.3, 4
_NARROWEST = 130
_ENLARGED_TO = 160
_QUIET = "#555555"


@dataclass(frozen=True)
class GalleryRow:
    """The tiles of a distortion, or of one parameter of another stage.

    Attributes:
        stage: the stage's name, with the parameter's behind it where it is no distortion.
        levels: (L,) in the parameter's unit, rising; of a choice the places of its options.
        labels: (L,) the levels as text with their unit.
        tiles: (L, H, W, 3) of 8 bits, what the stage makes of the detail at each level.
        about: the stage's family, where it has one, and the unit of the levels.
    """

    stage: str
    levels: tuple[float, ...]
    labels: tuple[str, ...]
    tiles: Pixels
    about: str = ""


@dataclass(frozen=True)
class Gallery:
    """What a gallery shows: the untouched detail, (H, W, 3) of 8 bits, and a row for each stage."""

    original: Pixels
    rows: tuple[GalleryRow, ...]


def stage_gallery(
    image: Tensor, stages: Sequence[Stage], size: int = 160, fractions: Sequence[float] = FRACTIONS
) -> Gallery:
    """Run stages at rising levels on the most detailed part of a picture, at its native resolution.

    A distortion makes a row, another stage one for each of its parameters, the others at their defaults.

    Args:
        image: (3, H, W) RGB in [0, 1].
        stages: of pictures as they are shown; their noise is drawn with a generator seeded with 0, one draw
            for all levels.
        size: the side of the detail; a picture that is smaller is taken whole along that side.
        fractions: the levels, as shares of a range; a choice shows its options.

    Raises:
        ConfigurationError: no stage, one of other images, or a size that is no whole number from 32 to 512.
        StageError: a stage raised, or gave images of another shape.
    """
    import torch

    if isinstance(size, bool) or not isinstance(size, int) or not MINIMUM_SIZE <= size <= MAXIMUM_SIZE:
        raise ConfigurationError(
            f"the size is {size}; allowed: whole numbers from {MINIMUM_SIZE} to {MAXIMUM_SIZE}"
        )
    if not stages:
        raise ConfigurationError("a gallery needs at least one stage")
    detail = _most_detailed(image, size)
    with torch.no_grad():
        rows = tuple(row for stage in stages for row in _rows(stage, detail, fractions))
    return Gallery(pixels_of(detail), rows)


def family_of(stage: Stage) -> str:
    """What kind of distortion a stage is; empty where it says none."""
    return str(getattr(stage, "family", ""))


def _most_detailed(image: Tensor, size: int) -> Tensor:
    """(3, h, w), the part of a picture with the strongest edges, h and w at most ``size``."""
    from torch.nn.functional import avg_pool2d, pad

    height, width = image.shape[-2:]
    high, wide = min(size, height), min(size, width)
    grey = image.mean(dim=0)
    across = pad((grey[:, 1:] - grey[:, :-1]).abs(), (0, 1))
    along = pad((grey[1:] - grey[:-1]).abs(), (0, 0, 0, 1))
    # Roots, so that many edges count more than a single hard one.
    edges = (across + along).sqrt()[None, None]
    steps = (max(high // 4, 1), max(wide // 4, 1))
    found = avg_pool2d(edges, (high, wide), stride=steps)[0, 0]
    row, column = divmod(int(found.argmax()), found.shape[1])
    top, left = row * steps[0], column * steps[1]
    return image[:, top : top + high, left : left + wide].contiguous()


def _rows(stage: Stage, detail: Tensor, fractions: Sequence[float]) -> Iterator[GalleryRow]:
    import torch

    from isptune.contracts.distortion import Distortion
    from isptune.parameters import Choice

    if (stage.domain_in, stage.domain_out) != ("encoded", "encoded"):
        raise ConfigurationError(
            f"the stage '{stage.name}' takes {stage.domain_in} images and gives {stage.domain_out} ones; "
            "a gallery shows stages that take and give encoded ones"
        )
    for name, kind in stage.declared.items():
        if isinstance(kind, Choice):
            levels = torch.arange(min(len(kind.options), len(fractions)), dtype=torch.float64)
            labels = tuple(str(kind.decode(float(level))) for level in levels)
        else:
            levels = kind.from_unit(torch.tensor(fractions, dtype=torch.float64))
            labels = tuple(_label(value, kind.unit) for value in levels.tolist())
        title = stage.name if isinstance(stage, Distortion) else f"{stage.name} {name}"
        tiles = _tiles(stage, detail, name, kind, levels)
        unit = "" if isinstance(kind, Choice) else kind.unit
        about = [family_of(stage), f"in {unit}" if unit else "no unit"]
        yield GalleryRow(title, tuple(levels.tolist()), labels, tiles, ", ".join(filter(None, about)))


def _tiles(stage: Stage, detail: Tensor, name: str, kind: Parameter, levels: Tensor) -> Pixels:
    """The detail at rising values of one parameter, the others at their defaults."""
    import torch

    from isptune.stages.values import column_of, defaults_of

    # A copy per level: a stage may write over what it is given.
    images = detail.repeat(len(levels), 1, 1, 1)
    values = defaults_of(stage, len(levels)) | {name: column_of(kind, levels)}
    try:
        if stage.is_stochastic:
            noise = stage.draw(detail.shape[-2], detail.shape[-1], torch.Generator().manual_seed(0))
            output = stage(images, **values, noise=None if noise is None else noise.to(detail.dtype))
        else:
            output = stage(images, **values)
        if output.shape != images.shape:
            raise ConfigurationError(
                f"it must give images of the shape {tuple(images.shape)}, got {tuple(output.shape)}"
            )
    except IsptuneError:
        raise
    except Exception as error:
        raise StageError(stage.name, error) from error
    return pixels_of(output)


def _label(level: float, unit: str) -> str:
    number = f"{level:.0f}" if abs(level) >= 1000 else f"{level:.3g}"
    return f"{number} {unit}".strip()


def draw_gallery(gallery: Gallery, title: str | None = None) -> Figure:
    """Draw a gallery: a row per stage under its name, the original, then the levels; many rows in columns.

    A pixel of a tile is a pixel of the figure, or a square of whole ones where the tiles are small.

    Args:
        gallery: what ``stage_gallery`` gave.
        title: a heading for the whole figure, if any.

    Returns:
        A figure that ``save`` writes.
    """
    times = max(1, _ENLARGED_TO // max(gallery.original.shape[:2]))
    high, wide = (times * extent for extent in gallery.original.shape[:2])
    tiles = 1 + max(len(row.levels) for row in gallery.rows)
    step = max(wide, _NARROWEST) + _GAP
    across, down = tiles * step - _GAP, _NAME + _LABEL + high + _BETWEEN
    columns = _columns(len(gallery.rows), across + _APART, down)
    longest = -(-len(gallery.rows) // columns)
    width = 2 * _MARGIN + columns * (across + _APART) - _APART
    lines = title_lines(title, width / DOTS_PER_INCH)
    top = _MARGIN + (12 + round(TITLE_LINE * DOTS_PER_INCH) * len(lines) if lines else 0)
    height = top + longest * down - _BETWEEN + _MARGIN
    canvas = np.full((height, width, 3), 255, dtype=np.uint8)
    with style():
        figure = new_figure(width / DOTS_PER_INCH, height / DOTS_PER_INCH)
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_axis_off()
        for number, row in enumerate(gallery.rows):
            column, place = divmod(number, longest)
            left, upper = _MARGIN + column * (across + _APART), top + place * down
            axes.text(left, upper + 4, row.stage, ha="left", va="top", fontsize=10, fontweight="bold")
            axes.text(left + across, upper + 6, row.about, ha="right", va="top", fontsize=8, color=_QUIET)
            upper += _NAME + _LABEL
            named = zip([gallery.original, *row.tiles], ("original", *row.labels), strict=True)
            for tile, label in named:
                enlarged = tile.repeat(times, axis=0).repeat(times, axis=1)
                canvas[upper : upper + high, left : left + wide] = enlarged
                axes.text(left, upper - 4, label, ha="left", va="bottom", fontsize=8)
                left += step
        axes.imshow(canvas, interpolation="nearest", aspect="auto", extent=(0, width, height, 0))
        draw_title(figure, lines)
    return figure


def _columns(rows: int, across: int, down: int) -> int:
    """In how many columns rows of that many pixels look most like a sheet of paper that lies."""

    def away(columns: int) -> float:
        shape = columns * across / (-(-rows // columns) * down)
        return float(abs(np.log(shape / _SHAPE)))

    return min(range(1, min(rows, _MOST_COLUMNS) + 1), key=away)

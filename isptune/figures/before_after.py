"""The before/after figure: whole pictures above, the same details of each enlarged below."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from isptune.errors import ConfigurationError
from isptune.figures.pixels import Pixels, pixels_of
from isptune.figures.style import (
    DOTS_PER_INCH,
    ORANGE,
    SKY,
    TITLE_LINE,
    draw_title,
    new_figure,
    style,
    title_lines,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

# Pixels of the figure: a column holds a whole picture above and two details side by side below.
_DETAIL, _GAP, _MARGIN = 240, 12, 24
_COLUMN = 2 * _DETAIL + _GAP
_TALLEST = 560
_LINE = 30
# Between two scenes.
_BETWEEN = 36
_CAPTION_WIDTH = 52
_FRAMES = (ORANGE, SKY)


@dataclass(frozen=True)
class PicturedScene:
    """One scene of a before/after figure.

    Attributes:
        images: (3, H, W) in [0, 1] of one size, by heading, such as ``start``, ``found`` and ``pristine``, in
            the order of the columns. The details lie where the last one has texture and colour.
        captions: lines under a heading, such as ``"psnr 31.2, normalised l1 0.14"``.
        name: of the scene, over its pictures; none if empty.
    """

    images: Mapping[str, Tensor]
    captions: Mapping[str, str] = field(default_factory=dict)
    name: str = ""


def draw_before_after(
    images: Mapping[str, Tensor], captions: Mapping[str, str] | None = None, title: str | None = None
) -> Figure:
    """Draw pictures side by side, each whole and in two details that are enlarged pixel by pixel.

    Args:
        images, captions: see ``PicturedScene``.
        title: a heading for the whole figure, if any.

    Returns:
        A figure that ``save`` writes; a pixel of a detail is a square of whole pixels of the figure.

    Raises:
        ConfigurationError: no picture, pictures of different sizes or outside [0, 1], a caption for none.
    """
    return draw_scenes([PicturedScene(images, captions or {})], title)


def draw_scenes(scenes: Sequence[PicturedScene], title: str | None = None) -> Figure:
    """Draw several scenes below one another, each as ``draw_before_after`` draws one.

    Raises:
        ConfigurationError: no scene, and what ``draw_before_after`` refuses.
    """
    if not scenes:
        raise ConfigurationError("a before/after figure needs at least one picture")
    parts = [_Part(scene) for scene in scenes]
    columns = max(len(part.pixels) for part in parts)
    width = 2 * _MARGIN + columns * _COLUMN + (columns - 1) * 2 * _GAP
    lines = title_lines(title, width / DOTS_PER_INCH)
    top = _MARGIN + (16 + round(TITLE_LINE * DOTS_PER_INCH) * len(lines) if lines else 0)
    height = top + sum(part.height for part in parts) + _BETWEEN * (len(parts) - 1) + _MARGIN
    with style():
        figure = new_figure(width / DOTS_PER_INCH, height / DOTS_PER_INCH)
        draw_title(figure, lines)
        for part in parts:
            _draw_part(figure, part, top, (width, height))
            top += part.height + _BETWEEN
    return figure


def before_after_crops(
    before: Tensor, after: Tensor, pristine: Tensor | None = None, count: int = 2, side: int | None = None
) -> list[tuple[int, int, int, int]]:
    """Detail crops in which two pictures are compared pixel by pixel.

    Args:
        before, after, pristine: (3, H, W) of one size, in [0, 1].
        count: how many crops; fewer where fewer fit side by side.
        side: of the crops in pixels; about a third of the shorter side if None, and 80 at most.

    Returns:
        (x, y, width, height) of crops that do not overlap, in reading order, always the same for the same
        pictures. They lie where the pristine picture, or else the one after, has texture and colour.

    Raises:
        ConfigurationError: pictures of different sizes.
    """
    from isptune.scenes.crops import choose_crops

    for other in (before, pristine):
        if other is not None and other.shape != after.shape:
            raise ConfigurationError(
                f"pictures to compare need one size, got {tuple(after.shape)} and {tuple(other.shape)}"
            )
    shorter = min(int(after.shape[-1]), int(after.shape[-2]))
    side = min(side or max(16, min(80, shorter // 3)), shorter)
    places = choose_crops(after if pristine is None else pristine, count, side)
    return [(x, y, side, side) for x, y in places]


class _Part:
    """What is drawn of one scene, and the pixels that it takes."""

    def __init__(self, scene: PicturedScene) -> None:
        self.pixels = {heading: _pixels(heading, image) for heading, image in scene.images.items()}
        if not self.pixels:
            raise ConfigurationError("a before/after figure needs at least one picture")
        for heading in scene.captions:
            if heading not in self.pixels:
                raise ConfigurationError(
                    f"there is no picture '{heading}' for a caption; there are {', '.join(self.pixels)}"
                )
        tensors = list(scene.images.values())
        first, last = tensors[0], tensors[-1]
        for image in tensors:
            if image.shape != first.shape:
                raise ConfigurationError(
                    f"pictures to compare need one size, got {tuple(first.shape)} and {tuple(image.shape)}"
                )
        self.crops = before_after_crops(first, last, side=_detail_side(last))
        self.captions = {name: _caption(scene.captions.get(name, "")) for name in self.pixels}
        self.name = textwrap.wrap(scene.name, _CAPTION_WIDTH * len(self.pixels))
        height, width = last.shape[-2:]
        self.scale = min(_COLUMN / width, _TALLEST / height)
        self.wide, self.high = max(1, round(width * self.scale)), max(1, round(height * self.scale))
        rows = len(self.name) + 1 + max(len(caption) for caption in self.captions.values())
        self.head = _LINE * rows + (_GAP if self.name else 0)
        self.height = self.head + self.high + _GAP + _DETAIL


def _draw_part(figure: Figure, part: _Part, top: int, total: tuple[int, int]) -> None:
    """A scene from a height of the figure on, in pixels from its top."""
    for row, line in enumerate(part.name):
        _text(figure, _MARGIN, top + row * _LINE, line, total, size=11, weight="normal")
    below = top + len(part.name) * _LINE + (_GAP if part.name else 0)
    pictures = top + part.head
    for number, (name, caption) in enumerate(part.captions.items()):
        left = _MARGIN + number * (_COLUMN + 2 * _GAP)
        _text(figure, left, below, name, total, size=11, weight="bold")
        for row, line in enumerate(caption, 1):
            _text(figure, left, below + row * _LINE, line, total, size=9, weight="normal")
        box = (left + (_COLUMN - part.wide) // 2, pictures, part.wide, part.high)
        whole = _picture(figure, box, total, _resized(part.pixels[name], part.wide, part.high))
        _frame(whole, None)
        for (x, y, side, _), colour, column in zip(part.crops, _FRAMES, (0, 1), strict=False):
            _outline(whole, (x, y, side, side), part.scale, colour)
            detail = part.pixels[name][y : y + side, x : x + side]
            times = _DETAIL // side
            corner = left + column * (_DETAIL + _GAP)
            enlarged = detail.repeat(times, axis=0).repeat(times, axis=1)
            box = (corner, pictures + part.high + _GAP, _DETAIL, _DETAIL)
            _frame(_picture(figure, box, total, enlarged), colour)


def _pixels(heading: str, image: Tensor) -> Pixels:
    """(H, W, 3) of 8 bits."""
    if image.ndim != 3 or image.shape[0] != 3:
        raise ConfigurationError(
            f"the picture '{heading}' has the shape {tuple(image.shape)}; (3, H, W) is needed"
        )
    if not (float(image.min()) >= -1e-6 and float(image.max()) <= 1 + 1e-6):
        raise ConfigurationError(f"the picture '{heading}' holds values outside [0, 1]")
    return pixels_of(image)


def _detail_side(image: Tensor) -> int:
    """The side of a detail: about a third of the picture's shorter one, 80 pixels at most.

    It divides the detail's size in the figure, so that each pixel becomes a square of whole pixels.
    """
    wanted = min(80, min(image.shape[-2:]) // 3)
    return max((side for side in range(1, wanted + 1) if _DETAIL % side == 0), default=1)


def _caption(text: str) -> list[str]:
    return [line for given in text.split("\n") for line in textwrap.wrap(given, _CAPTION_WIDTH)]


def _resized(pixels: Pixels, width: int, height: int) -> Pixels:
    """A whole picture at the size of its place, each output pixel the mean of what it covers.

    Small pictures are first enlarged pixel by pixel, so that they keep their crisp look.
    """
    import torch

    if width > pixels.shape[1]:
        times = -(-2 * width // pixels.shape[1])
        pixels = pixels.repeat(times, axis=0).repeat(times, axis=1)
    planes = torch.from_numpy(pixels).permute(2, 0, 1).unsqueeze(0).to(torch.float32)
    planes = torch.nn.functional.interpolate(planes, size=(height, width), mode="bilinear", antialias=True)
    return pixels_of(planes[0] / 255)


def _picture(figure: Figure, box: tuple[int, int, int, int], total: tuple[int, int], pixels: Pixels) -> Axes:
    """Axes of exactly the pixels' size at (x, y, width, height) from the top left of the figure."""
    left, top, wide, high = box
    axes = figure.add_axes((left / total[0], 1 - (top + high) / total[1], wide / total[0], high / total[1]))
    axes.imshow(pixels, interpolation="nearest", aspect="auto", extent=(0, wide, high, 0))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    return axes


def _frame(axes: Axes, colour: str | None) -> None:
    for spine in axes.spines.values():
        spine.set_visible(colour is not None)
        spine.set_color(colour or "none")
        spine.set_linewidth(2.5)


def _outline(axes: Axes, crop: tuple[int, int, int, int], scale: float, colour: str) -> None:
    """Where a detail lies in the whole picture: a coloured line on a black one, visible on any ground."""
    from matplotlib.patches import Rectangle

    x, y, wide, high = (value * scale for value in crop)
    # Around the detail rather than on its edge: in a large picture a detail is hardly wider than the lines.
    x, y, wide, high = x - 3, y - 3, wide + 6, high + 6
    for line_colour, thickness in (("black", 3.2), (colour, 1.8)):
        axes.add_patch(Rectangle((x, y), wide, high, fill=False, edgecolor=line_colour, linewidth=thickness))


def _text(
    figure: Figure, left: int, top: int, text: str, total: tuple[int, int], size: float, weight: str
) -> None:
    figure.text(
        left / total[0], 1 - top / total[1], text, ha="left", va="top", fontsize=size, fontweight=weight
    )

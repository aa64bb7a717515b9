"""The before/after figure: whole pictures above, the same details of each enlarged below."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from isptune.errors import ConfigurationError
from isptune.plots.compute import before_after_crops
from isptune.plots.style import (
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
_CAPTION_WIDTH = 52
_FRAMES = (ORANGE, SKY)

Pixels = NDArray[np.uint8]


def draw_before_after(
    images: Mapping[str, Tensor], captions: Mapping[str, str] | None = None, title: str | None = None
) -> Figure:
    """Draw pictures side by side, each whole and in two details that are enlarged pixel by pixel.

    Args:
        images: (3, H, W) in [0, 1] of one size, by heading, such as ``before``, ``after`` and ``pristine``,
            in the order of the columns. The details lie where the last one has texture and colour.
        captions: a line or more under a heading, such as ``"psnr 31.2 dB, l1 0.14"``.
        title: a heading for the whole figure, if any.

    Returns:
        A figure that ``save`` writes; a pixel of a detail is a square of whole pixels of the figure.

    Raises:
        ConfigurationError: no picture, pictures of different sizes or outside [0, 1], a caption for none.
    """
    pixels = {heading: _pixels(heading, image) for heading, image in images.items()}
    captions = dict(captions or {})
    if not pixels:
        raise ConfigurationError("a before/after figure needs at least one picture")
    for heading in captions:
        if heading not in pixels:
            raise ConfigurationError(
                f"there is no picture '{heading}' for a caption; there are {', '.join(pixels)}"
            )
    tensors = list(images.values())
    first, last = tensors[0], tensors[-1]
    for image in tensors:
        if image.shape != first.shape:
            raise ConfigurationError(
                f"pictures to compare need one size, got {tuple(first.shape)} and {tuple(image.shape)}"
            )
    crops = before_after_crops(first, last, side=_detail_side(last))
    headings = {name: _caption(captions.get(name, "")) for name in pixels}
    height, width = last.shape[-2:]
    scale = min(_COLUMN / width, _TALLEST / height)
    wide, high = max(1, round(width * scale)), max(1, round(height * scale))
    total_width = 2 * _MARGIN + len(pixels) * _COLUMN + (len(pixels) - 1) * 2 * _GAP
    lines = title_lines(title, total_width / DOTS_PER_INCH)
    top = _MARGIN + (16 + round(TITLE_LINE * DOTS_PER_INCH) * len(lines) if lines else 0)
    head = top + _LINE * (1 + max(len(caption) for caption in headings.values()))
    total = (total_width, head + high + _GAP + _DETAIL + _MARGIN)
    with style():
        figure = new_figure(total[0] / DOTS_PER_INCH, total[1] / DOTS_PER_INCH)
        draw_title(figure, lines)
        for number, (name, caption) in enumerate(headings.items()):
            left = _MARGIN + number * (_COLUMN + 2 * _GAP)
            _text(figure, left, top, name, total, size=11, weight="bold")
            for row, line in enumerate(caption, 1):
                _text(figure, left, top + row * _LINE, line, total, size=9, weight="normal")
            box = (left + (_COLUMN - wide) // 2, head, wide, high)
            whole = _picture(figure, box, total, _resized(pixels[name], wide, high))
            _frame(whole, None)
            for (x, y, side, _), colour, column in zip(crops, _FRAMES, (0, 1), strict=False):
                _outline(whole, (x, y, side, side), wide / width, colour)
                detail = pixels[name][y : y + side, x : x + side]
                times = _DETAIL // side
                corner = left + column * (_DETAIL + _GAP)
                enlarged = detail.repeat(times, axis=0).repeat(times, axis=1)
                box = (corner, head + high + _GAP, _DETAIL, _DETAIL)
                _frame(_picture(figure, box, total, enlarged), colour)
    return figure


def _pixels(heading: str, image: Tensor) -> Pixels:
    """(H, W, 3) of 8 bits."""
    if image.ndim != 3 or image.shape[0] != 3:
        raise ConfigurationError(
            f"the picture '{heading}' has the shape {tuple(image.shape)}; (3, H, W) is needed"
        )
    image = image.detach().cpu()
    if not (float(image.min()) >= -1e-6 and float(image.max()) <= 1 + 1e-6):
        raise ConfigurationError(f"the picture '{heading}' holds values outside [0, 1]")
    planes = (image.clamp(0, 1) * 255).round().permute(1, 2, 0).contiguous().numpy()
    return planes.astype(np.uint8)


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
    resized: Pixels = planes[0].round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    return resized


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

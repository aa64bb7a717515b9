"""The objective ``reference-camera``: look as another camera's picture of the same chart or scene does."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from isptune.contracts.objective import Objective, check_images
from isptune.contracts.requirements import Memory
from isptune.errors import ConfigurationError
from isptune_charts.colour import ciede2000, lab
from isptune_charts.leaves import shift_between
from isptune_charts.light import linear, luma
from isptune_charts.spectra import radial

SMALLEST = 32
BINS = 16
"""Rings of frequencies from 0 to half a cycle per pixel, in which textures are compared."""

_MOST_SHIFTED = 0.1
# Power below that of a tenth of a grey level of 255 in every ring is nothing.
_FLOOR = (0.1 / 255) ** 2


def registered(images: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """A reference moved to where pictures show the same, by whole pixels, and what both show.

    The phase correlation of luma tells by how much. What is left of a pixel changes no spectrum and no mean
    of a block, and interpolation would blur. A shift of more than a tenth of the picture is taken for none.

    Args:
        images: (N, 3, H, W).
        reference: (N, 3, H, W), or (1, 3, H, W).

    Returns:
        (N, 3, H, W) the reference where the pictures are, and (N, 1, H, W) 1 where both show something.
    """
    reference = reference.expand_as(images)
    height, width = images.shape[-2:]
    with torch.no_grad():
        shift = shift_between(luma(images.detach()).double(), luma(reference).double()).round().long()
        most = _MOST_SHIFTED * torch.tensor([height, width], device=shift.device)
        shift = torch.where((shift.abs() > most).any(dim=1, keepdim=True), 0, shift)
        if not bool(shift.any()):
            return reference, torch.ones_like(images[:, :1])
        rows = torch.arange(height, device=shift.device) - shift[:, :1]
        columns = torch.arange(width, device=shift.device) - shift[:, 1:]
        seen = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
        rows, columns = rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None, :]
        samples = torch.arange(len(images), device=shift.device)[:, None, None]
        moved = reference.movedim(1, -1)[samples, rows, columns].movedim(-1, 1)
        return moved, seen[:, None].to(images.dtype)


def colour_difference(images: Tensor, reference: Tensor, seen: Tensor, block: int = 8) -> Tensor:
    """(N,) mean CIEDE2000 of blocks, averaged in linear light: tone and colour without texture and noise.

    Args:
        images, reference: (N, 3, H, W) encoded sRGB, registered.
        seen: (N, 1, H, W) 1 where both show something.
        block: its side in pixels.
    """
    weight = functional.avg_pool2d(seen, block)

    def blocks(pictures: Tensor) -> Tensor:
        sums = functional.avg_pool2d(linear(pictures) * seen, block)
        return lab((sums / weight.clamp(min=1e-3)).movedim(1, -1))

    whole = (weight[:, 0] > 0.5).to(images.dtype)
    apart = ciede2000(blocks(images), blocks(reference)) * whole
    return apart.sum(dim=(1, 2)) / whole.sum(dim=(1, 2)).clamp(min=1)


def texture_levels(pictures: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """(F,) frequencies in cycles per pixel and (N, F) the power of luma there, in dB."""
    window = _window(pictures) * seen[:, 0]
    bright = luma(pictures)
    mean = (bright * window).sum(dim=(1, 2), keepdim=True) / window.sum(dim=(1, 2), keepdim=True).clamp(min=1)
    power = torch.fft.rfft2((bright - mean) * window).abs().square()
    power = power / window.square().sum(dim=(1, 2), keepdim=True).clamp(min=1)
    frequencies, found = radial(power, (pictures.shape[-2], pictures.shape[-1]), BINS)
    return frequencies, 10 * torch.log10(found + _FLOOR)


def _window(pictures: Tensor) -> Tensor:
    height, width = pictures.shape[-2:]
    down = torch.hann_window(height, periodic=False, dtype=pictures.dtype, device=pictures.device)
    across = torch.hann_window(width, periodic=False, dtype=pictures.dtype, device=pictures.device)
    return down[:, None] * across


def texture_difference(images: Tensor, reference: Tensor, seen: Tensor) -> Tensor:
    """(N,) root mean square difference of texture spectra in dB, over all frequencies.

    Args:
        images, reference: (N, 3, H, W) encoded sRGB, registered.
        seen: (N, 1, H, W) 1 where both show something.
    """
    _, found = texture_levels(images, seen)
    _, wanted = texture_levels(reference, seen)
    return ((found - wanted).square().mean(dim=1) + 1e-12).sqrt()


class ReferenceCamera(Objective):
    """How far pictures are from another camera's of the same chart or scene: colour and texture.

    The reference is registered first, to the nearest pixel. Tone and colour are compared as the mean
    CIEDE2000 of small blocks, texture as the root mean square difference of the spectra of luma in dB;
    ``score`` is ``colour + texture_weight * texture``. Range [0, 1000], 0 for the same picture, LOWER is
    better. It matches noise as well as detail, as spectra do not tell them apart. Pictures of at least 32 px
    on each side and of the reference's size.

    Args:
        texture_weight: what a decibel counts against a CIEDE2000 of 1, from 0.
        block: side of the blocks in pixels, 2 to 32.

    Example:
        >>> import isptune, torch
        >>> other = torch.rand(1, 3, 48, 64)
        >>> round(float(isptune.create_objective("reference-camera").score(other, other)), 4)
        0.0
    """

    higher_is_better = False
    needs_reference = True
    is_differentiable = True
    score_range = (0.0, 1000.0)
    labels = ("colour", "texture")
    memory = Memory(images=12.0)

    def __init__(
        self,
        texture_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0,
        block: Annotated[int, Field(ge=2, le=32)] = 8,
    ) -> None:
        if not texture_weight >= 0:
            raise ConfigurationError(f"texture_weight is {texture_weight}; allowed: 0 and above")
        if not 2 <= block <= 32:
            raise ConfigurationError(f"block is {block}; allowed: 2 to 32")
        self.texture_weight, self.block = texture_weight, block

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        colour, texture = self.scores(images, reference).unbind(1)
        return colour + self.texture_weight * texture

    def scores(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        name = self.name or "reference-camera"
        images = check_images(images, name)
        if min(images.shape[-2:]) < SMALLEST:
            raise ConfigurationError(
                f"'{name}' needs images of at least {SMALLEST} px on each side, "
                f"got {images.shape[-1]}x{images.shape[-2]}"
            )
        reference = self.require_reference(images, reference).double()
        wanted, seen = registered(images.double(), reference)
        pair = images.double(), wanted, seen
        found = [colour_difference(*pair, self.block), texture_difference(*pair)]
        return torch.stack(found, dim=1).to(images.dtype)

"""Stages in which a picture has fewer samples than pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from isptune.contracts.distortion import keep_identity
from isptune.contracts.requirements import Memory
from isptune.contracts.stage import per_sample
from isptune.errors import ConfigurationError
from isptune.stages.memory import room
from isptune.stages.strips import given_back, is_plain
from isptune_synthetic.definition import by_kornia
from isptune_synthetic.options import GRADIENTS, checked_choice
from isptune_synthetic.rows import row_strips
from isptune_synthetic.stages.base import SyntheticStage

_PATTERNS = ("rggb", "bggr", "grbg", "gbrg")
# A share of 0.3 in float32 must take 30 of 100 rows away, not 31.
_ROUNDING = 1e-4


def pixelate(images: Tensor, amount: Tensor, *, gradient: str = "none", out: Tensor | None = None) -> Tensor:
    """Drop a share of all rows and columns, and repeat those that are left.

    The picture is resized to ``floor(H (1 - l))`` by ``floor(W (1 - l))`` and back, by the nearest pixel
    ("pixelate" of ARNIQA after KADID-10k, whose strength s stands for ``l = 0.05 + s ** 0.6``: even at s = 0
    it resizes).

    Args:
        images: (N, 3, H, W) RGB in [0, 1].
        amount: (N,), ``l``, 0 to 0.71.
        gradient: ``"none"`` is constant between two sizes, with a gradient for the images alone; ``"soft"``
            blends what the two sizes give, which is continuous in the amount and has a true gradient;
            ``"straight_through"`` gives the picture of ``"none"`` with the gradient of ``"soft"``.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Raises:
        ConfigurationError: ``gradient`` is none of the three.

    Example:
        >>> import torch
        >>> ramp = torch.arange(8.0).div(8).expand(1, 3, 8, 8)
        >>> pixelate(ramp, torch.tensor([0.5]))[0, 0, 0].mul(8).tolist()
        [0.0, 0.0, 2.0, 2.0, 4.0, 4.0, 6.0, 6.0]
    """
    checked_choice("pixelate", "gradient", gradient, GRADIENTS)
    # In float64: a share of a few thousand rows has to hit the right row.
    kept = 1 - amount.to(device=images.device, dtype=torch.float64)
    if is_plain(images, amount):
        if out is None:
            out = room(images.shape, images.dtype)
        for index, share in enumerate(kept):
            out[index] = (
                _softly(images[index], share) if gradient == "soft" else _coarse(images[index], share)
            )
        return out
    results = []
    for image, share in zip(images, kept, strict=True):
        if gradient == "none":
            result = _coarse(image, share)
        else:
            result = _softly(image, share)
        if gradient == "straight_through":
            result = _coarse(image, share).detach() + (result - result.detach())
        results.append(result)
    return given_back(keep_identity(images, torch.stack(results).clamp(0, 1), amount), out)


def _coarse(image: Tensor, share: Tensor) -> Tensor:
    """(3, H, W) resized to a share of its rows and columns and back."""
    rows, columns = (
        _nearest(length, max(int(float(share.detach()) * length + _ROUNDING), 1)).to(image.device)
        for length in image.shape[1:]
    )
    kept, again = rows.unique_consecutive(return_inverse=True)
    return image.index_select(1, kept).index_select(2, columns).index_select(1, again)


def _nearest(length: int, size: int) -> Tensor:
    """Which of ``length`` pixels each one shows after a resize to ``size`` and back."""
    # PyTorch's own resizing of the pixels' numbers, because it is what rounds: in float32, in which they are
    # exact up to 2 ** 24.
    numbers = torch.arange(length, dtype=torch.float32)[None, None]
    return functional.interpolate(functional.interpolate(numbers, size=size), size=length).long()[0, 0]


def _softly(image: Tensor, share: Tensor) -> Tensor:
    """(3, H, W) between what ``_coarse`` gives for the two sizes next to the exact one."""
    for dimension in (1, 2):
        length = image.shape[dimension]
        exact = (share * length).clamp_min(1.0)
        # The picture's own size is the larger one of the last pair, so that it has a slope from there on.
        size = max(min(int(exact.detach()), length - 1), 1)
        smaller, larger = (
            image.index_select(dimension, _nearest(length, near).to(image.device))
            for near in (size, min(size + 1, length))
        )
        image = torch.lerp(smaller, larger, (exact - size).to(image.dtype))
    return image


def demosaic_artifacts(
    images: Tensor, amount: Tensor, *, pattern: str = "rggb", out: Tensor | None = None
) -> Tensor:
    """Blend a picture with what bilinear demosaicing makes of its Bayer mosaic.

    Of each pixel one colour is kept; the others are the means of the two or four nearest pixels that have
    them, which gives fine detail coloured fringes and edges a zipper. Borders are mirrored, which keeps the
    pattern.

    Args:
        images: (N, 3, H, W) RGB in [0, 1], sides of at least 2 px.
        amount: (N,) weight of the demosaiced picture, 0 to 1.
        pattern: colours of the upper left 2 x 2 pixels by rows: rggb, bggr, grbg or gbrg.
        out: (N, 3, H, W) that receives the result, for calls without gradients; may be ``images``.

    Returns:
        (N, 3, H, W) RGB in [0, 1].

    Raises:
        ConfigurationError: another pattern, or a side of 1 px.

    Example:
        >>> import torch
        >>> flat = torch.full((1, 3, 8, 8), 0.25)
        >>> torch.equal(demosaic_artifacts(flat, torch.tensor([1.0])), flat)
        True
    """
    checked_choice("demosaic_artifacts", "pattern", pattern, _PATTERNS)
    height, width = images.shape[-2:]
    if min(height, width) < 2:
        raise ConfigurationError(f"a mosaic needs pictures of at least 2 x 2 px, got {width} x {height}")
    amounts = amount.to(device=images.device, dtype=images.dtype)
    if by_kornia(images):
        mixed = torch.lerp(images, _demosaiced(images, pattern), per_sample(amount, images)).clamp(0, 1)
        return given_back(keep_identity(images, mixed, amount), out)
    if not is_plain(images, amount):
        planes = []
        for channel, colour in enumerate("rgb"):
            mosaic = _mirrored(images[:, channel] * _mask(pattern, colour, images))
            full = _interpolated(mosaic, colour == "g")
            planes.append(torch.lerp(images[:, channel], full, amounts.reshape(-1, 1, 1)))
        return given_back(keep_identity(images, torch.stack(planes, dim=1).clamp(0, 1), amount), out)
    if out is None:
        out = room(images.shape, images.dtype)
    for channel, colour in enumerate("rgb"):
        mask = _mask(pattern, colour, images)
        for index, own in enumerate(amounts):
            plane = images[index, channel]
            mosaic = _mirrored((plane * mask)[None])[0]
            for first, last in row_strips(height, width):
                full = _interpolated(mosaic[first : last + 2], colour == "g")
                out[index, channel, first:last] = torch.lerp(plane[first:last], full, own).clamp_(0, 1)
    return out


def _demosaiced(images: Tensor, pattern: str) -> Tensor:
    """What Kornia makes of the pictures' mosaic; odd sides are continued by a mirrored row or column."""
    from kornia.color import CFA, raw_to_rgb, rgb_to_raw

    # Kornia names a pattern by its second row, as OpenCV does.
    cfa = {"rggb": CFA.BG, "grbg": CFA.GB, "bggr": CFA.RG, "gbrg": CFA.GR}[pattern]
    height, width = images.shape[-2:]
    even = functional.pad(images, (0, width % 2, 0, height % 2), mode="reflect")
    full: Tensor = raw_to_rgb(rgb_to_raw(even, cfa), cfa)
    return full[..., :height, :width]


def _mask(pattern: str, colour: str, images: Tensor) -> Tensor:
    """(H, W) with 1 where the mosaic has that colour and 0 elsewhere."""
    height, width = images.shape[-2:]
    cell = torch.tensor([float(one == colour) for one in pattern], dtype=images.dtype, device=images.device)
    return cell.reshape(2, 2).repeat((height + 1) // 2, (width + 1) // 2)[:height, :width]


def _mirrored(planes: Tensor) -> Tensor:
    return functional.pad(planes, (1, 1, 1, 1), mode="reflect")


def _interpolated(mosaic: Tensor, is_green: bool) -> Tensor:
    """(..., H, W) from (..., H + 2, W + 2) that holds one colour's pixels and 0 elsewhere."""
    if is_green:
        # Every second pixel; the others have four such neighbours.
        beside = (
            mosaic[..., 1:-1, :-2] + mosaic[..., 1:-1, 2:] + mosaic[..., :-2, 1:-1] + mosaic[..., 2:, 1:-1]
        )
        return torch.add(mosaic[..., 1:-1, 1:-1], beside, alpha=0.25)
    # Every second row of every second column: linear interpolation along both.
    rows = torch.add(mosaic[..., 1:-1, :], mosaic[..., :-2, :] + mosaic[..., 2:, :], alpha=0.5)
    return torch.add(rows[..., 1:-1], rows[..., :-2] + rows[..., 2:], alpha=0.5)


class Pixelate(SyntheticStage):
    """Pixelation; the level is the share of rows and columns that are dropped, 0 to 0.71.

    Args:
        gradient: ``"none"``, ``"straight_through"`` or ``"soft"``; see ``pixelate``. With either of the
            last two gradients flow, and ``is_differentiable`` is True; those of ``"soft"`` are true.

    Raises:
        ConfigurationError: another gradient.
    """

    family = "compression"
    level_range = (0.0, 0.71)
    parameter_name = "pixelation"
    reference_range = (0.0, 0.5)
    is_differentiable = False
    memory = Memory(images=2.5, images_with_gradients=10.0)

    def __init__(self, gradient: str = "none") -> None:
        super().__init__()
        self.gradient = checked_choice("pixelate", "gradient", gradient, GRADIENTS)
        self.is_differentiable = self.gradient != "none"

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return pixelate(images, level, gradient=self.gradient, out=out)

    def _level_of(self, value: float) -> float:
        return 0.05 + value**0.6


class DemosaicArtifacts(SyntheticStage):
    """Bilinear demosaicing of a Bayer mosaic; the level is the weight of its result, 0 to 1.

    Args:
        pattern: colours of the mosaic's upper left 2 x 2 pixels by rows: rggb, bggr, grbg or gbrg.

    Raises:
        ConfigurationError: another pattern.
    """

    family = "local"
    parameter_name = "demosaicing"
    memory = Memory(images=2.4, images_with_gradients=12.0)

    def __init__(self, pattern: str = "rggb") -> None:
        super().__init__()
        self.pattern = checked_choice("demosaic_artifacts", "pattern", pattern, _PATTERNS)

    def apply_level(self, images: Tensor, level: Tensor, noise: Tensor | None, out: Tensor | None) -> Tensor:
        return demosaic_artifacts(images, level, pattern=self.pattern, out=out)

"""Statistics of detail and of what processing does to it: (N, 3, H, W) in [0, 1] to (N,) or (N, 4).

Sums are taken in float64 and no sample meets another. Luma is ITU-R BT.601's of the values as they are
stored, and may be given as ``luma_255`` where it is there already. Results are in the type of the images, at
least float32.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as nn_functional

from isptune_statistics.natural_scenes import luma_255

OCTAVES = 4
# Half a level of 8 bits, in luma of 0..1: what is smaller is rounding, not detail.
_HALF_LEVEL = 0.5 / 255
_LEAST_SHARE = 1e-6
_BLOCK = 8


def octave_sharpness(images: Tensor, luma: Tensor | None = None) -> Tensor:
    """Decimal logarithm of the share that each of the four finest octaves has in the variance of luma.

    Octave k is a level of a Laplacian pyramid (P. J. Burt, E. H. Adelson, IEEE Transactions on Communications
    31(4), 1983): luma reduced k times by 2 with an antialiased bicubic, minus itself reduced once more and
    enlarged again. ``log10(1e-6 + mean(octave^2) / (var(Y) + (0.5/255)^2))``. Photographs have about equal
    shares; blur takes the finest octave first, noise fills it.

    Args:
        images: (N, 3, H, W) in [0, 1], H and W at least 32.

    Returns:
        (N, 4), the finest octave (wavelengths of 2 to 4 px) first; -6 where there is nothing at all.
    """
    plane = _luma(images, luma)
    deviation = plane - plane.mean(dim=(1, 2, 3), keepdim=True)
    variance = deviation.square_().mean(dim=(1, 2, 3)) + _HALF_LEVEL**2
    shares = []
    for _ in range(OCTAVES):
        height, width = plane.shape[-2:]
        coarse = nn_functional.interpolate(
            plane,
            size=(max(1, height // 2), max(1, width // 2)),
            mode="bicubic",
            antialias=True,
            align_corners=False,
        )
        back = nn_functional.interpolate(coarse, size=(height, width), mode="bicubic", align_corners=False)
        shares.append((plane - back).square().mean(dim=(1, 2, 3)) / variance)
        plane = coarse
    return torch.log10(torch.stack(shares, dim=1) + _LEAST_SHARE).to(_kind(images))


def blockiness(images: Tensor, luma: Tensor | None = None) -> Tensor:
    """Steps of luma across the borders of 8 x 8 blocks against steps inside the blocks.

    ``(b - i) / (b + i + 0.5/255)`` with b the mean absolute difference of two neighbours on either side of a
    border of the grid that starts in the upper left corner (as JPEG's does), i that of all other neighbours,
    rows and columns together: about 0 for an image that was never compressed, towards 1 where only blocks
    are left. A crop that starts off the grid hides it. After Z. Wang, H. R. Sheikh, A. C. Bovik, ICIP 2002.

    Args:
        images: (N, 3, H, W) in [0, 1], H and W at least 9.

    Returns:
        (N,) in [-1, 1]; 0 for a flat image.
    """
    luma = _luma(images, luma)
    borders = luma.new_zeros(len(luma))
    inside = luma.new_zeros(len(luma))
    border_count = inside_count = 0
    for dim in (-1, -2):
        length = luma.shape[dim] - 1
        steps = (luma.narrow(dim, 1, length) - luma.narrow(dim, 0, length)).abs_()
        across = steps.sum(dim=(1, -2 if dim == -1 else -1))
        on_grid = across[:, _BLOCK - 1 :: _BLOCK]
        other = steps.shape[-2 if dim == -1 else -1]
        borders = borders + on_grid.sum(dim=1)
        inside = inside + across.sum(dim=1) - on_grid.sum(dim=1)
        border_count += on_grid.shape[1] * other
        inside_count += (length - on_grid.shape[1]) * other
    borders, inside = borders / max(1, border_count), inside / max(1, inside_count)
    return ((borders - inside) / (borders + inside + _HALF_LEVEL)).to(_kind(images))


def overshoot(
    images: Tensor,
    edge: float = 0.1,
    excess: float = 0.1,
    luma: Tensor | None = None,
    compiled: bool = False,
) -> Tensor:
    """Share of the pixels at edges that stand out beyond both sides of the edge: halos, ringing.

    Luma smoothed by a Gaussian of sigma 2 px gives, over the 7 x 7 pixels around each pixel, the lowest and
    highest level of the surroundings. A pixel is at an edge where the two differ by ``edge`` or more, and
    overshoots where its own luma leaves the interval by more than ``excess`` of its width. An unsharp mask
    leaves the smoothed picture as it is and lifts the details out of it, so the share grows with its
    strength. Thin lines and strong noise overshoot too, and a plain step edge does not.

    Args:
        images: (N, 3, H, W) in [0, 1], H and W at least 13.
        edge: the least height of an edge, in luma of 0..1.
        excess: how far beyond the sides counts, as a fraction of the edge's height.
        luma: see above.
        compiled: use compiled loops on a CPU.

    Returns:
        (N,) in [0, 1]; 0 where there are no edges.
    """
    luma = _luma(images, luma)
    if compiled and luma.device.type == "cpu" and len(luma):
        from isptune_statistics.compiled.edges import overshooting

        edges, beyond = overshooting(luma, edge, excess).unbind(dim=1)
        return (beyond.to(torch.float64) / edges.clamp(min=1)).to(_kind(images))
    smooth = _gaussian(luma, 2.0, 6)
    highest = _highest_of_seven(smooth)
    lowest = _highest_of_seven(smooth.neg_()).neg_()
    height = highest - lowest
    edges = height >= edge
    margin = height.mul_(excess)
    beyond = ((luma > highest + margin) | (luma < lowest - margin)) & edges
    counts = edges.sum(dim=(1, 2, 3)).clamp(min=1)
    return (beyond.sum(dim=(1, 2, 3)).to(torch.float64) / counts).to(_kind(images))


def _luma(images: Tensor, luma: Tensor | None) -> Tensor:
    """In 0..1."""
    return (luma_255(images) if luma is None else luma) / 255


def _gaussian(plane: Tensor, sigma: float, half: int) -> Tensor:
    taps = [math.exp(-0.5 * (i / sigma) ** 2) for i in range(-half, half + 1)]
    for dim, padding in ((-1, (half, half, 0, 0)), (-2, (0, 0, half, half))):
        padded = nn_functional.pad(plane, padding, mode="replicate")
        length = plane.shape[dim]
        result = torch.zeros_like(plane)
        for i, tap in enumerate(taps):
            result.add_(padded.narrow(dim, i, length), alpha=tap / sum(taps))
        plane = result
    return plane


def _highest_of_seven(plane: Tensor) -> Tensor:
    """The maximum of the 7 x 7 pixels around each pixel, of those that lie inside the image."""
    for dim, padding in ((-1, (3, 3, 0, 0)), (-2, (0, 0, 3, 3))):
        plane = nn_functional.pad(plane, padding, mode="replicate")
        # Two, four, then seven in a row: three comparisons instead of six.
        for shift in (1, 2, 3):
            length = plane.shape[dim] - shift
            plane = torch.maximum(plane.narrow(dim, 0, length), plane.narrow(dim, shift, length))
    return plane


def _kind(images: Tensor) -> torch.dtype:
    return torch.promote_types(images.dtype, torch.float32)

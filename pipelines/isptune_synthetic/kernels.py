"""Kernels of blurs that are not separable: the disk of a lens out of focus and the line of a moving camera.

Both are made in float64 on a support that the radius or length does not change, so that they are
differentiable with respect to it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

# Over how many pixels of half length the far end's formula fades in, see ``line_kernels``: less than the
# smallest distance between a half length of n / 2 and a pixel just inside of it, 0.0278 px for length 10.
_FADE = 0.025


def disk_kernels(radius: Tensor, reach: int) -> Tensor:
    """Disks antialiased by area: the share of each pixel's square that the disk covers, normalised.

    With the exact area of the intersection of circle and square, so the sum before the normalisation is
    ``pi r ** 2``. A disk of at most 0.5 px lies within the centre's pixel and is the identity.

    Args:
        radius: (N,) in pixels, 0 and above.
        reach: the support is ``2 reach + 1`` squared; ``ceil(max radius - 0.5)`` loses nothing.

    Returns:
        (N, 2 reach + 1, 2 reach + 1) float64, each of sum 1.
    """
    # Disks below 0.5 px are all the same kernel; the smallest of them only have to stay away from 0 / 0.
    wide = radius.double().clamp_min(0.25).reshape(-1, 1, 1)
    edges = torch.arange(-reach - 0.5, reach + 1.0, device=radius.device, dtype=torch.float64)
    corners, arcs = _disk_in_rectangle(edges[:, None], edges[None, :], wide.detach())
    areas = _differences(corners).clamp_min(0.0)
    # The area grows with the radius by the length of the arc in the square. Adding that slope by hand spares
    # the chain rule through arcsin and square roots, whose terms are infinite at the circle's poles.
    areas = areas + _differences(arcs).clamp_min(0.0) * (wide - wide.detach())
    return areas / areas.sum(dim=(1, 2), keepdim=True)


def _disk_in_rectangle(y: Tensor, x: Tensor, radius: Tensor) -> tuple[Tensor, Tensor]:
    """Signed area of the disk between the axes and the lines x and y, and the arc's length in there."""
    sign = x.sign() * y.sign()
    across, along = torch.minimum(x.abs(), radius), torch.minimum(y.abs(), radius)
    angle = (torch.asin(across / radius) + torch.asin(along / radius) - math.pi / 2).clamp_min(0.0)
    triangles = along * (radius.square() - along.square()).sqrt()
    triangles = triangles + across * (radius.square() - across.square()).sqrt()
    cut = (triangles + radius.square() * angle) / 2
    area = torch.where(x.square() + y.square() <= radius.square(), across * along, cut)
    return sign * area, sign * radius * angle


def _differences(corners: Tensor) -> Tensor:
    """What lies in each square, from the values at the corners of the grid."""
    return corners[:, 1:, 1:] - corners[:, 1:, :-1] - corners[:, :-1, 1:] + corners[:, :-1, :-1]


def line_kernels(length: Tensor, degrees: Tensor, reach: int) -> Tensor:
    """Lines antialiased by distance: ``max(0, 1 - distance of the pixel to the line)``, normalised.

    The kernel of MATLAB's ``fspecial("motion")`` and of the reference code. Both measure a pixel that lies
    as far out as the line's end to that end, even where the nearest point of the line is before it; as a
    function of the length that is a small jump, over which this kernel goes within 0.05 px of length. At
    every whole length up to 10 it is the reference's.

    Args:
        length: (N,) of the line in pixels, 1 and above; 1 is the identity.
        degrees: (N,) or (1,), counter-clockwise from the horizontal.
        reach: the support is ``2 reach + 1`` squared; ``ceil((max length - 1) / 2)`` loses nothing.

    Returns:
        (N, 2 reach + 1, 2 reach + 1) float64, each of sum 1.
    """
    half = (length.double().reshape(-1, 1, 1) - 1) / 2
    angle = torch.deg2rad(degrees.double()).reshape(-1, 1, 1)
    offsets = torch.arange(-reach, reach + 1, device=length.device, dtype=torch.float64)
    x, y = offsets[None, :], -offsets[:, None]
    along = (x * angle.cos() + y * angle.sin()).abs()
    across = y * angle.cos() - x * angle.sin()
    to_end = _root(across.square() + (half - along).square())
    # The centre is on the line at any length.
    inside = ((half - torch.hypot(x, y)) / _FADE).clamp(0, 1).where((x != 0) | (y != 0), 1.0)
    distance = to_end + (across.abs() - to_end) * (inside.square() * (3 - 2 * inside))
    # A pixel at distance 1 exactly has a slope as the line grows, which rounding must not take away.
    weights = 1 - distance
    weights = torch.where(weights > -1e-15, weights, 0.0)
    return weights / weights.sum(dim=(1, 2), keepdim=True)


def _root(square: Tensor) -> Tensor:
    """The square root, with the slope 0 at 0."""
    positive = square > 0
    return torch.where(positive, torch.where(positive, square, 1.0).sqrt(), 0.0)

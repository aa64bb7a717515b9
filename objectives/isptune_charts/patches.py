"""Patches of a chart: where they lie in a picture, their means, and their noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isptune.contracts.chart import Chart
from isptune.errors import ConfigurationError

SHARE = 0.5
"""The middle of a patch that is looked at, as a share of its width and of its height."""

_LEAST_PIXELS = 9


@dataclass(frozen=True)
class Patch:
    """The pixels of one patch: an upright box, and those of its pixels that lie in the patch.

    Attributes:
        top, bottom, left, right: of the box; bottom and right are the first that lie outside.
        inside: (h, w) 1 for a pixel of the patch, 0 for another.
    """

    top: int
    bottom: int
    left: int
    right: int
    inside: Tensor

    @property
    def pixels(self) -> int:
        return int(self.inside.sum())

    def of(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(..., h, w) the box cut from pictures (..., H, W), and ``inside`` in their type."""
        cut = images[..., self.top : self.bottom, self.left : self.right]
        return cut, self.inside.to(device=images.device, dtype=images.dtype)


def locate(chart: Chart, rows: int, columns: int, size: tuple[int, int], gap: float = 0.0) -> list[Patch]:
    """The patches of a chart in reading order.

    Args:
        chart: whose corners are the outer corners of the first patch of the first row, of its last, of the
            last patch of the last row and of its first.
        rows, columns: of the chart.
        size: height and width of the picture.
        gap: between two patches, as a share of the distance of their middles.

    Raises:
        ConfigurationError: a patch has too few pixels, or the chart lies outside.
    """
    plane = homography(np.array(chart.corners, dtype=float))
    found = []
    for row in range(rows):
        for column in range(columns):
            quad = _middle_of(row, rows, column, columns, gap)
            found.append(_patch(_through(plane, quad), size))
    for number, patch in enumerate(found, 1):
        if patch.pixels < _LEAST_PIXELS:
            plural = "" if patch.pixels == 1 else "s"
            raise ConfigurationError(
                f"patch {number} of the chart '{chart.kind}' has {patch.pixels} pixel{plural} in its middle; "
                f"needed: at least {_LEAST_PIXELS}; take a larger picture"
            )
    return found


def _middle_of(row: int, rows: int, column: int, columns: int, gap: float) -> NDArray[np.float64]:
    """(4, 2) the corners of a patch's middle, in a chart that is 1 wide and 1 high."""
    half = SHARE * (1 - gap) / 2
    x, y = column + (1 - gap) / 2, row + (1 - gap) / 2
    across, down = (
        np.array([x - half, x + half]) / (columns - gap),
        np.array([y - half, y + half]) / (rows - gap),
    )
    return np.array([(across[0], down[0]), (across[1], down[0]), (across[1], down[1]), (across[0], down[1])])


def homography(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3) the projection that takes the corners of the unit square, in order around it, to four points."""
    square = ((0, 0), (1, 0), (1, 1), (0, 1))
    rows, wanted = [], []
    for (u, v), (x, y) in zip(square, corners, strict=True):
        rows += [[u, v, 1, 0, 0, 0, -u * x, -v * x], [0, 0, 0, u, v, 1, -u * y, -v * y]]
        wanted += [x, y]
    found = np.linalg.solve(np.array(rows, dtype=float), np.array(wanted, dtype=float))
    return np.append(found, 1.0).reshape(3, 3)


def _through(plane: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    seen = np.column_stack([points, np.ones(len(points))]) @ plane.T
    return np.asarray(seen[:, :2] / seen[:, 2:])


def _patch(quad: NDArray[np.float64], size: tuple[int, int]) -> Patch:
    """The pixels whose middles lie in a convex quadrilateral."""
    left, top = np.floor(quad.min(axis=0)).astype(int)
    right, bottom = np.ceil(quad.max(axis=0)).astype(int)
    left, top = max(int(left), 0), max(int(top), 0)
    right, bottom = min(int(right), size[1]), min(int(bottom), size[0])
    y, x = np.mgrid[top:bottom, left:right] + 0.5
    sides = []
    for (x1, y1), (x2, y2) in zip(quad, np.roll(quad, -1, axis=0), strict=True):
        sides.append((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1))
    turns = np.stack(sides) if sides else np.zeros((4, 0, 0))
    inside = (turns >= 0).all(axis=0) | (turns <= 0).all(axis=0)
    return Patch(top, max(bottom, top), left, max(right, left), torch.from_numpy(inside.astype(np.float64)))


def means(images: Tensor, patches: list[Patch]) -> Tensor:
    """(N, K, C) mean values of patches in pictures (N, C, H, W)."""
    found = []
    for patch in patches:
        cut, inside = patch.of(images)
        found.append((cut * inside).sum(dim=(-2, -1)) / inside.sum())
    return torch.stack(found, dim=1)


def residuals(images: Tensor, patch: Patch) -> tuple[Tensor, Tensor]:
    """What is left of one patch without its mean and its slope: shading is no noise.

    Args:
        images: (N, C, H, W).

    Returns:
        (N, C, h, w) residuals, 0 outside of the patch, and the degrees of freedom that are left.
    """
    cut, inside = patch.of(images)
    height, width = inside.shape
    rows = (torch.arange(height, device=cut.device, dtype=cut.dtype) - (height - 1) / 2)[:, None].expand_as(
        inside
    )
    columns = (torch.arange(width, device=cut.device, dtype=cut.dtype) - (width - 1) / 2).expand_as(inside)
    plane = torch.stack([torch.ones_like(inside), rows, columns]).flatten(1) * inside.flatten()
    flat = cut.flatten(2) * inside.flatten()
    # Few columns, well conditioned: the normal equations are enough.
    gram = plane @ plane.T
    fitted = torch.linalg.solve(gram, plane @ flat.flatten(0, 1).T).T @ plane
    left = flat - fitted.reshape(flat.shape)
    return left.reshape(cut.shape), inside.sum() - len(plane)


def deviations(images: Tensor, patches: list[Patch]) -> Tensor:
    """(N, K, C) standard deviations of patches in pictures (N, C, H, W), without what a plane explains."""
    found = []
    for patch in patches:
        left, freedom = residuals(images, patch)
        found.append((left.square().sum(dim=(-2, -1)) / freedom).clamp(min=1e-16).sqrt())
    return torch.stack(found, dim=1)
